"""The layers of the package `nfn` (Zhou et al. 2023) on the same weights: HNPLinear and NPLinear.

They take features with channels before the axes: weights `(batch, channels, rows, columns[, k, k])`, biases
`(batch, channels, rows)`. HNPLinear permutes hidden neurons, as here; NPLinear also inputs and outputs, so that it
has fewer parameters.
"""

from __future__ import annotations

import warnings
from itertools import pairwise

import torch
from torch import Tensor, nn

from symmetry import WeightSpace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nfn.common import WeightSpaceFeatures, network_spec_from_wsfeat  # type: ignore[import-untyped]
    from nfn.layers import HNPLinear, NPLinear  # type: ignore[import-untyped]

__all__ = ["LAYERS", "NfnLayer", "channels_first", "is_chain"]

LAYERS = {"HNPLinear": HNPLinear, "NPLinear": NPLinear}


def is_chain(space: WeightSpace) -> bool:
    """Whether nfn has a layer for a space: weights and biases in turn, each weight from the layer before it."""
    if len(space) % 2 or len(space) < 4:
        return False
    pairs = list(zip(space.tensors[::2], space.tensors[1::2], strict=True))
    shaped = all(len(w.shape) in (2, 4) and len(b.shape) == 1 and w.axes[0] == b.axes[0] for w, b in pairs)
    return shaped and all(after.axes[1] == bias.axes[0] for (_, bias), (after, _) in pairwise(pairs))


def channels_first(space: WeightSpace, batch: int, channels: int) -> dict[str, Tensor]:
    """Random features as nfn lays them out, `(batch, channels, *axes)`."""
    return {tensor.name: torch.randn(batch, channels, *tensor.shape) for tensor in space}


class NfnLayer(nn.Module):
    """A layer of nfn for a space that is a chain, features by tensor name."""

    def __init__(self, kind: str, space: WeightSpace, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.names = space.names
        example = [torch.empty(1, in_channels, *tensor.shape) for tensor in space]
        spec = network_spec_from_wsfeat(WeightSpaceFeatures(example[::2], example[1::2]))
        self.layer = LAYERS[kind](spec, in_channels, out_channels)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        values = [x[name] for name in self.names]
        out = self.layer(WeightSpaceFeatures(values[::2], values[1::2]))
        return dict(zip(self.names, [value for pair in out for value in pair], strict=True))
