"""What a function may be made of: of some entries the entries themselves, of others only their length.

A function of single entries is equivariant where the symmetry moves entries about and does nothing else to them. Where
it also turns them along an axis, or changes their signs, only their length stays: such entries are scaled by functions
of it. A kind of index says which of the two holds (`symmetry.kinds.index.Invariant`); the modules of this folder are
written once, over `Scalars` and `Vectors`, and know no kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from layergen.features import Features, joined, observed
from symmetry.kinds.index import Invariant
from symmetry.space.layout import Leaf, Piece, take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["SCALARS", "Entries", "Function", "Pieces", "learned", "tensor_entries"]

Function = Callable[[Tensor], Tensor]

SMALLEST = 1e-12
"""Added to squares of lengths, so that roots have gradients at nought."""


@dataclass(frozen=True, slots=True)
class Scalars:
    """Entries that the symmetry moves and does not change: every function of single entries is equivariant."""

    dims: ClassVar[tuple[int, ...]] = ()

    def argument(self, x: Tensor) -> Tensor:
        """The invariants of the entries, which any function may take: the entries themselves."""
        return x

    def apply(self, x: Tensor, function: Function, factor: Function) -> Tensor:
        """`function` of the entries."""
        return function(x)

    def shift(self, x: Tensor, by: Tensor) -> Tensor:
        """The entries plus a vector over the channels."""
        return x + by

    def normalise(self, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        """Layer norm over the channels."""
        return nn.functional.layer_norm(x, scale.shape, scale, shift, eps)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the deviation of each channel over all entries; of channels that do not vary deviation one."""
        x = x.flatten(0, -2)
        return x.mean(0), torch.where(x.amax(0) > x.amin(0), x.std(0, correction=0), 1.0)

    def drop(self, x: Tensor, dropout: Function) -> Tensor:
        """Dropout of single entries."""
        return dropout(x)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Entries of which the symmetry leaves alone the length along the dimensions `dims`; without any, the magnitude.

    They are only ever multiplied by functions of it, which is equivariant.
    """

    dims: tuple[int, ...]

    def argument(self, x: Tensor) -> Tensor:
        """The invariants: the root mean square over `dims`, which stay with size 1; of halves in single precision.

        Squares leave the range of halves, and so do the slopes of quotients by a length.
        """
        squares = (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).square()
        return ((squares.mean(self.dims, keepdim=True) if self.dims else squares) + SMALLEST).sqrt()

    def apply(self, x: Tensor, function: Function, factor: Function) -> Tensor:
        """The entries times `factor` of them, which must be made of their invariants."""
        return x * factor(x).to(x.dtype)

    def shift(self, x: Tensor, by: Tensor) -> Tensor:
        """The entries as they are: no vector other than nought is left alone by the symmetry."""
        return x

    def normalise(self, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        """The entries over their root mean square along `dims` and the channels; not shifted."""
        return scale * x / (x.square().mean((*self.dims, -1), keepdim=True) + eps).sqrt()

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean nought and for each channel the root mean square over all entries, one where these are nought."""
        lengths = x.flatten(0, -2).square().mean(0).sqrt()
        return torch.zeros_like(lengths), torch.where(lengths > 0, lengths, 1.0)

    def drop(self, x: Tensor, dropout: Function) -> Tensor:
        """Dropout in which the entries along `dims` share their fate."""
        return x * dropout(x.new_ones([1 if dim in self.dims else size for dim, size in enumerate(x.shape)]))


Entries = Scalars | Vectors
SCALARS = Scalars()


def piece_entries(piece: Piece) -> Entries:
    """What the strongest demand among a piece's indices makes of its entries; axes `(batch, *positions, channels)`."""
    demands = [position.index.invariant(position.charge) for position in piece.positions]
    if all(demand is Invariant.ENTRY for demand in demands):
        return SCALARS
    return Vectors(tuple(place for place, demand in enumerate(demands, start=1) if demand is Invariant.LENGTH))


def tensor_entries(space: WeightSpace) -> dict[str, Entries]:
    """The entries of each tensor, axes `(batch, *axes, channels)`, for modules that treat tensors as a whole.

    >>> tensor_entries(WeightSpace({"w": "h x"}, sets={"h": 4}, free={"x": 2}))
    {'w': Scalars()}
    """
    found: dict[str, Entries] = {}
    for tensor in space:
        pieces = {piece_entries(piece) for piece in tensor.pieces}
        dims = range(1, len(tensor.shape) + 1) if any(entries.dims for entries in pieces) else ()
        found[tensor.name] = SCALARS if pieces == {SCALARS} else Vectors(tuple(dims))
    return found


class Pieces:
    """The entries of each piece of a space's tensors, and functions of features piece by piece.

    A tensor is only taken apart where its pieces have entries of different sorts, or lengths along different axes.
    Tensors that are not in the space have scalars.
    """

    def __init__(self, space: WeightSpace | None) -> None:
        self.space, tensors = space, () if space is None else space.tensors
        self.entries = {tensor.name: tuple(map(piece_entries, tensor.pieces)) for tensor in tensors}
        several = [tensor.name for tensor in tensors if not isinstance(tensor.layout, Leaf)]
        self.apart = {name for name in several if set(self.entries[name]) not in ({SCALARS}, {Vectors(())})}

    def map(
        self, function: Callable[..., Tensor], x: Features, names: Iterable[tuple[str, ...]] | None = None
    ) -> Features:
        """For each tensor what `function(name, entries, part)` makes of its pieces.

        With `names` for the first tensor of each tuple. The others have pieces alike, and the function takes those too:
        `function(name, entries, part, other part)`.
        """
        space = observed(self.space, x) if self.space is not None and self.apart else None
        names = ((name,) for name in x) if names is None else names
        return {given[0]: self.whole(function, space, *given, x=x) for given in names}

    def whole(self, function: Callable[..., Tensor], space: WeightSpace | None, *names: str, x: Features) -> Tensor:
        """What the function makes of the pieces of one tensor; `space` has the sizes of the features."""
        name, entries = names[0], self.entries.get(names[0], (SCALARS,))
        if space is None or name not in self.apart:
            return function(name, entries[0], *(x[other] for other in names))
        apart = zip(*(take_apart(space[other].layout, x[other], lead=1) for other in names), strict=True)
        parts = [function(name, one, *(part for _, part in given)) for one, given in zip(entries, apart, strict=True)]
        return joined(space[name].layout, iter(parts))


def learned(initial: Tensor, *, used: bool) -> Tensor:
    """A parameter, or a buffer where no output depends on it: the `state_dict` is the same either way.

    DistributedDataParallel waits for a gradient of every parameter.
    """
    return nn.Parameter(initial) if used else nn.Buffer(initial)
