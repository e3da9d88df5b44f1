"""The orthogonal projection of dense maps onto the equivariant maps of a block, with coefficients of diagrams.

The mean of a map over each orbit of index pairs is its projection. A diagram is a sum of orbits: the orbit with its
own pattern of equal indices, and all orbits in which more indices are equal. Coefficients of diagrams therefore follow
from the means over orbits by one small linear system for each pair of pieces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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
"""The largest number of index pairs times patterns of equal indices."""
AT_ONCE = 2**17
"""So many entries, over all maps, are looked at together: few enough to stay in a cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The orbits of one pair of pieces, and the diagrams that contain each orbit.

    Parameters
    ----------
    places
        Flat positions of the pair's entries in the block as it is stored by columns, those of one orbit after another.
    counts
        The number of entries of each orbit.
    incidence
        1 where pattern `d` contains the orbit of pattern `o`, axes `(d, o)`; else 0.
    free
        The number of combinations of free values: each pattern stands for as many diagrams, and as many orbits.
    """

    places: NDArray[np.intp]
    counts: NDArray[np.intp]
    incidence: Floats
    free: int

    def runs(self, length: int) -> Iterator[tuple[NDArray[np.intp], slice, NDArray[np.intp]]]:
        """The places, at most `length` at a time: with them the orbits they are of, and where each of these begins."""
        begins = np.cumsum(self.counts) - self.counts
        for start in range(0, len(self.places), length):
            some = self.places[start : start + length]
            first, last = np.searchsorted(begins, (start + 1, start + len(some)))
            yield some, slice(first - 1, last), np.maximum(begins[first - 1 : last] - start, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The projection onto the equivariant maps of a block on which groups only permute.

    Parameters
    ----------
    block
        The block.
    diagrams
        Its diagrams, in the block's order.
    parts
        The orbits of each pair of pieces.
    """

    block: Block
    diagrams: tuple[Diagram, ...]
    parts: tuple[Part, ...]

    def __call__(self, maps: Any) -> tuple[Floats, Floats]:
        """Coefficients of the diagrams, and the norm of the rest.

        Parameters
        ----------
        maps
            Dense maps, axes `(map, target entry, source entry)`, tensors flattened row-major.

        Returns
        -------
        tuple[Floats, Floats]
            The coefficients, axes `(map, diagram)`; the norm of the difference from the projection, axes `(map,)`.

        Examples
        --------
        >>> from symmetry import EquivariantMaps, WeightSpace
        >>> maps = EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 3}))
        >>> projected = project(maps.block(target="b", source="b"))
        >>> coefficients, rest = projected(np.array([np.eye(3) + 2, np.diag([1.0, -1.0, 0.0])]))
        >>> [str(diagram) for diagram in projected.diagrams], coefficients.round(9).tolist(), rest.round(3).tolist()
        (['b[h] <- b[h]', "b[h] <- b[h']"], [[1.0, 2.0], [0.0, 0.0]], [0.0, 1.414])
        """
        return self.by_columns(np.asarray(maps, dtype=np.float64).transpose(2, 1, 0))

    def by_columns(self, columns: Floats) -> tuple[Floats, Floats]:
        """The same for maps of axes `(source entry, target entry, map)`, as a batch of basis vectors gives them."""
        count = columns.shape[2]
        flat, length = columns.reshape(-1, count), max(1, AT_ONCE // count)
        coefficients, rest = [], np.zeros(count)
        for part in self.parts:
            means = np.zeros((len(part.counts), count))
            for places, orbits, begins in part.runs(length):
                means[orbits] += np.add.reduceat(flat[places], begins)
            means /= part.counts[:, None]
            for places, orbits, begins in part.runs(length):
                lengths = np.diff(begins, append=len(places))
                rest += np.square(flat[places] - np.repeat(means[orbits], lengths, axis=0)).sum(axis=0)
            by_pattern = means.reshape(-1, part.free * count)
            solved = np.linalg.solve(part.incidence.T, by_pattern).reshape(-1, count)
            coefficients.append(solved.T)
        return np.concatenate(coefficients, axis=1), np.sqrt(rest)


@dataclass(frozen=True, slots=True, eq=False)
class DenseProjection:
    """The projection by the matrices of the diagrams, for blocks on which groups do more than permute.

    Parameters
    ----------
    block
        The block.
    diagrams
        Its diagrams, in the block's order.
    matrices
        Their flattened matrices, axes `(diagram, entry)`.
    inverse
        The pseudo-inverse of these, axes `(entry, diagram)`.
    """

    block: Block
    diagrams: tuple[Diagram, ...]
    matrices: Floats
    inverse: Floats

    def __call__(self, maps: Any) -> tuple[Floats, Floats]:
        """Coefficients of the diagrams, and the norm of the rest, as for `Projection`."""
        flat = np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
        coefficients = flat @ self.inverse
        return coefficients, np.linalg.norm(flat - coefficients @ self.matrices, axis=1)

    def by_columns(self, columns: Floats) -> tuple[Floats, Floats]:
        """The same for maps of axes `(source entry, target entry, map)`."""
        return self(columns.transpose(2, 1, 0))


def dense_projection(block: Block) -> DenseProjection:
    """The projection by the matrices of the diagrams. Raises `SpecificationError` if these are too large."""
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
    """Whether all groups that act on a tensor only permute its entries, so that diagrams are sums of orbits."""
    positions = (position for piece in tensor.pieces for position in piece.positions)
    return all(one.index.acting is None and one.index.invariant(one.charge) is Invariant.ENTRY for one in positions)


def project(block: Block) -> Projection | DenseProjection:
    """The projection onto the equivariant maps of a block, for small sizes.

    Raises `SpecificationError` if there are too many diagrams to list, or too many index pairs.
    """
    if not all(permutes_entries(tensor) for tensor in (block.target, block.source)):
        return dense_projection(block)
    parts = (part_of(block, target, source) for target, source in block.piece_pairs)
    return Projection(block, tuple(block.diagrams()), tuple(parts))


def part_of(block: Block, target: Piece, source: Piece) -> Part:
    """The orbits of a pair of pieces, and the patterns of equal indices that contain each of them."""
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
    for holds, steps in zip(incidence, found.steps, strict=True):
        holds *= [set(steps) <= set(others) for others in found.steps]
    rows, columns = (math.prod(tensor.shape) for tensor in (block.target, block.source))
    places = places_of(block, target, source) if len(block.piece_pairs) > 1 else np.arange(rows * columns)
    order = np.argsort(found.labels, axis=None, kind="stable")
    by_columns = places % columns * rows + places // columns
    return Part(by_columns[order], found.counts, incidence, found.free)


def places_of(block: Block, target: Piece, source: Piece) -> NDArray[np.intp]:
    """Flat positions of the index pairs of two pieces in the flattened block."""
    rows = piece_values(block.target.layout, block.target.shape, target)
    columns = piece_values(block.source.layout, block.source.shape, source)
    return (rows[:, None] * math.prod(block.source.shape) + columns).ravel()
