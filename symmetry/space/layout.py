"""The layout of a tensor: the views that take it apart into pieces, and put it together again.

A flattened product is unflattened and a concatenated axis is split, until only *pieces* are left: arrays with one
dimension for each index position. The layout is the tree of these views; reading a tensor walks it down, writing a
tensor walks it up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.free import FreeIndex
from symmetry.kinds.index import Index
from symmetry.language.axes import Atom, Expression, Product, Sum, atoms, fold, product
from symmetry.language.errors import SpecificationError

__all__ = [
    "Layout",
    "Leaf",
    "Piece",
    "Position",
    "Split",
    "Unflatten",
    "expression_size",
    "leaves",
    "make_layout",
    "piece_values",
    "take_apart",
]


MOST_POSITIONS = 32
"""The largest number of positions: arrays have at most 64 dimensions, and a block has those of two tensors."""
MOST_PIECES = 1_000
"""The largest number of pieces: the summands of concatenations in several axes multiply."""


@dataclass(frozen=True, slots=True)
class Position:
    """One index position of a piece: one of its dimensions.

    Parameters
    ----------
    index
        The index that the dimension runs over.
    parent
        For a nested index, the number of the position (in the piece) that its parent has.
    charge
        Exponent with which the group acts at the position.
    """

    index: Index
    parent: int | None = None
    charge: int = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entries of a tensor, as an array with one dimension for each index position.

    Parameters
    ----------
    tensor
        Name of the tensor.
    number
        Number of the piece in the tensor, from 0.
    positions
        The index positions, one for each dimension of the array.
    """

    tensor: str
    number: int
    positions: tuple[Position, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of the index of each position."""
        return tuple(position.index.size for position in self.positions)

    @property
    def joined(self) -> tuple[int, ...]:
        """Numbers of the positions that the blocks of a diagram join."""
        return tuple(place for place, position in enumerate(self.positions) if position.index.joined)

    @property
    def free(self) -> tuple[int, ...]:
        """Numbers of the positions of free indices."""
        return tuple(place for place, position in enumerate(self.positions) if position.index.free)

    @property
    def free_size(self) -> int:
        """The number of combinations of values of the free positions."""
        return math.prod(position.index.size for position in self.positions if position.index.free)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of a branch of a layout: a piece."""

    piece: Piece


@dataclass(frozen=True, slots=True)
class Unflatten:
    """A view that unflattens a row-major product.

    Dimension `dim` becomes one dimension for each of `factors`, of the lengths `sizes`.
    """

    dim: int
    factors: tuple[Expression, ...]
    sizes: tuple[int, ...]
    below: Layout


@dataclass(frozen=True, slots=True)
class Split:
    """A view that splits a concatenation.

    Dimension `dim` becomes a slice for each summand in `terms`, of the lengths `sizes`; each slice has its own branch.
    """

    dim: int
    terms: tuple[Expression, ...]
    sizes: tuple[int, ...]
    branches: tuple[Layout, ...]


Layout = Leaf | Unflatten | Split


def expression_size(expression: Expression, sizes: Mapping[str, int]) -> int:
    """The length of an axis, from the sizes of the indices by name.

    >>> from symmetry.language.axes import parse_axes
    >>> expression_size(parse_axes("((gate h) + 2)")[0], {"gate": 4, "h": 32})
    130
    """
    return fold(
        expression,
        leaf=lambda atom: sizes[atom.name] if atom.name else atom.size,
        product=lambda lengths: math.prod(lengths),
        concatenation=lambda lengths: sum(lengths),
    )


def make_layout(tensor: str, axes: tuple[Expression, ...], indices: Mapping[str, Index]) -> Layout:
    """The layout of a tensor.

    Parameters
    ----------
    tensor
        Name of the tensor.
    axes
        An expression for each axis.
    indices
        The declared indices by name.

    Returns
    -------
    Layout
        The tree of views.

    Raises
    ------
    SpecificationError
        For a nested set without its parent, and for a tensor with too many positions or pieces.
    """
    check_extent(axes)
    numbers = iter(range(2**62))
    lengths = {atom.name: indices[atom.name].size for atom in atoms(*axes) if atom.name}

    def lay(dims: tuple[Expression, ...]) -> Layout:
        for dim, expression in enumerate(dims):
            before, after = dims[:dim], dims[dim + 1 :]
            if isinstance(expression, Product):
                sizes = tuple(expression_size(item, lengths) for item in expression.items)
                return Unflatten(dim, expression.items, sizes, lay((*before, *expression.items, *after)))
            if isinstance(expression, Sum):
                sizes = tuple(expression_size(term, lengths) for term in expression.terms)
                branches = tuple(lay((*before, term, *after)) for term in expression.terms)
                return Split(dim, expression.terms, sizes, branches)
        return Leaf(Piece(tensor, next(numbers), positions(tuple(atoms(*dims)), indices)))

    return lay(axes)


def check_extent(axes: tuple[Expression, ...]) -> None:
    """Raise `SpecificationError` if a tensor has too many positions or pieces, before a piece is made."""
    pieces, most = fold(
        product(axes),
        leaf=lambda atom: (1, 1),
        product=lambda parts: (math.prod(pieces for pieces, _ in parts), sum(most for _, most in parts)),
        concatenation=lambda parts: (sum(pieces for pieces, _ in parts), max(most for _, most in parts)),
    )
    if most > MOST_POSITIONS:
        raise SpecificationError(f"{most} index positions", remedy=f"a tensor has at most {MOST_POSITIONS}")
    if pieces > MOST_PIECES:
        raise SpecificationError(
            f"the concatenations make {pieces:,} pieces", remedy=f"a tensor has at most {MOST_PIECES:,}"
        )


def positions(dims: tuple[Atom, ...], indices: Mapping[str, Index]) -> tuple[Position, ...]:
    """The positions of a piece.

    A nested index belongs to the nearest position of its parent before it, else to the parent's first position. Raises
    `SpecificationError` for a nested index without its parent.
    """
    found = []
    for place, atom in enumerate(dims):
        index = indices[atom.name] if atom.name else FreeIndex("", atom.size)
        if index.parent is None:
            found.append(Position(index, charge=atom.charge))
            continue
        parents = [other for other, candidate in enumerate(dims) if candidate.name == index.parent]
        if not parents:
            raise SpecificationError(
                f"{atom.name!r} is nested within {index.parent!r}, which is not beside it",
                start=atom.start,
                end=atom.start + len(atom.name),
                remedy=f"write the parent too, as in ({index.parent} {atom.name})",
            )
        earlier = [other for other in parents if other < place]
        found.append(Position(index, earlier[-1] if earlier else parents[0], atom.charge))
    return tuple(found)


def leaves(layout: Layout) -> Iterator[Piece]:
    """The pieces of a tensor, in the order of the tree's branches."""
    match layout:
        case Leaf():
            yield layout.piece
        case Unflatten():
            yield from leaves(layout.below)
        case Split():
            for branch in layout.branches:
                yield from leaves(branch)


def take_apart(layout: Layout, array: Any, lead: int = 0) -> Iterator[tuple[Piece, Any]]:
    """The pieces of an array, with their entries.

    Parameters
    ----------
    layout
        The layout of the axes of the array.
    array
        A numpy array or a torch tensor, axes `(…, *axes, …)`.
    lead
        Number of dimensions before the axes.

    Yields
    ------
    tuple[Piece, Any]
        A piece and its entries, axes `(…, *positions, …)`: a view of the array where there can be one.
    """
    if isinstance(layout, Leaf):
        yield layout.piece, array
    elif isinstance(layout, Unflatten):
        dim = layout.dim + lead
        unflattened = (*array.shape[:dim], *layout.sizes, *array.shape[dim + 1 :])
        yield from take_apart(layout.below, array.reshape(unflattened), lead)
    else:
        before, start = (slice(None),) * (layout.dim + lead), 0
        for branch, size in zip(layout.branches, layout.sizes, strict=True):
            yield from take_apart(branch, array[(*before, slice(start, start + size))], lead)
            start += size


def piece_values(layout: Layout, shape: tuple[int, ...], piece: Piece) -> NDArray[np.intp]:
    """Flat positions, in a flattened tensor, of the entries of a piece; both row-major."""
    flat = np.arange(math.prod(shape)).reshape(shape)
    return next(part.ravel() for leaf, part in take_apart(layout, flat) if leaf == piece)
