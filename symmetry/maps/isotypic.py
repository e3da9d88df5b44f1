"""Tensors over representation indices as sums of irreducible representations, on which diagrams describe all maps.

A piece with positions over which one group acts is a tensor product of representations. An orthogonal change of basis
takes it to a direct sum of irreducible representations, `multiplicity` copies of each. An equivariant map between two
such sums takes copies of an irreducible representation to copies of the same one (Schur's lemma). The number of the
copy is therefore a free index, and the values of the representation are an index that a diagram carries from source to
target. Over the reals, more matrices commute with an irreducible representation than multiples of the identity if its
type is complex (a space of dimension 2) or quaternionic (dimension 4); a source then has each copy 2 or 4 times.

References
----------
Serre, "Linear representations of finite groups", 1977, sections 2.2 (Schur's lemma), 2.6 and 2.7 (the decomposition by
means over the group) and 13.2 (real, complex and quaternionic type); Cesa, Lang and Weiler, "A program to build
E(N)-equivariant steerable CNNs", ICLR 2022 (the irreducible representations in use).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.groups import Element, Irrep
from symmetry.groups.representations import Representation
from symmetry.kinds.free import FreeIndex
from symmetry.kinds.index import Index
from symmetry.kinds.irreducible import IrrepIndex
from symmetry.language.axes import Atom, Product
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Layout, Leaf, Piece, Position, Split, Unflatten, leaves, take_apart
from symmetry.space.weight_space import Tensor

__all__ = [
    "Change",
    "Decomposed",
    "Decomposition",
    "apply_change",
    "decomposed",
    "decomposition",
    "irreducible_columns",
    "sources",
    "targets",
]

Matrix = NDArray[np.float64]
MOST = 3_000_000_000
"""The largest number of multiplications in a decomposition, about, for one random matrix."""
WIDEST = 1_024
"""The largest dimension of a tensor product of representations."""
PIVOT = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """A tensor product of representations as a direct sum of irreducible ones.

    Parameters
    ----------
    irreps
        The irreducible representations in it.
    multiplicities
        The number of copies of each.
    basis
        Orthonormal columns, copy by copy, axes `(entry of the product, entry of the sum)`.
    reading
        The basis for a source: the columns of each copy once for each matrix that commutes with its representation.
    """

    irreps: tuple[Irrep, ...]
    multiplicities: tuple[int, ...]
    basis: Matrix
    reading: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A change of basis that a piece undergoes: the dimensions of one group's positions become one dimension, the last.

    Parameters
    ----------
    places
        Numbers of the dimensions.
    sizes
        Lengths of the dimensions.
    decomposition
        The decomposition of the tensor product over them, with the new basis.
    name
        A name for the basis.
    """

    places: tuple[int, ...]
    sizes: tuple[int, ...]
    decomposition: Decomposition
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Decomposed:
    """A piece, the changes of basis to irreducible representations, and the layout of the result."""

    piece: Piece
    changes: tuple[Change, ...]
    layout: Layout


@cache
def decomposition(factors: tuple[Representation, ...]) -> Decomposition:
    """The decomposition of a tensor product of representations of one group.

    Parameters
    ----------
    factors
        The representations.

    Returns
    -------
    Decomposition
        Its basis depends, up to signs, on the matrices of the irreducible representations only.

    Raises
    ------
    SpecificationError
        If the product is too large.
    ArithmeticError
        If the irreducible representations do not fill the product, which no valid representation causes.
    """
    group = factors[0].group
    size, frequency = math.prod(one.size for one in factors), sum(one.frequency for one in factors)
    # An irreducible representation in the product has at most its frequency; a mean is over the product of the two.
    irreps, stages = group.irreps(frequency), group.stages(2 * frequency)
    if size**2 * len(irreps) * sum(map(len, stages)) > MOST or size > WIDEST:
        raise SpecificationError(
            f"a tensor product of representations of {group.name} has {size:,} entries",
            remedy="use fewer or smaller ones",
        )
    turns = [
        [(reduce(np.kron, [one.matrix(g) for one in factors]), g, weight) for g, weight in stage] for stage in stages
    ]
    found = [(irrep, copies) for irrep in irreps if (copies := list(orthonormal_copies(turns, irrep, size)))]
    basis = np.concatenate([copy for _, copies in found for copy in copies], axis=1)
    if basis.shape != (size, size):
        raise ArithmeticError(f"{basis.shape[1]} of {size} dimensions of a representation of {group.name} were found")
    reading = [copy @ other for irrep, copies in found for copy in copies for other in irrep.commuting]
    return Decomposition(
        tuple(irrep for irrep, _ in found),
        tuple(len(copies) for _, copies in found),
        basis,
        np.concatenate(reading, axis=1),
    )


def intertwiners(turns: Sequence[Sequence[tuple[Matrix, Element, float]]], irrep: Irrep, size: int) -> Matrix:
    """A basis of the maps from an irreducible representation that commute with a group, axes `(map, entry)`, row-major.

    Means over the group of random matrices commute with the group. The number of random matrices is doubled until their
    means are linearly dependent, so that they span all maps.
    """
    rng, count = np.random.default_rng(0), 4
    while True:
        found = rng.normal(size=(size, count * irrep.size))
        for stage in turns:
            found = sum(
                (w * (matrix @ found).reshape(-1, irrep.size) @ irrep.matrix(g).T for matrix, g, w in stage),
                np.zeros((size * count, irrep.size)),
            ).reshape(size, -1)
        rows = found.reshape(size, count, irrep.size).transpose(1, 0, 2).reshape(count, -1)
        _, values, basis = np.linalg.svd(rows, full_matrices=False)
        rank = int((values > PIVOT).sum())
        if rank < count or rank == size * irrep.size:
            return basis[:rank]
        count = min(2 * count, size * irrep.size)


def orthonormal_copies(
    turns: Sequence[Sequence[tuple[Matrix, Element, float]]], irrep: Irrep, size: int
) -> Iterator[Matrix]:
    """Isometries from an irreducible representation into the product, with images orthogonal to each other."""
    taken: list[Matrix] = []
    for row in echelon(intertwiners(turns, irrep, size)):
        rest = row - sum((one * float(one @ row) for one in taken), np.zeros_like(row))
        if np.linalg.norm(rest) < PIVOT:
            continue
        copy = (rest / np.linalg.norm(rest)).reshape(-1, irrep.size)
        taken += [(copy @ other).ravel() / np.linalg.norm(copy @ other) for other in irrep.commuting]
        yield cleaned(copy * math.sqrt(irrep.size))


def echelon(rows: Matrix) -> Matrix:
    """The reduced row echelon form of independent rows; it depends only on the space that they span."""
    rows, rank = rows.copy(), len(rows)
    column = 0
    for place in range(rank):
        while (pivot := int(np.argmax(np.abs(rows[place:, column]))) + place) is not None:
            if abs(rows[pivot, column]) > PIVOT:
                break
            column += 1
        rows[[place, pivot]] = rows[[pivot, place]]
        rows[place] /= rows[place, column]
        others = np.arange(rank) != place
        rows[others] -= np.outer(rows[others, column], rows[place])
        column += 1
    return cleaned(rows)


def cleaned(matrix: Matrix) -> Matrix:
    """A matrix whose entries near integers are rounded."""
    whole = np.round(matrix)
    return np.where(np.abs(matrix - whole) < 1e-12, whole, matrix) + 0.0


@cache
def decomposed(pieces: tuple[Piece, ...], *, reading: bool) -> tuple[Decomposed, ...]:
    """The pieces of one tensor, decomposed for maps that read them, or write them.

    A piece without representation indices stays as it is; irreducible pieces are numbered consecutively.

    Parameters
    ----------
    pieces
        All pieces of a tensor.
    reading
        Whether the tensor is a source; else it is a target.

    Returns
    -------
    tuple[Decomposed, ...]
        One for each piece.

    Raises
    ------
    SpecificationError
        If a tensor product of representations is too large; the message names the tensor.
    """
    if all(position.index.acting is None for piece in pieces for position in piece.positions):
        return tuple(Decomposed(piece, (), Leaf(piece)) for piece in pieces)
    numbers = iter(range(2**62))
    found = []
    for piece in pieces:
        try:
            changes = tuple(piece_changes(piece))
        except SpecificationError as error:
            raise error.located(part=f'tensor "{piece.tensor}"') from None
        found.append(Decomposed(piece, changes, part_layout(piece, changes, numbers, reading=reading)))
    return tuple(found)


def sources(*tensors: Tensor) -> tuple[Piece, ...]:
    """The pieces that maps read from some tensors; for tensors over representation indices, irreducible pieces."""
    return tuple(
        piece for tensor in tensors for one in decomposed(tensor.pieces, reading=True) for piece in leaves(one.layout)
    )


def targets(*tensors: Tensor) -> tuple[Piece, ...]:
    """The pieces that maps write to some tensors; for tensors over representation indices, irreducible pieces."""
    return tuple(
        piece for tensor in tensors for one in decomposed(tensor.pieces, reading=False) for piece in leaves(one.layout)
    )


def piece_changes(piece: Piece) -> Iterator[Change]:
    """One change of basis for each group that acts on a piece by a representation."""
    by_group: dict[str, list[tuple[int, str, Representation]]] = {}
    for place, position in enumerate(piece.positions):
        if (acting := position.index.acting) is not None:
            by_group.setdefault(acting.group.name, []).append((place, position.index.name, acting))
    gone: list[int] = []
    for members in by_group.values():
        occupied, names, factors = zip(*members, strict=True)
        places = tuple(place - sum(other < place for other in gone) for place in occupied)
        yield Change(places, tuple(one.size for one in factors), decomposition(factors), "_".join(names))
        gone += occupied


def part_layout(piece: Piece, changes: Sequence[Change], numbers: Iterator[int], *, reading: bool) -> Layout:
    """The layout of a piece in the changed basis: split by irreducible representation, then unflattened into copies."""
    stays = [p for p, position in enumerate(piece.positions) if position.index.acting is None]
    renumbered = {old: new for new, old in enumerate(stays)}
    plain = [
        replace(piece.positions[old], parent=renumbered.get(piece.positions[old].parent))  # type: ignore[arg-type]
        for old in stays
    ]

    def lay(found: list[Position], rest: Sequence[Change]) -> Layout:
        if not rest:
            return Leaf(Piece(piece.tensor, next(numbers), tuple(found)))
        dim, summands = len(found), rest[0].decomposition
        terms, lengths, branches = [], [], []
        for irrep, copies in zip(summands.irreps, summands.multiplicities, strict=True):
            indices = summand(irrep, copies * (len(irrep.commuting) if reading else 1))
            factors = tuple(Atom("", index.size) for index in indices)
            below = lay([*found, *map(Position, indices)], rest[1:])
            sizes = tuple(index.size for index in indices)
            terms.append(factors[0] if len(factors) == 1 else Product(factors) if factors else Atom("", 1))
            lengths.append(math.prod(sizes))
            branches.append(below if len(indices) == 1 else Unflatten(dim, factors, sizes, below))
        return branches[0] if len(branches) == 1 else Split(dim, tuple(terms), tuple(lengths), tuple(branches))

    return lay(plain, list(changes))


def summand(irrep: Irrep, count: int) -> list[Index]:
    """The indices of the copies of an irreducible representation: number of the copy, value (unless trivial)."""
    copies = [FreeIndex("", count)] if count > 1 else []
    return [*copies, *([] if irrep.trivial else [IrrepIndex(f"{identifier(irrep.group)}.{irrep.label}", irrep.size)])]


def identifier(group: str) -> str:
    """The letters and digits of a group's name."""
    return "".join(letter for letter in group if letter.isalnum())


def apply_change(change: Change, array: Any, lead: int = 0, *, reading: bool) -> Any:
    """An array in the basis of a change; `lead` dimensions come before the dimensions of the piece."""
    places = [place + lead for place in change.places]
    array = np.moveaxis(array, places, range(-len(places), 0))
    array = array.reshape(*array.shape[: -len(places)], -1)
    return array @ (change.decomposition.reading if reading else change.decomposition.basis)


def irreducible_columns(whole: Decomposed, piece: Piece, *, reading: bool) -> Matrix:
    """The basis vectors of an irreducible piece, axes `(entry of the whole piece, entry of the irreducible piece)`."""
    entries = math.prod(whole.piece.shape)
    array: Any = np.eye(entries).reshape(entries, *whole.piece.shape)
    for change in whole.changes:
        array = apply_change(change, array, 1, reading=reading)
    return next(found for leaf, found in take_apart(whole.layout, array, 1) if leaf == piece).reshape(entries, -1)
