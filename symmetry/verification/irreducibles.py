"""Multiplicities of irreducible representations (Schur): dim Hom_G(V, U) = Σ_ψ m_U(ψ) m_V(ψ) dim End(ψ).

S_2, S_3 and S_4 are the groups C2, D3 and the octahedral group, whose irreducible representations escnn has: the
permutations of two, three and four elements are those of a regular representation, of the corners of a triangle, of
the diagonals of a cube. An irreducible representation of a product of groups has one of each.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import product

from symmetry.groups.groups import find_group
from symmetry.groups.representations import Given
from symmetry.kinds.indices import RepresentationIndex
from symmetry.space.layout import Piece
from symmetry.verification.class_means import multiplicities

__all__ = ["LARGEST", "irreducible_dimension"]

LARGEST = 4
"""The largest set whose symmetric group is one of escnn's."""
ISOMORPHIC = {2: "C2", 3: "D3", 4: "octahedral"}

Name = tuple[tuple[str, str], ...]
"""An irreducible representation of a product: for each factor that it is not trivial on, its name."""


@cache
def natural(size: int) -> Given:
    """The permutation representation of S_2, S_3 or S_4 on as many elements."""
    if size == 2:
        return "regular"
    if size == 3:
        return "quotient(0, 1)"
    return diagonals()


@cache
def diagonals() -> Given:
    """How the generators of the octahedral group permute the four diagonals of a cube."""
    group = find_group("octahedral")
    corners = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1)]
    matrices = []
    for g in group.generators:
        columns = []
        for corner in corners:
            moved = tuple(int(entry) for entry in (group.coordinates(g) @ corner).round())
            opposite = tuple(-entry for entry in moved)
            columns.append([float(other in (moved, opposite)) for other in corners])
        matrices.append(tuple(zip(*columns, strict=True)))
    return tuple(matrices)


def irreducible_dimension(target: Sequence[Piece], source: Sequence[Piece]) -> int:
    """The dimension of the maps from the pieces of one tensor to those of another, sets of at most four elements.

    Raises `SpecificationError` where escnn is not installed.
    """
    written, read = contents(tuple(target)), contents(tuple(source))
    return sum(count * read[name][0] * commuting for name, (count, commuting) in written.items() if name in read)


@cache
def contents(pieces: tuple[Piece, ...]) -> dict[Name, tuple[int, int]]:
    """How often each irreducible representation of the whole group is in some pieces, and its commuting maps."""
    found: dict[Name, tuple[int, int]] = {}
    for piece in pieces:
        for name, (count, commuting) in piece_contents(piece).items():
            found[name] = found.get(name, (0, 0))[0] + count, commuting
    return found


def piece_contents(piece: Piece) -> dict[Name, tuple[int, int]]:
    """The same for one piece: products of what each group has on its positions."""
    factors = []
    sets = Counter(piece.positions[place].index for place in piece.permuted)
    for index, times in sets.items():
        if index.size > 1:
            parts = multiplicities(ISOMORPHIC[index.size], (natural(index.size),) * times)
            factors.append([(f"S {index.name}", *part) for part in parts.items()])
    for group in dict.fromkeys(p.index.group for p in piece.positions if isinstance(p.index, RepresentationIndex)):
        acting = [p.index for p in piece.positions if isinstance(p.index, RepresentationIndex)]
        given = tuple(index.representation for index in acting if index.group == group)
        factors.append([(group, *part) for part in multiplicities(group, given).items()])
    found = {}
    for chosen in product(*factors):
        name = tuple(sorted((group, label) for group, label, _ in chosen if label not in ("0", "0_0")))
        counts = [count for _, _, (count, _) in chosen]
        found[name] = piece.free_size * math.prod(counts), math.prod(commuting for _, _, (_, commuting) in chosen)
    return found
