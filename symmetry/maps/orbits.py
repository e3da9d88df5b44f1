"""Which entries of a block share a parameter: the orbits of index pairs, read off from which indices are equal.

Where a group only permutes, two entries of a map are in one orbit if the same indices are equal in both and their free
values agree. So orbits and diagrams are one to one: an orbit's entries satisfy its diagram and no finer one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symmetry.maps.diagrams import joint_positions
from symmetry.maps.partitions import Partition, forest_partitions, joint_rule
from symmetry.space.layout import Piece, Position

__all__ = ["Orbits", "piece_orbits"]

Labels = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Orbits:
    """The orbits of the index pairs of two pieces, numbered as their diagrams: by partition, then by free value.

    `labels` has the number of each pair's orbit, axes `(target entry, source entry)`, both row-major. `equal` says
    for each partition, axes `(partition, joined position)`, which earlier position each one equals, the first of them.
    """

    partitions: tuple[Partition, ...]
    equal: Labels
    free: int
    labels: Labels

    @property
    def counts(self) -> Labels:
        """The number of pairs in each orbit."""
        return np.bincount(self.labels.ravel(), minlength=len(self.partitions) * self.free)


def piece_orbits(target: Piece, source: Piece) -> Orbits:
    """The orbits of two pieces whose indices' actions permute.

    >>> from symmetry import WeightSpace
    >>> (piece,) = WeightSpace({"b": "h"}, sets={"h": 3}).pieces
    >>> orbits = piece_orbits(piece, piece)
    >>> orbits.labels.tolist(), orbits.partitions
    ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], (((0, 1),), ((0,), (1,))))
    """
    positions = joint_positions(target, source)
    joined = [place for place, position in enumerate(positions) if position.index.joined]
    loose = [place for place in range(len(positions)) if place not in joined]
    partitions = tuple(forest_partitions(positions, joint_rule(positions, len(target.positions))))
    shape = [position.index.size for position in positions]
    equal = np.array([first_places(partition, joined) for partition in partitions], dtype=np.intp)
    # The place that a position equals, for all positions, as one number: exact in 64 bits up to 16 positions, and
    # beyond that two partitions are told apart by all but one in 2^64 choices of the weights.
    weights = np.random.default_rng(0).integers(2**63, size=len(joined), dtype=np.uint64)
    keys, marks = equal.astype(np.uint64) @ weights, equalities(positions, joined, weights)
    order = np.argsort(keys)
    found = order[np.searchsorted(keys, marks, sorter=order) % len(keys)]
    if not np.array_equal(keys[found], marks):
        raise ValueError("there are entries that no map reaches: an action does more than permute")
    free = math.prod(shape[place] for place in loose)
    labels = (found[:, None] * free + np.arange(free)).reshape([shape[place] for place in (*joined, *loose)])
    labels = labels.transpose(np.argsort([*joined, *loose])).reshape(math.prod(target.shape), -1)
    return Orbits(partitions, equal, free, labels)


def first_places(partition: Partition, joined: Sequence[int]) -> list[int]:
    """For each joined position the first that is in one block with it."""
    first = {place: block[0] for block in partition for place in block}
    return [first[place] for place in joined]


def equalities(positions: Sequence[Position], joined: Sequence[int], weights: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """For each combination of the joined positions' values, row-major, Σ weight × first position that is equal.

    Nested indices are equal if their parents are too.
    """
    entry = np.arange(math.prod(positions[place].index.size for place in joined))
    values = {}
    for number, place in enumerate(joined):  # numpy's own grids stop at 64 dimensions
        inner = math.prod(positions[other].index.size for other in joined[number + 1 :])
        values[place] = entry // inner % positions[place].index.size
    same: dict[tuple[int, int], NDArray[np.bool_]] = {}

    def equal(one: int, other: int) -> NDArray[np.bool_]:
        if (one, other) not in same:
            found = values[one] == values[other]
            above, beside = positions[one].parent, positions[other].parent
            if above is not None and beside is not None and above != beside:
                found = found & equal(above, beside)
            same[one, other] = found
        return same[one, other]

    marks = np.zeros(len(entry), dtype=np.uint64)
    for place, weight in zip(joined, weights, strict=True):
        first = np.full(len(entry), place, dtype=np.uint64)
        for other in reversed([other for other in joined if other < place]):
            if positions[other].index.name == positions[place].index.name:
                first[equal(place, other)] = other
        marks += first * weight
    return marks
