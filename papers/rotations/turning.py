"""The elements of D4 by their numbers: on images, on weights, and what they change in a metanetwork's outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import symmetry
from layergen import Features
from symmetry import WeightSpace

__all__ = ["MIRRORS", "ROTATIONS", "Averaged", "largest_change", "outputs", "turned", "turned_image"]


ROTATIONS, MIRRORS = (1, 2, 3), (4, 5, 6, 7)
"""The numbers of the elements of D4 but the identity, 0; those of C4 are 0 and the rotations."""


def turned_image(image: Tensor, number: int) -> Tensor:
    """An image `(..., rows, columns)` moved by an element of D4.

    `number % 4` quarter turns counter-clockwise, for the numbers from 4 after exchanging top and bottom.
    """
    return torch.rot90(image.flip(-2) if number >= 4 else image, number % 4, (-2, -1))


def turned(x: Features, space: WeightSpace, number: int) -> Features:
    """The features of some networks moved by an element of the group, C4 or D4, on a space's representation index."""
    (group,) = space.groups
    return symmetry.element(space, {group: number}).act(x, channels=True)


def outputs(metanet: nn.Module, x: Features, space: WeightSpace) -> Tensor:
    """What a metanetwork says of some networks moved by each element of D4, which acts on `space`.

    Shape `(element, network, output)`, in float64. The metanetwork is left in float64 and evaluation mode.
    """
    metanet.double().eval()
    exact = {name: value.double() for name, value in x.items()}
    with torch.no_grad():
        return torch.stack([metanet(turned(exact, space, number)) for number in (0, *ROTATIONS, *MIRRORS)])


def largest_change(found: Tensor, numbers: tuple[int, ...]) -> float:
    """How far some elements move any of the `outputs`, relative to the largest one without them."""
    return float((found[list(numbers)] - found[0]).abs().max() / found[0].abs().max())


class Averaged(nn.Sequential):
    """A network from images to vectors, averaged over the turns and mirrorings of the image: D4 cannot change it."""

    def forward(self, image: Tensor) -> Any:
        return torch.stack([super(Averaged, self).forward(turned_image(image, number)) for number in range(8)]).mean(0)
