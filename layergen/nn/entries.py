"""What a function of entries may depend on: on the entries themselves, or on what the symmetry leaves alone of them.

A function of single entries is equivariant where the symmetry moves entries about and does nothing else to them. Where
it also multiplies the entries along an axis by an orthogonal matrix, or each entry by a sign, it leaves their length
alone, the root mean square of their components; where it multiplies by positive numbers, the direction over the
channels; by other matrices, nothing. Such entries, called *vectors* here, are multiplied by functions of what is left
alone. A kind of index says what that is (`symmetry.kinds.index.Invariant`); the modules of this folder are written
once, over `Scalars` and `Vectors`, and name no kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from layergen.features import Features, joined, observed
from layergen.nn.moments import Moments
from symmetry.kinds.index import Invariant
from symmetry.space.layout import Leaf, Piece, take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["SCALARS", "Entries", "Function", "Pieces", "learned", "summed", "tensor_entries"]

Function = Callable[[Tensor], Tensor]

SMALLEST = 1e-12
"""A number added to squares of lengths, so that their roots have gradients at nought."""
FAINTEST = 1e-30
"""Entries whose directions count are larger than this, so that quotients by them have slopes in single precision."""
ROUNDING = 16
"""Differences of so many units in the last place count as rounding."""


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

    def statistics(self, x: Moments) -> tuple[Tensor, Tensor]:
        """The mean and the deviation of each channel over all entries; one where they vary by rounding at most."""
        varies = x.high - x.low > ROUNDING * x.eps * torch.maximum(x.high, -x.low)
        return x.mean, torch.where(varies, (x.squares / x.count).sqrt(), 1.0)

    def drop(self, x: Tensor, dropout: Function) -> Tensor:
        """Dropout of single entries."""
        return dropout(x)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Entries of which the symmetry leaves alone the length along the dimensions `dims`, or the magnitude without any.

    To multiply them by functions of their length is equivariant, and it is all that is done to them.
    """

    dims: tuple[int, ...]

    def argument(self, x: Tensor) -> Tensor:
        """The invariants: the root mean square over `dims`, which keep size 1; in single precision for half precision.

        Squares leave the range of half precision, and so do the slopes of quotients by a length.
        """
        squares = (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).square()
        return ((squares.mean(self.dims, keepdim=True) if self.dims else squares) + SMALLEST).sqrt()

    def apply(self, x: Tensor, function: Function, factor: Function) -> Tensor:
        """The entries times `factor` of them, a function that must depend on their invariants only."""
        return x * factor(x).to(x.dtype)

    def shift(self, x: Tensor, by: Tensor) -> Tensor:
        """The entries as they are: the symmetry leaves no vector other than nought in its place."""
        return x

    def normalise(self, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        """The entries divided by their root mean square along `dims` and the channels, times `scale`; not shifted."""
        return scale * x / (x.square().mean((*self.dims, -1), keepdim=True) + eps).sqrt()

    def statistics(self, x: Moments) -> tuple[Tensor, Tensor]:
        """Mean nought, and for each channel the root mean square over all entries, or one where these are nought."""
        lengths = (x.squares / x.count + x.mean.square()).sqrt()
        return torch.zeros_like(lengths), torch.where(lengths > 0, lengths, 1.0)

    def drop(self, x: Tensor, dropout: Function) -> Tensor:
        """Dropout that keeps or drops all entries along `dims` together."""
        return x * dropout(x.new_ones([1 if dim in self.dims else size for dim, size in enumerate(x.shape)]))


@dataclass(frozen=True, slots=True)
class Directions(Vectors):
    """Entries that the symmetry multiplies by positive numbers, all channels alike: their direction stays.

    With `signed` it also multiplies by signs, or by matrices along `dims`, and only magnitudes stay of the direction.
    """

    signed: bool

    def argument(self, x: Tensor) -> Tensor:
        """The invariants: entries, or their lengths, divided by their root mean square over the channels."""
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        largest = wide.detach().abs().amax((*self.dims, -1), keepdim=True)
        wide = wide / torch.where(largest > FAINTEST, largest, 1.0)  # the squares of small entries would be nought
        squares = wide.square().mean((*self.dims, -1), keepdim=True)
        directions = wide / torch.where(squares > 0, squares, 1.0).sqrt()
        return Vectors.argument(self, directions) if self.signed else directions

    def normalise(self, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        """The entries times `scale`: divided by their length they would not be multiplied as the symmetry demands."""
        return scale * x


@dataclass(frozen=True, slots=True)
class Opaque(Vectors):
    """Entries that the symmetry multiplies by any invertible matrices along `dims`: nothing of them stays."""

    def argument(self, x: Tensor) -> Tensor:
        """Nought in the place of invariants; only products with other entries have any (`Contraction`)."""
        return x.new_zeros([1 if dim in self.dims else size for dim, size in enumerate(x.shape)])

    def normalise(self, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        """The entries times `scale`."""
        return scale * x


Entries = Scalars | Vectors
SCALARS = Scalars()


def piece_entries(piece: Piece) -> Entries:
    """The sort of a piece's entries, axes `(batch, *positions, channels)`: scalars if they are so for every index."""
    demands = [position.index.invariant(position.charge) for position in piece.positions]
    if all(demand is Invariant.ENTRY for demand in demands):
        return SCALARS
    dims = summed(piece)
    if Invariant.CONTRACTION in demands:
        return Opaque(dims)
    if Invariant.DIRECTION in demands:
        return Directions(dims, signed=bool(dims) or Invariant.MAGNITUDE in demands)
    return Vectors(dims)


def summed(piece: Piece) -> tuple[int, ...]:
    """The dimensions of `(batch, *positions, channels)` over which invariants of a piece's entries are sums."""
    along = (Invariant.LENGTH, Invariant.CONTRACTION)
    demands = (position.index.invariant(position.charge) for position in piece.positions)
    return tuple(place for place, demand in enumerate(demands, start=1) if demand in along)


def opaque(space: WeightSpace) -> set[str]:
    """Names of the tensors whose own entries have no invariants, so that a function of them tells nothing."""
    return {tensor.name for tensor in space if all(isinstance(piece_entries(one), Opaque) for one in tensor.pieces)}


def tensor_entries(space: WeightSpace) -> dict[str, Entries]:
    """The sort of each tensor's entries, for modules that treat a tensor as a whole.

    Parameters
    ----------
    space
        The weight space of the tensors.

    Returns
    -------
    dict
        By tensor `Scalars` or `Vectors`, of whatever sort; the dimensions are those of `(batch, *axes, channels)`, and
        all axes of a tensor of which some piece has lengths along an axis.

    Examples
    --------
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
    """The sort of the entries of each piece of a space's tensors, and functions of features piece by piece.

    A tensor is taken apart only where the sorts of its pieces differ, or where they have lengths along axes.

    Parameters
    ----------
    space
        The weight space of the features; the entries of tensors that it does not have, and of all tensors where it is
        None, are scalars.

    Examples
    --------
    >>> pieces = Pieces(WeightSpace({"b": "h"}, sets={"h": 2}))
    >>> pieces.map(lambda name, entries, values: 2 * values, {"b": torch.ones(1, 2, 1)})["b"].flatten().tolist()
    [2.0, 2.0]
    """

    def __init__(self, space: WeightSpace | None) -> None:
        self.space, tensors = space, () if space is None else space.tensors
        self.entries = {tensor.name: tuple(map(piece_entries, tensor.pieces)) for tensor in tensors}
        several = [tensor.name for tensor in tensors if not isinstance(tensor.layout, Leaf)]
        self.apart = {n for n in several if len(set(self.entries[n])) > 1 or any(one.dims for one in self.entries[n])}

    def map(
        self, function: Callable[..., Tensor], x: Features, names: Iterable[tuple[str, ...]] | None = None
    ) -> Features:
        """Apply a function to every piece of features.

        Parameters
        ----------
        function
            Takes the name of a tensor, the sort of a piece's entries, and the values of the piece, `(batch, *positions,
            channels)`; gives values with the same positions. Where `names` has several tensors in a tuple, it also
            takes the values of the corresponding pieces of the other tensors.
        x
            Features, `{tensor: (batch, *axes, channels)}`.
        names
            Tuples of tensors whose layouts are alike; by default one for each tensor of `x`.

        Returns
        -------
        dict of Tensor
            For the first tensor of each tuple the values that the function gives, pieces joined.
        """
        space = observed(self.space, x) if self.space is not None and self.apart else None
        names = ((name,) for name in x) if names is None else names
        return {given[0]: self.whole(function, space, *given, x=x) for given in names}

    def whole(self, function: Callable[..., Tensor], space: WeightSpace | None, *names: str, x: Features) -> Tensor:
        """The values that a function gives for the pieces of one tensor, joined; `space` has the features' sizes."""
        name, entries = names[0], self.entries.get(names[0], (SCALARS,))
        if space is None or name not in self.apart:
            return function(name, entries[0], *(x[other] for other in names))
        apart = zip(*(take_apart(space[other].layout, x[other], lead=1) for other in names), strict=True)
        made = (
            function(name, one, *(values for _, values in given)) for one, given in zip(entries, apart, strict=True)
        )
        return joined(space[name].layout, made)


def learned(initial: Tensor, *, used: bool) -> Tensor:
    """A parameter, or a buffer where no output depends on it; the `state_dict` is the same either way.

    DistributedDataParallel waits for a gradient of every parameter.

    Parameters
    ----------
    initial
        The initial values.
    used
        Whether an output depends on the values.

    Returns
    -------
    Parameter or Buffer
        What a module registers.

    Examples
    --------
    >>> learned(torch.ones(3), used=False).requires_grad
    False
    """
    return nn.Parameter(initial) if used else nn.Buffer(initial)
