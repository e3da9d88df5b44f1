"""The layers of nfn 0.1.2 for a weight space, each as it comes, and a few put together from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from layergen.testing import FORMS, random_features
from symmetry import WeightSpace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nfn.common import WeightSpaceFeatures, network_spec_from_wsfeat  # type: ignore[import-untyped]
    from nfn.layers import HNPLinear, HNPPool, NPAttention, NPLinear, NPPool  # type: ignore[import-untyped]

__all__ = ["CHANNELS", "LINEAR", "NONLINEAR", "POOLS", "PUBLISHED", "Completed", "Readout", "network_spec", "pool"]

CHANNELS = 4
"""The channels of what is not linear."""
BETWEEN = 3
"""The channels between two layers in sequence."""


def network_spec(space: WeightSpace) -> Any:
    """What nfn's layers are made for: nfn's own description of a network, from features of the space."""
    return network_spec_from_wsfeat(FORMS["nfn"].pack(random_features(space), space))


def seeded(make: Callable[[WeightSpace], nn.Module], space: WeightSpace) -> nn.Module:
    """A layer with the same parameters in every run, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(space).eval()


def hnp_linear(space: WeightSpace, in_channels: int = 1, out_channels: int = 1) -> nn.Module:
    """`HNPLinear`."""
    return HNPLinear(network_spec(space), in_channels, out_channels)


def np_linear(space: WeightSpace, *, io_embed: bool = False) -> nn.Module:
    """`NPLinear` with one channel; with `io_embed` it adds learned offsets to the first and last layer's features."""
    return NPLinear(network_spec(space), 1, 1, io_embed=io_embed)


class Completed(nn.Module):
    """`HNPLinear` and the map that it lacks, from the last hidden bias to the last weight: a row for each output."""

    def __init__(self, space: WeightSpace) -> None:
        super().__init__()
        self.layer = hnp_linear(space)
        self.outputs = space.tensors[-1].shape[0]
        self.from_bias = nn.Conv1d(1, self.outputs, 1, bias=False)

    def forward(self, x: Any) -> Any:
        """The features, with `(batch, channel, outputs, neurons)` more on the last weight."""
        out = self.layer(x)
        more = self.from_bias(x.biases[-2]).unflatten(1, (-1, self.outputs))
        return WeightSpaceFeatures((*out.weights[:-1], out.weights[-1] + more), out.biases)


def two_in_sequence(space: WeightSpace) -> nn.Module:
    """Two `HNPLinear`, nothing between them."""
    return nn.Sequential(hnp_linear(space, 1, BETWEEN), hnp_linear(space, BETWEEN, 1))


LINEAR: dict[str, Callable[[WeightSpace], nn.Module]] = {
    "HNPLinear": partial(seeded, hnp_linear),
    "NPLinear": partial(seeded, np_linear),
    "NPLinear, io_embed": partial(seeded, partial(np_linear, io_embed=True)),
    "HNPLinear and the map": partial(seeded, Completed),
    "two HNPLinear": partial(seeded, two_in_sequence),
}
"""The linear layers by name."""

PUBLISHED = (NPLinear, "NP"), (HNPLinear, "HNP")
"""The linear layers, and the symmetry that each is made for."""

POOLS = {"HNPPool": HNPPool, "NPPool": NPPool}


def pool(name: str, space: WeightSpace) -> nn.Module:
    """A pool, which has no parameters."""
    return POOLS[name](network_spec(space))


class Readout(nn.Module):
    """A learned linear functional of what a pool gives: how invariant maps are made of it."""

    def __init__(self, name: str, space: WeightSpace) -> None:
        super().__init__()
        self.pool = pool(name, space)
        self.linear = nn.LazyLinear(1)
        self(FORMS["nfn"].pack(random_features(space), space))

    def forward(self, x: Any) -> Tensor:
        """One number a network."""
        return self.linear(self.pool(x).flatten(1))


def attention(space: WeightSpace, **options: bool) -> nn.Module:
    """`NPAttention` with two heads of two channels, without dropout."""
    return NPAttention(network_spec(space), CHANNELS, num_heads=2, **options)


class Activation(nn.Module):
    """ReLU of every feature."""

    def forward(self, x: Any) -> Any:
        """The features, none of them negative."""
        return x.map(torch.relu)


def np_network(space: WeightSpace, *, io_embed: bool) -> nn.Module:
    """Two `NPLinear` and ReLU between them, as in nfn's own example."""
    spec = network_spec(space)
    layers = [NPLinear(spec, CHANNELS, CHANNELS, io_embed=io_embed) for _ in range(2)]
    return nn.Sequential(layers[0], Activation(), layers[1])


NONLINEAR: dict[str, Callable[[WeightSpace], nn.Module]] = {
    "NPAttention": partial(seeded, attention),
    "NPAttention, share_projections=False": partial(seeded, partial(attention, share_projections=False)),
    "NPAttention, ablate_diagonalterm": partial(seeded, partial(attention, ablate_diagonalterm=True)),
    "NPAttention, ablate_crossterm": partial(seeded, partial(attention, ablate_crossterm=True)),
    "NPLinear, ReLU, NPLinear": partial(seeded, partial(np_network, io_embed=False)),
    "NPLinear, ReLU, NPLinear, io_embed": partial(seeded, partial(np_network, io_embed=True)),
}
"""The rest by name, each from `CHANNELS` channels to as many."""
