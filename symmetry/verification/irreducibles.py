"""The dimension by irreducible representations ψ: dim Hom_G(V, U) = Σ_ψ m_U(ψ) m_V(ψ) dim End(ψ), m the multiplicity.

Those of the permutations of a set are Young's (`young.py`), those of a group that acts by a representation escnn's. An
irreducible representation of a product of groups is a product of one of each group.

References
----------
Serre, "Linear representations of finite groups", 1977, sections 2.2 and 2.3 (Schur's lemma, characters) and 3.2
(products of groups).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np

from symmetry.groups.groups import Group, Irrep
from symmetry.groups.representations import Representation
from symmetry.space.layout import Piece
from symmetry.verification.young import Permutations, SymmetricGroup, YoungIrrep

__all__ = ["LARGEST", "irreducible_dimension", "multiplicities"]

LARGEST = 4
"""The largest size of a set, which has 24 permutations."""
ROUNDING = 1e-6

Acting = Representation | Permutations
"""How a group acts on an index."""
Name = tuple[tuple[str, str], ...]
"""The name of an irreducible representation of a product: (group, label) of each factor that is not trivial."""


def irreducible_dimension(target: Sequence[Piece], source: Sequence[Piece]) -> int:
    """The dimension of the maps from one tensor to another, whose sets have at most four elements.

    Parameters
    ----------
    target, source
        All pieces of the two tensors.

    Returns
    -------
    int
        Σ over irreducible representations of multiplicity × multiplicity × dimension of the commuting matrices.
    """
    written, read = contents(tuple(target)), contents(tuple(source))
    return sum(count * read[name][0] * commuting for name, (count, commuting) in written.items() if name in read)


@cache
def contents(pieces: tuple[Piece, ...]) -> dict[Name, tuple[int, int]]:
    """The irreducible representations in some pieces: multiplicity and dimension of commuting matrices, by name."""
    found: dict[Name, tuple[int, int]] = {}
    for piece in pieces:
        for name, (count, commuting) in piece_contents(piece).items():
            found[name] = found.get(name, (0, 0))[0] + count, commuting
    return found


def piece_contents(piece: Piece) -> dict[Name, tuple[int, int]]:
    """The irreducible representations in one piece: products of the irreducible representations of each group."""
    turned: dict[str, list[Acting]] = {}
    for index in (position.index for position in piece.positions):
        if (acting := index.acting) is not None:
            turned.setdefault(acting.group.name, []).append(acting)
        elif index.joined and index.size > 1:
            turned.setdefault(f"S {index.name}", []).append(Permutations(SymmetricGroup(index.size)))
    factors = [[(name, *part) for part in multiplicities(tuple(factors)).items()] for name, factors in turned.items()]
    found = {}
    for chosen in product(*factors):
        name = tuple(sorted((group, label) for group, label, _ in chosen if label not in ("0", "0_0")))
        counts = [count for _, _, (count, _) in chosen]
        found[name] = piece.free_size * math.prod(counts), math.prod(commuting for _, _, (_, commuting) in chosen)
    return found


@cache
def multiplicities(factors: tuple[Acting, ...]) -> dict[str, tuple[int, int]]:
    """The irreducible representations in a tensor product: multiplicity and dimension of commuting matrices, by label.

    The product's character is a linear combination of theirs, which are independent functions. Least squares find the
    coefficients, at all elements of a finite group or at random elements of a compact one; no mean over the group is
    taken. Raises `ArithmeticError` if the coefficients are not close to integers that give the character.
    """
    group = factors[0].group
    irreps: Sequence[Irrep | YoungIrrep] = group.irreps(sum(one.frequency for one in factors))
    rng = np.random.default_rng(0)
    if isinstance(group, SymmetricGroup) or group.finite:
        elements = group.elements
    else:
        elements = [group.sample(rng) for _ in range(16 + 4 * len(irreps))]
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


def commutant_dimension(irrep: Irrep | YoungIrrep, group: Group | SymmetricGroup) -> int:
    """The dimension of the matrices M with M ρ(g) = ρ(g) M for the generators g of a group."""
    one = np.eye(irrep.size)
    turns = [irrep.matrix(g) for g in group.generators]
    rows = [np.kron(turn, one) - np.kron(one, turn.T) for turn in turns]
    return irrep.size**2 - int(np.linalg.matrix_rank(np.concatenate(rows), tol=ROUNDING)) if rows else irrep.size**2
