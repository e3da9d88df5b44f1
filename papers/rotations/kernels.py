"""Convolutional networks: turned kernels on a turned image give the same logits, and a metanetwork the same number."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

import layergen
from layergen.nn import Metanet
from layergen.testing import assert_function_preserved, assert_invariant
from papers.rotations.batches import Features, Weights, chosen, run, train, weights_of
from papers.rotations.images import digits
from papers.rotations.turning import MIRRORS, ROTATIONS, Averaged, largest_change, outputs, turned, turned_image
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["cnn", "cnn_space", "logits_error", "report", "zoo"]

WIDTH, CLASSES = 8, 4

HEADINGS = (
    "metanetwork",
    "weights a channel pair",
    "from the second kernels to themselves",
    "R²",
    *("rotated: R²", "largest change"),
    *("mirrored: R²", "largest change"),
)


def cnn(width: int = WIDTH, classes: int = CLASSES) -> nn.Sequential:
    """A network from images `(image, 1, rows, columns)` to logits `(image, class)`."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, classes),
    )


def cnn_space(
    group: str | None, width: int = WIDTH, classes: int = CLASSES, representation: str = "grid(3)"
) -> WeightSpace:
    """The weights of `cnn`, on whose kernels a group acts; without one their positions are two free indices."""
    kernel = "k" if group else "row column"
    tensors = {
        "0.weight": f"c1 x {kernel}",
        "0.bias": "c1",
        "2.weight": f"c2 c1 {kernel}",
        "2.bias": "c2",
        "6.weight": "y c2",
        "6.bias": "y",
    }
    sets, free = {"c1": width, "c2": width}, {"x": 1, "y": classes}
    if group is None:
        return WeightSpace(tensors, sets=sets, free=free | {"row": 3, "column": 3})
    acting = {"k": {"group": group, "representation": representation}}
    return WeightSpace(tensors, sets=sets, free=free, representations=acting)


class FreeKernels(nn.Module):
    """A metanetwork over free kernel positions as one on the features of the spaces with one kernel axis."""

    def __init__(self, metanet: Metanet) -> None:
        super().__init__()
        self.metanet = metanet

    def forward(self, x: Features) -> Tensor:
        shapes = {tensor.name: tensor.shape for tensor in self.metanet.space}
        return self.metanet({name: x[name].reshape(len(x[name]), *shape, 1) for name, shape in shapes.items()})
