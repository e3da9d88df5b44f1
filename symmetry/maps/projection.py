"""Any dense map of a block as an equivariant one, in diagrams, and a rest.

The mean of a map over each orbit of index pairs is its orthogonal projection on the equivariant maps. A diagram is a
sum of orbits (those of its own pattern of equal indices and of all coarser ones), so that means over orbits turn into
coefficients of diagrams by one small triangular system.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.index import Invariant
from symmetry.language.errors import SpecificationError
from symmetry.maps.counting import block_count
from symmetry.maps.diagrams import Diagram, joint_positions
from symmetry.maps.equivariant_maps import Block
from symmetry.maps.orbits import piece_orbits
from symmetry.space.layout import Piece, piece_values
from symmetry.space.weight_space import Tensor

__all__ = ["DenseProjection", "Projection", "project"]

Floats = NDArray[np.float64]

MOST = 200_000_000
"""The most index pairs times patterns that are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The orbits of one pair of pieces, and which diagrams hold each orbit.

    `orbits` numbers the orbit of each pair of entries, `places` says where those lie in the flattened block (None for
    all of it, in order). `incidence[d, o]` is 1 where the `d`-th pattern holds the `o`-th; patterns and orbits stand
    for one of each for every free value.
    """

    places: NDArray[np.intp] | None
    orbits: NDArray[np.intp]
    counts: NDArray[np.intp]
    incidence: Floats
    free: int


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The projection on the equivariant maps of a block. Its diagrams are in the order of the block's own."""

    block: Block
    diagrams: tuple[Diagram, ...]
    parts: tuple[Part, ...]

    def __call__(self, maps: Any) -> tuple[Floats, Floats]:
        """Coefficients in the diagrams `(maps, diagrams)`, and the norm of the rest `(maps,)`.

        `maps` are dense, `(maps, target entries, source entries)`, both flattened row-major.

        >>> from symmetry import EquivariantMaps, WeightSpace
        >>> maps = EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 3}))
        >>> projected = project(maps.block(target="b", source="b"))
        >>> coefficients, rest = projected(np.array([np.eye(3) + 2, np.diag([1.0, -1.0, 0.0])]))
        >>> [str(diagram) for diagram in projected.diagrams], coefficients.round(9).tolist(), rest.round(3).tolist()
        (['b[h] <- b[h]', "b[h] <- b[h']"], [[1.0, 2.0], [0.0, 0.0]], [0.0, 1.414])
        """
        flat = np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
        coefficients, rest = [], np.zeros(len(flat))
        for part in self.parts:
            means = np.empty((len(flat), len(part.counts)))
            for number, one in enumerate(flat):
                values = one if part.places is None else one[part.places]
                means[number] = np.bincount(part.orbits, values, len(part.counts)) / part.counts
                rest[number] += np.square(values - means[number][part.orbits]).sum()
            by_pattern = means.reshape(len(flat), -1, part.free).transpose(1, 0, 2).reshape(len(part.incidence), -1)
            solved = np.linalg.solve(part.incidence.T, by_pattern).reshape(-1, len(flat), part.free)
            coefficients.append(solved.transpose(1, 0, 2).reshape(len(flat), -1))
        return np.concatenate(coefficients, axis=1), np.sqrt(rest)


@dataclass(frozen=True, slots=True, eq=False)
class DenseProjection:
    """The same through the diagrams' matrices, where representation indices make them other than 0/1."""

    block: Block
    diagrams: tuple[Diagram, ...]
    matrices: Floats
    inverse: Floats

    def __call__(self, maps: Any) -> tuple[Floats, Floats]:
        """Coefficients in the diagrams `(maps, diagrams)`, and the norm of the rest `(maps,)`."""
        flat = np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
        coefficients = flat @ self.inverse
        return coefficients, np.linalg.norm(flat - coefficients @ self.matrices, axis=1)


def dense_projection(block: Block) -> DenseProjection:
    """The projection by the diagrams' matrices. Raises `SpecificationError` if these are too large."""
    entries = math.prod(block.target.shape) * math.prod(block.source.shape)
    if block.dimension * entries > MOST // 10:
        raise SpecificationError(
            f"{block} has {block.dimension:,} maps of {entries:,} entries, too many to compare",
            remedy="give smaller sets: diagrams do not depend on their sizes",
        )
    diagrams = tuple(block.diagrams())
    matrices = np.array([diagram.matrix().ravel() for diagram in diagrams]).reshape(len(diagrams), entries)
    return DenseProjection(block, diagrams, matrices, np.linalg.pinv(matrices))


def permutes_entries(tensor: Tensor) -> bool:
    """Whether all that acts on a tensor permutes its entries, so that diagrams are sums of orbits."""
    positions = (position for piece in tensor.pieces for position in piece.positions)
    return all(one.index.acting is None and one.index.invariant(one.charge) is Invariant.ENTRY for one in positions)


def project(block: Block) -> Projection | DenseProjection:
    """The projection on the equivariant maps of a block, for small sizes.

    Raises `SpecificationError` if there are more diagrams than are listed, or too many index pairs.
    """
    if not all(permutes_entries(tensor) for tensor in (block.target, block.source)):
        return dense_projection(block)
    parts = (part_of(block, target, source) for target, source in block.piece_pairs)
    return Projection(block, tuple(block.diagrams()), tuple(parts))


def part_of(block: Block, target: Piece, source: Piece) -> Part:
    """The orbits of a pair of pieces, and which patterns of equal indices hold each of them."""
    positions = joint_positions(target, source)
    pairs = math.prod(position.index.size for position in positions)
    if block_count((target, source)) * pairs > MOST:
        raise SpecificationError(
            f"{block} has {block_count((target, source)):,} patterns of {pairs:,} index pairs, too many to compare",
            remedy="give smaller sets: diagrams do not depend on their sizes",
        )
    found = piece_orbits(target, source)
    joined = [place for place, position in enumerate(positions) if position.index.joined]
    column = {place: number for number, place in enumerate(joined)}
    incidence = np.ones((len(found.partitions),) * 2)
    for holds, partition in zip(incidence, found.partitions, strict=True):
        for same in partition:
            for place in same[1:]:
                holds *= found.equal[:, column[place]] == found.equal[:, column[same[0]]]
    places = places_of(block, target, source) if len(block.piece_pairs) > 1 else None
    return Part(places, found.labels.ravel(), found.counts, incidence, found.free)


def places_of(block: Block, target: Piece, source: Piece) -> NDArray[np.intp]:
    """Where the index pairs of two pieces lie in the flattened block."""
    rows = piece_values(block.target.layout, block.target.shape, target)
    columns = piece_values(block.source.layout, block.source.shape, source)
    return (rows[:, None] * math.prod(block.source.shape) + columns).ravel()
