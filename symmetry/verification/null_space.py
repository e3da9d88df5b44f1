"""The dimension of the matrices that commute with the generators g of the group: ρ_U(g) M = M ρ_V(g).

The equations are solved numerically, generator by generator, on the positions of a pair of pieces on which a group acts
(free positions only multiply the dimension). Sets that are too large are cut down to a size at which the unknowns fit,
and the formula is compared at that size.

References
----------
Finzi, Welling and Wilson, "A practical method for constructing equivariant multilayer perceptrons for arbitrary matrix
groups", ICML 2021, theorem 1 (constraints for generators suffice). Here the generators of a compact group are random
elements that generate a dense subgroup, instead of a basis of the Lie algebra.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.index import Index
from symmetry.language.axes import Atom
from symmetry.space.elements import generators
from symmetry.space.layout import Piece, Position
from symmetry.space.specification import parse
from symmetry.verification.classes import translations

__all__ = ["UNKNOWNS", "null_space_dimension", "small_sizes"]

UNKNOWNS = 260
"""The largest number of unknowns for which the equations are solved."""
TOLERANCE = 1e-9
"""Singular values below this count as zero. The others are of order one for permutations, and seldom below a hundredth
for generators of a compact group."""


def null_space_dimension(pieces: tuple[Piece, Piece], sizes: dict[str, int]) -> int:
    """The dimension of the maps between two pieces, target and source, whose sets are cut down to `sizes`."""
    free = math.prod(piece.free_size for piece in pieces)
    return free * solve(joint_tensor(pieces, sizes))


def small_sizes(pieces: tuple[Piece, Piece]) -> dict[str, int] | None:
    """Sizes of the sets, cut down evenly until the unknowns fit; None if not even sets of two elements fit.

    An ordered index keeps three values, the fewest that are not all neighbours, if the others can be cut down instead.
    """
    acted = [p.index for piece in pieces for p in piece.positions if constrained(p.index)]
    joined = [index for index in acted if index.joined]
    places = Counter(index.name for index in joined)
    others = math.prod(index.size for index in acted if not index.joined)
    least = {index.name: 1 if index.exact_below else index.order(places[index.name]) for index in joined}
    whole = least | {index.name: index.order(places[index.name]) for index in joined if index.action is None}
    for kept, most in product((whole, least), (max((index.size for index in joined), default=1), 8, 6, 5, 4, 3, 2)):
        sizes = {index.name: min(index.size, max(most, kept[index.name])) for index in joined}
        if others * math.prod(sizes[index.name] for index in joined) <= UNKNOWNS:
            return sizes
    return None


def constrained(index: Index) -> bool:
    """Whether the entries of a map over an index have to do with each other; if not, it multiplies the dimension."""
    return index.joined or index.action is not None


def joint_tensor(pieces: tuple[Piece, Piece], sizes: dict[str, int]) -> str:
    """The specification of one tensor over the positions of target and source on which groups act: a map's entries.

    The source's positions transform against the source's entries.

    Each parent comes right before the positions nested in it. Indices are renamed in the order of their occurrence, so
    that blocks of the same form are solved only once.
    """
    words: list[str] = []
    names: dict[str, str] = {}
    declared: dict[str, dict[str, str]] = {}

    def place(positions: tuple[Position, ...], parent: int | None, *, read: bool) -> None:
        for number, position in enumerate(positions):
            index = position.index
            if not constrained(index) or position.parent != parent:
                continue
            name = names.setdefault(index.name, f"i{len(names)}")
            sized = replace(index, size=sizes.get(index.name, index.size))
            parent_name = None if index.parent is None else names[index.parent]
            declared.setdefault(index.section, {})[name] = sized.named(name, parent_name).declaration()
            words.append(str(Atom(name, charge=index.opposite(position.charge) if read else position.charge)))
            place(positions, number, read=read)

    for piece, read in zip(pieces, (False, True), strict=True):
        place(piece.positions, None, read=read)
    lines = [
        line
        for section, indices in declared.items()
        for line in (f"[{section}]", *(f"{name} = {text}" for name, text in sorted(indices.items())))
    ]
    return "\n".join([*lines, "[tensors]", f'map = "{" ".join(words)}"'])


@cache
def solve(specification: str) -> int:
    """The dimension of the arrays, over the one tensor of a specification, that no generator changes.

    Over an ordered index they also have equal entries within each class of `symmetry.verification.classes`.
    """
    space = parse(specification)
    shape = space["map"].shape
    basis: NDArray[np.float64] = np.eye(math.prod(shape))
    for generator in generators(space, positional=True):
        moved = generator.act({"map": basis.reshape(1, *shape, -1)}, channels=True)["map"]
        basis = unchanged(basis, moved.reshape(basis.shape))
    for origins in translations(space["map"].pieces[0]):
        basis = unchanged(basis, basis[origins])
    return basis.shape[1]


def unchanged(basis: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """A basis of the combinations of columns that are the same after columns have moved."""
    _, singular, rows = np.linalg.svd(moved - basis, full_matrices=True)
    rank = int((singular > TOLERANCE).sum())
    return basis @ rows[rank:].T
