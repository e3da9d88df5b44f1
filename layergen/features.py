"""What layers take and give: the tensors of networks, their sizes, and their pieces."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from symmetry.space.layout import Layout, Leaf, Split, Unflatten
from symmetry.space.weight_space import WeightSpace

__all__ = ["Features", "joined", "observed"]

Features = dict[str, Tensor]
"""The tensors of some networks by name, each `(batch, *axes, channels)`: `batch` networks, `channels` an entry."""


def observed(space: WeightSpace, x: Features) -> WeightSpace:
    """The space with the sizes of some features."""
    return space.observed({name: value.shape[1:-1] for name, value in x.items()})


def joined(layout: Layout, parts: Iterator[Tensor]) -> Tensor:
    """The tensor of which `parts` are the pieces, in order, axes `(batch, *positions, channels)` each.

    The inverse of `symmetry.space.layout.take_apart`.
    """
    match layout:
        case Leaf():
            return next(parts)
        case Unflatten():
            below, dim = joined(layout.below, parts), layout.dim + 1
            before, after = below.shape[:dim], below.shape[dim + len(layout.sizes) :]
            return below.reshape(*before, below.shape[dim : dim + len(layout.sizes)].numel(), *after)
        case Split():
            return torch.cat([joined(branch, parts) for branch in layout.branches], dim=layout.dim + 1)
