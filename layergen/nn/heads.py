"""Invariant heads, which make features of a whole network of the features of its weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor, nn

from layergen.features import Features
from layergen.linear import InvariantLinear
from layergen.nn.set_pools import FixedValues, SetAttention, SetMax, SetPool
from symmetry.maps.equivariant_maps import LIMIT, Terms
from symmetry.space.weight_space import WeightSpace

__all__ = ["HEADS", "InvariantHead", "OutputHead", "perceptron"]

HEADS = ("invariants", "attention", "outputs")
"""How a metanetwork's invariant head may read the features."""


class InvariantHead(nn.Module):
    """Pool all tensors by means, maxima and attention, and read the pools out by a perceptron.

    The means go through the derived `InvariantLinear`, the maxima (`SetMax`) and attention's means (`SetAttention`)
    through linear maps of their own. Their sum goes through a layer norm and a perceptron with one hidden layer. Takes
    features `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`.

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
    attention
        Whether attention pools beside means.
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
    NeurIPS: invariant layers of weight spaces. Lee et al. (2019), "Set Transformer", ICML: pooling by attention.

    Examples
    --------
    >>> import torch
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
        attention: bool = False,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
    ) -> None:
        super().__init__()
        scalar = rank.get("") if isinstance(rank, Mapping) else rank
        self.means = InvariantLinear(space, channels, hidden, terms=terms, rank=scalar, limit=limit)
        self.maxima = reading(SetMax(space, channels), hidden) if maximum else None
        self.attention = reading(SetAttention(space, channels), hidden) if attention else None
        self.read_out = read_out(hidden, out_features)

    def forward(self, x: Features) -> Tensor:
        pooled: Tensor = self.means(x)
        for pools in (self.maxima, self.attention):
            if pools is not None:
                pooled = pooled + pools(x)
        found: Tensor = self.read_out(pooled)
        return found


class OutputHead(nn.Module):
    """Read the entries of the outputs' own tensors one by one, by a perceptron.

    The entries of tensors without sets, such as the output's bias, are invariants, each by itself (`FixedValues`). They
    go through a linear map, a layer norm and a perceptron with one hidden layer. Nothing is pooled: what other tensors
    hold reaches them through the layers before. Takes features `{tensor: (batch, *axes, channels)}`, gives
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
        The number of channels of the hidden layers.
    tensors
        Names of the tensors to read, as in `FixedValues`.

    Raises
    ------
    SpecificationError
        If the space has no tensor of a name.
    ValueError
        If there is no tensor to read; and when called, if a positional index has more or fewer values than in `space`.

    References
    ----------
    Kofinas et al. (2024), "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR:
    a perceptron of the output neurons.

    Examples
    --------
    >>> import torch
    >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 4}, free={"y": 2})
    >>> head = OutputHead(space, channels=8, out_features=3)
    >>> head({"w": torch.randn(5, 2, 4, 8), "b": torch.randn(5, 2, 8)}).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        space: WeightSpace,
        channels: int,
        out_features: int,
        hidden: int = 64,
        *,
        tensors: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        self.values = reading(FixedValues(space, channels, tensors), hidden)
        self.read_out = read_out(hidden, out_features)

    def forward(self, x: Features) -> Tensor:
        found: Tensor = self.read_out(self.values(x))
        return found


def reading(pools: SetPool, hidden: int) -> nn.Sequential:
    """Pools, and a linear map of them."""
    return nn.Sequential(pools, nn.Linear(pools.out_features, hidden))


def read_out(hidden: int, out_features: int) -> nn.Sequential:
    """A norm, and a perceptron with one hidden layer."""
    return nn.Sequential(
        nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, out_features)
    )


def perceptron(inputs: int, hidden: int, outputs: int, *, dropout: float = 0.0) -> nn.Sequential:
    """A perceptron with three hidden layers."""
    layers: list[nn.Module] = []
    for width in (inputs, hidden, hidden):
        layers += [nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))
