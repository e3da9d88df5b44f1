"""The null space of the generators' constraints: ρ_U(g) M = M ρ_V(g) for every generator g (Finzi et al. 2021).

Solved numerically, generator by generator, on the positions of a pair of pieces that a group acts on (free positions
only multiply the dimension). Where the sets are too large, they are cut down to a size at which the equations fit,
and the formula is held to that size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.representations import Given
from symmetry.kinds.indices import RepresentationIndex
from symmetry.space.elements import generators
from symmetry.space.layout import Piece, Position
from symmetry.space.weight_space import WeightSpace

__all__ = ["UNKNOWNS", "null_space_dimension", "small_sizes"]

UNKNOWNS = 260
"""The largest number of unknowns for which the equations are solved."""
TOLERANCE = 1e-9
"""Singular values below this count as zero; those of a difference of permutations restricted to an invariant
subspace are either zero or of order one, those of generators of a compact group seldom below a hundredth."""


@dataclass(frozen=True, slots=True)
class JointTensor:
    """Target and source positions as the axes of one tensor: maps are its entries."""

    axes: str
    sets: tuple[tuple[str, int, str | None], ...]
    acted: tuple[tuple[str, str, Given], ...]

    def space(self) -> WeightSpace:
        """A weight space with that one tensor."""
        declared = {
            name: size if within is None else {"size": size, "within": within} for name, size, within in self.sets
        }
        acted = {name: {"group": group, "representation": given} for name, group, given in self.acted}
        return WeightSpace({"map": self.axes}, sets=declared, representations=acted)


def null_space_dimension(pieces: tuple[Piece, Piece], sizes: dict[str, int]) -> int:
    """Dimension of the maps between two pieces, their sets cut down to `sizes`."""
    free = math.prod(piece.free_size for piece in pieces)
    positions: list[tuple[Position, ...]] = [piece.positions for piece in pieces]
    return free * solve(joint(positions[0], positions[1], sizes))


def small_sizes(pieces: tuple[Piece, Piece]) -> dict[str, int] | None:
    """The sets' sizes, cut down evenly until the unknowns fit; None if not even pairs fit."""
    used = [p.index for piece in pieces for p in piece.positions if p.index.permuted]
    others = [p.index for piece in pieces for p in piece.positions if isinstance(p.index, RepresentationIndex)]
    acted = math.prod(index.size for index in others)
    for most in (max((index.size for index in used), default=1), 8, 6, 5, 4, 3, 2):
        sizes = {index.name: min(index.size, most) for index in used}
        if acted * math.prod(sizes[index.name] for index in used) <= UNKNOWNS:
            return sizes
    return None


def joint(target: tuple[Position, ...], source: tuple[Position, ...], sizes: dict[str, int]) -> JointTensor:
    """The joint tensor of the positions that a group acts on. Each parent comes right before what is nested in it.

    Sets are renamed in the order in which they occur, so that blocks of the same form are solved once.
    """
    words: list[str] = []
    names: dict[str, str] = {}
    sets: dict[str, tuple[str, int, str | None]] = {}
    acted: dict[str, tuple[str, str, Given]] = {}

    def place(positions: tuple[Position, ...], parent: int | None) -> None:
        for number, position in enumerate(positions):
            index = position.index
            if index.permuted and position.parent == parent:
                name = names.setdefault(index.name, f"s{len(names)}")
                words.append(name)
                sets[name] = (name, sizes[index.name], None if index.parent is None else names[index.parent])
                place(positions, number)
            elif isinstance(index, RepresentationIndex) and parent is None:
                name = names.setdefault(index.name, f"r{len(names)}")
                words.append(name)
                acted[name] = (name, index.group, index.representation)

    place(target, None)
    place(source, None)
    return JointTensor(" ".join(words), tuple(sorted(sets.values())), tuple(acted.values()))


@cache
def solve(joint: JointTensor) -> int:
    """The number of independent maps that every generator leaves as they are."""
    if not joint.axes:
        return 1
    space = joint.space()
    shape = space["map"].shape
    basis: NDArray[np.float64] = np.eye(math.prod(shape))
    for generator in generators(space):
        moved = generator.act({"map": basis.reshape(1, *shape, -1)}, channels=True)["map"].reshape(basis.shape)
        _, singular, rows = np.linalg.svd(moved - basis, full_matrices=True)
        rank = int((singular > TOLERANCE).sum())
        basis = basis @ rows[rank:].T
    return basis.shape[1]
