"""Tensors over representation indices: what may be done to their entries, and what takes its place.

A function of single entries commutes with a group's action only where every element permutes the entries. Elsewhere
entries are scaled, by functions of their length along the representation: those are left alone by the group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from layergen.plan.widths import observed_space
from symmetry.errors import SpecificationError
from symmetry.indices import Index, RepresentationIndex
from symmetry.layout import take_apart
from symmetry.weight_space import Tensor as Declared
from symmetry.weight_space import WeightSpace

__all__ = [
    "Gated",
    "NormPointwise",
    "by_piece",
    "check_pointwise",
    "forbids",
    "length",
    "observed",
    "turned_tensors",
]

Features = dict[str, Tensor]
ByDims = Callable[[Tensor, list[int]], Tensor]
"""A function of a piece, axes `(batch, *positions, channels)`, and of the dimensions that a group turns."""

SMALLEST = 1e-12


def forbids(index: Index) -> bool:
    """Whether a group acts on an index otherwise than by permuting its values."""
    return isinstance(index, RepresentationIndex) and not index.acting.permutes


def turned_tensors(space: WeightSpace) -> dict[str, str]:
    """The tensors on which functions of single entries are not equivariant, with the index that forbids them."""
    found: dict[str, str] = {}
    for piece in space.pieces:
        for position in piece.positions:
            if forbids(position.index):
                found.setdefault(piece.tensor, position.index.name)
    return found


def check_pointwise(space: WeightSpace, what: str) -> None:
    """Raise `SpecificationError` if an index of a space forbids functions of single entries."""
    for tensor, name in turned_tensors(space).items():
        index = space.index(name)
        assert isinstance(index, RepresentationIndex)
        raise SpecificationError(
            f"{what} is not equivariant: {index.group} acts on the index {name!r} and does not permute its values",
            part=f'tensor "{tensor}"',
            remedy="use layergen.nn.Gated or NormPointwise; pointwise functions need permutation representations",
        )


def observed(space: WeightSpace, x: Mapping[str, Tensor]) -> WeightSpace:
    """The space with the sizes of some features."""
    return observed_space(space, {name: value.shape[1:-1] for name, value in x.items()})


def by_piece(tensor: Declared, x: Tensor, function: ByDims) -> Tensor:
    """A tensor with a function applied to each of its pieces."""
    parts = [
        function(part, [place + 1 for place, position in enumerate(piece.positions) if forbids(position.index)])
        for piece, part in take_apart(tensor.layout, x, lead=1)
    ]
    whole = parts[0].new_empty(*x.shape[:-1], parts[0].shape[-1])
    for part, (_, place) in zip(parts, take_apart(tensor.layout, whole, lead=1), strict=True):
        place.copy_(part)
    return whole


def length(x: Tensor, dims: Sequence[int]) -> Tensor:
    """The root mean square over some dimensions, which stay with size 1."""
    return (x.square().mean(tuple(dims), keepdim=True) + SMALLEST).sqrt()


class Scaling(nn.Module):
    """A function of entries where that is equivariant, a learned scaling by lengths where it is not."""

    def __init__(self, space: WeightSpace, channels: int, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.space, self.function = space, function
        self.turned = tuple(turned_tensors(space))
        self.scale = nn.Parameter(torch.ones(len(self.turned), channels))
        self.shift = nn.Parameter(torch.zeros(len(self.turned), channels))

    def forward(self, x: Features) -> Features:
        if not self.turned:
            return {name: self.function(value) for name, value in x.items()}
        space, found = observed(self.space, x), dict(x)
        for name, value in x.items():
            if name in self.turned:
                number = self.turned.index(name)
                found[name] = by_piece(space[name], value, self.scaled(self.scale[number], self.shift[number]))
            else:
                found[name] = self.function(value)
        return found

    def scaled(self, scale: Tensor, shift: Tensor) -> ByDims:
        """What happens to a piece of a tensor with such parameters."""

        def act(part: Tensor, dims: list[int]) -> Tensor:
            return part * self.factor(length(part, dims), scale, shift) if dims else self.function(part)

        return act

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """What entries of some lengths are multiplied with."""
        raise NotImplementedError


class Gated(Scaling):
    """Entries that a group turns times `sigmoid(scale · length + shift)`, the others through `function`.

    The gates of Weiler et al. (2018), each from its own field's length. Without representation indices it is
    `Pointwise(function)`.
    """

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return torch.sigmoid(scale * lengths + shift)


class NormPointwise(Scaling):
    """Entries that a group turns get the length `function(scale · length + shift)`, the others `function` of theirs.

    The norm nonlinearity of Worrall et al. (2017).
    """

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return self.function(scale * lengths + shift) / lengths
