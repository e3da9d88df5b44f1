"""Invariant heads: features of the whole network from those of its weights."""

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
    """For each piece of each tensor and each value of its free positions the maximum over the other positions.

    The nonlinear companion of the mean pools; invariant, to permuting positional indices too. Of vectors, which the
    symmetry turns or gives another sign, it is the maximum of their lengths. Takes features
    `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`.

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
            parts = take_apart(tensor.layout, x[tensor.name], lead=1)
            for entries, (piece, part) in zip(self.pieces.entries[tensor.name], parts, strict=True):
                dims = [place for place in range(1, len(piece.positions) + 1) if place - 1 not in piece.free]
                part = entries.argument(part).to(part.dtype)
                found.append((part.amax(dims) if dims else part).flatten(1))
        return torch.cat(found, dim=-1)


class InvariantHead(nn.Module):
    """Mean and max pools of all tensors, mixed and read out by a perceptron.

    The means go through the derived `InvariantLinear`, the maxima (`SetMax`) through a linear map of their own; their
    sum is normalised and read out by one hidden layer. Takes features `{tensor: (batch, *axes, channels)}`, gives
    `(batch, out_features)`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.
    out_features
        The number of invariants given.
    hidden
        The width of the pools' sum and of the hidden layer.
    maximum
        Whether maxima are pooled beside means.
    terms
        Which tensors the means are taken of, as in `symmetry.EquivariantMaps` with the target `symmetry.SCALAR`: "all",
        or a predicate on (target, source) tensors.
    rank
        The most that the rank of the matrix of the means may be, as an integer or by core. The head has the scalar
        core "" only: ranks of other cores say nothing about it.
    limit
        The most diagrams that are listed.

    Raises
    ------
    SpecificationError
        If `terms` or `rank` say nothing that can be read, or the maps have more diagrams than `limit`.

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
