"""Invariant heads, which make features of a whole network of the features of its weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from layergen.features import Features, observed
from layergen.linear import InvariantLinear
from layergen.nn.entries import Pieces
from symmetry.maps.equivariant_maps import LIMIT, Terms
from symmetry.space.layout import take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["InvariantHead", "SetMax"]


class SetMax(nn.Module):
    """Take the maximum over all positions but the free ones, for each piece of each tensor and each free value.

    Beside the means of an `InvariantLinear`, this is the nonlinear pool. It is invariant, to permuting positional
    indices too. Of vectors, entries that the symmetry multiplies by a matrix or a sign, the lengths are compared. Takes
    features `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`, where `out_features` is `channels`
    times the number of free values of all pieces.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.

    References
    ----------
    Zaheer et al. (2017), "Deep Sets", NeurIPS: sums and maxima over sets as invariant pools.

    Examples
    --------
    >>> module = SetMax(WeightSpace({"w": "x h"}, sets={"h": 3}, free={"x": 2}), channels=1)
    >>> module({"w": torch.arange(6.0).reshape(1, 2, 3, 1)}), module.out_features
    (tensor([[2., 5.]]), 2)
    """

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__()
        self.space, self.pieces = space, Pieces(space)
        self.out_features = channels * sum(piece.free_size for piece in space.pieces)

    def forward(self, x: Features) -> Tensor:
        found = []
        for tensor in observed(self.space, x):
            pieces = take_apart(tensor.layout, x[tensor.name], lead=1)
            for entries, (piece, values) in zip(self.pieces.entries[tensor.name], pieces, strict=True):
                dims = [place for place in range(1, len(piece.positions) + 1) if place - 1 not in piece.free]
                compared = entries.argument(values).to(values.dtype)
                found.append((compared.amax(dims) if dims else compared).flatten(1))
        return torch.cat(found, dim=-1)


class InvariantHead(nn.Module):
    """Pool all tensors by means and maxima, and read the pools out by a perceptron.

    The means go through the derived `InvariantLinear`, the maxima (`SetMax`) through a linear map of their own. Their
    sum goes through a layer norm and a perceptron with one hidden layer. Takes features
    `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.
    out_features
        The number of invariants given.
    hidden
        The number of channels of the sum of the pools and of the hidden layer.
    maximum
        Whether maxima are pooled beside means.
    terms
        Which tensors the means are taken of, as in `symmetry.EquivariantMaps` with the target `symmetry.SCALAR`: "all",
        or a predicate on (target, source) tensors. The tensor of `symmetry.SCALAR` shares no set with another, so
        "local" takes no means.
    rank
        The most that the rank of the matrix of the means may be, as an integer or by core. The head has the scalar
        core "" only, so that ranks of other cores are ignored.
    limit
        The most diagrams that the maps of the means may have.

    Raises
    ------
    SpecificationError
        If `terms` or the rank of the scalar core cannot be read, or if the maps have more diagrams than `limit`.

    References
    ----------
    Zaheer et al. (2017), "Deep Sets", NeurIPS; Zhou et al. (2023), "Permutation Equivariant Neural Functionals",
    NeurIPS: invariant layers of weight spaces.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})
    >>> head = InvariantHead(space, channels=8, out_features=3)
    >>> head({"w": torch.randn(5, 4, 2, 8), "b": torch.randn(5, 4, 8)}).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        space: WeightSpace,
        channels: int,
        out_features: int,
        hidden: int = 64,
        *,
        maximum: bool = True,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
    ) -> None:
        super().__init__()
        scalar = rank.get("") if isinstance(rank, Mapping) else rank
        self.means = InvariantLinear(space, channels, hidden, terms=terms, rank=scalar, limit=limit)
        most = SetMax(space, channels)
        self.maxima = nn.Sequential(most, nn.Linear(most.out_features, hidden)) if maximum else None
        self.read_out = nn.Sequential(
            nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, out_features)
        )

    def forward(self, x: Features) -> Tensor:
        means = self.means(x)
        return self.read_out(means if self.maxima is None else means + self.maxima(x))
