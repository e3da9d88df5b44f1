"""Multiplicities of irreducible representations (Schur): dim Hom_G(V, U) = Σ_ψ m_U(ψ) m_V(ψ) dim End(ψ).

S_2, S_3 and S_4 are the groups C2, D3 and the octahedral group, whose irreducible representations escnn has: the
permutations of two, three and four elements are those of a regular representation, of the corners of a triangle, of
the diagonals of a cube. An irreducible representation of a product of groups has one of each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np

from symmetry.groups.groups import Group, Irrep, find_group
from symmetry.groups.representations import Given, Representation, representation
from symmetry.space.layout import Piece

__all__ = ["LARGEST", "irreducible_dimension", "multiplicities"]

LARGEST = 4
"""The largest set whose symmetric group is one of escnn's."""
ROUNDING = 1e-6
ISOMORPHIC = {2: "C2", 3: "D3", 4: "octahedral"}

Name = tuple[tuple[str, str], ...]
"""An irreducible representation of a product: for each factor that it is not trivial on, its name."""


def natural(size: int) -> Representation:
    """The permutation representation of S_2, S_3 or S_4 on as many elements."""
    given = {2: "regular", 3: "quotient(0, 1)"}.get(size) or diagonals()
    return representation(ISOMORPHIC[size], given)


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
    turned: dict[str, list[Representation]] = {}
    for index in (position.index for position in piece.positions):
        if (acting := index.acting) is not None:
            turned.setdefault(acting.group.name, []).append(acting)
        elif index.joined and index.size > 1:
            turned.setdefault(f"S {index.name}", []).append(natural(index.size))
    factors = [[(name, *part) for part in multiplicities(tuple(factors)).items()] for name, factors in turned.items()]
    found = {}
    for chosen in product(*factors):
        name = tuple(sorted((group, label) for group, label, _ in chosen if label not in ("0", "0_0")))
        counts = [count for _, _, (count, _) in chosen]
        found[name] = piece.free_size * math.prod(counts), math.prod(commuting for _, _, (_, commuting) in chosen)
    return found


@cache
def multiplicities(factors: tuple[Representation, ...]) -> dict[str, tuple[int, int]]:
    """How often each irreducible representation is in a tensor product, and how many maps commute with it.

    The product's character is a combination of theirs, which are independent functions: their coefficients are found at
    elements drawn at random, of a finite group at all of them. No mean over the group is taken.
    """
    group = factors[0].group
    irreps = group.irreps(sum(one.frequency for one in factors))
    rng = np.random.default_rng(0)
    elements = group.elements if group.finite else [group.sample(rng) for _ in range(16 + 4 * len(irreps))]
    traces = np.array([[np.trace(irrep.matrix(g)) for irrep in irreps] for g in elements])
    whole = np.array([math.prod(float(np.trace(one.matrix(g))) for one in factors) for g in elements])
    found = np.linalg.lstsq(traces, whole, rcond=None)[0]
    counts = np.round(found).astype(int)
    if np.abs(found - counts).max() > ROUNDING or np.abs(traces @ counts - whole).max() > ROUNDING * len(counts):
        raise ArithmeticError(f"multiplicities {found} are no whole numbers")
    return {
        irrep.label: (int(count), commutant_dimension(irrep, group))
        for irrep, count in zip(irreps, counts, strict=True)
        if count
    }


def commutant_dimension(irrep: Irrep, group: Group) -> int:
    """How many maps commute with an irreducible representation: the null space of M ρ(g) = ρ(g) M for generators g."""
    one = np.eye(irrep.size)
    turns = [irrep.matrix(g) for g in group.generators]
    rows = [np.kron(turn, one) - np.kron(one, turn.T) for turn in turns]
    return irrep.size**2 - int(np.linalg.matrix_rank(np.concatenate(rows), tol=ROUNDING)) if rows else irrep.size**2
