"""How a tensor is laid out: the views that take it apart into pieces over plain indices, and back.

A flattened product is unflattened, a concatenated axis is split; what is left are *pieces*, arrays with one
dimension for each index position. The tree of views is the single description of this: reading a tensor
walks it down, writing a tensor walks it up.
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
"""Arrays have at most 64 dimensions in numpy and torch, and a block has those of two tensors."""
MOST_PIECES = 1_000
"""Concatenations in several axes multiply; nobody writes more than a few."""


@dataclass(frozen=True, slots=True)
class Position:
    """One index position of a piece; `parent` is the place of the position that a nested set belongs to.

    `charge` is the exponent with which the index acts there.
    """

    index: Index
    parent: int | None = None
    charge: int = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tensor with one dimension for each position: `shape = [p.index.size for p in positions]`."""

    tensor: str
    number: int
    positions: tuple[Position, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(position.index.size for position in self.positions)

    @property
    def joined(self) -> tuple[int, ...]:
        """Places of the positions that a diagram's blocks join."""
        return tuple(place for place, position in enumerate(self.positions) if position.index.joined)

    @property
    def permuted(self) -> tuple[int, ...]:  # SHIM
        return self.joined

    @property
    def free(self) -> tuple[int, ...]:
        """Places of the positions that nothing acts on."""
        return tuple(place for place, position in enumerate(self.positions) if position.index.free)

    @property
    def free_size(self) -> int:
        """The number of values of the free positions together."""
        return math.prod(self.positions[place].index.size for place in self.free)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A piece, reached."""

    piece: Piece


@dataclass(frozen=True, slots=True)
class Unflatten:
    """Dimension `dim` is the row-major product of `factors`, of the given `sizes`: one dimension a factor."""

    dim: int
    factors: tuple[Expression, ...]
    sizes: tuple[int, ...]
    below: Layout


@dataclass(frozen=True, slots=True)
class Split:
    """Dimension `dim` is the concatenation of `terms`, of the given `sizes`: one branch a term."""

    dim: int
    terms: tuple[Expression, ...]
    sizes: tuple[int, ...]
    branches: tuple[Layout, ...]


Layout = Leaf | Unflatten | Split


def expression_size(expression: Expression, sizes: Mapping[str, int]) -> int:
    """The length of an axis; `sizes` are those of the indices by name.

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
    """The tree of views of a tensor.

    Raises `SpecificationError` for a nested set without its parent, and for more positions or pieces than are read.
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
    """Raise `SpecificationError` if a tensor has too many positions or pieces, before any is made."""
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
    """The positions of a piece, each nested one bound to its parent (nearest before it, else the first)."""
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
    """The pieces of a tensor in the order in which the tree reaches them."""
    match layout:
        case Leaf():
            yield layout.piece
        case Unflatten():
            yield from leaves(layout.below)
        case Split():
            for branch in layout.branches:
                yield from leaves(branch)


def take_apart(layout: Layout, array: Any, lead: int = 0) -> Iterator[tuple[Piece, Any]]:
    """The pieces of an array laid out so, `lead` dimensions coming before the axes.

    The array may be of numpy or of torch; pieces are views of it where they can be.
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
    """Flat places, in the flattened tensor of that shape, of the entries of a piece in row-major order."""
    flat = np.arange(math.prod(shape)).reshape(shape)
    return next(part.ravel() for leaf, part in take_apart(layout, flat) if leaf == piece)
