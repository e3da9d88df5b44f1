"""The orbits of index pairs of a block: the matrix entries of an equivariant map that are equal.

Where a group only permutes entries, two entries of a map are in one orbit if the same indices are equal in both and
their free values agree. Orbits and diagrams are therefore one to one: the entries of an orbit satisfy the equations of
its diagram, and of no diagram that joins more positions.

References
----------
Maron, Ben-Hamu, Shamir and Lipman, "Invariant and equivariant graph networks", ICLR 2019, theorem 1 (a basis of
equality patterns); Godfrey, Rawson, Brown and Kvinge, arXiv:2303.06208, 2023 (from the orbit basis to the diagrams).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symmetry.maps.diagrams import arrangements, joint_positions
from symmetry.maps.partitions import Partition
from symmetry.maps.relations import Steps, ends
from symmetry.space.layout import Piece, Position

__all__ = ["Orbits", "piece_orbits"]

Labels = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Orbits:
    """The orbits of the index pairs of two pieces, numbered like their diagrams: by partition, then by free values.

    Parameters
    ----------
    partitions
        The partition of the joined positions of each diagram.
    steps
        The steps of each diagram (`symmetry.maps.relations`): none for most.
    equal
        For each partition and each joined position the first position in its block, axes `(partition, joined
        position)`.
    free
        The number of combinations of free values.
    labels
        The number of the orbit of each index pair, axes `(target entry, source entry)`, both row-major.
    """

    partitions: tuple[Partition, ...]
    steps: tuple[Steps, ...]
    equal: Labels
    free: int
    labels: Labels

    @property
    def counts(self) -> Labels:
        """The number of index pairs in each orbit."""
        return np.bincount(self.labels.ravel(), minlength=len(self.partitions) * self.free)


def piece_orbits(target: Piece, source: Piece) -> Orbits:
    """The orbits of two pieces on which the group only permutes. Raises `ValueError` where it does more.

    >>> from symmetry import WeightSpace
    >>> (piece,) = WeightSpace({"b": "h"}, sets={"h": 3}).pieces
    >>> orbits = piece_orbits(piece, piece)
    >>> orbits.labels.tolist(), orbits.partitions
    ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], (((0, 1),), ((0,), (1,))))
    """
    positions = joint_positions(target, source)
    joined = [place for place, position in enumerate(positions) if position.index.joined]
    loose = [place for place in range(len(positions)) if place not in joined]
    arranged = tuple(arrangements(positions, len(target.positions)))
    partitions, steps = tuple(blocks for blocks, _ in arranged), tuple(steps for _, steps in arranged)
    shape = [position.index.size for position in positions]
    equal = np.array([first_places(partition, joined) for partition in partitions], dtype=np.intp)
    # The first equal position of every position, hashed to 64 bits as a sum with random weights: two partitions get
    # different numbers for all but one in 2^64 choices of the weights, about.
    rng = np.random.default_rng(0)
    weights = rng.integers(2**63, size=len(joined), dtype=np.uint64)
    keys, marks = equal.astype(np.uint64) @ weights, equalities(positions, joined, weights)
    for step in sorted({step for some in steps for step in some}):
        (weight,) = rng.integers(2**63, size=1, dtype=np.uint64)
        keys += weight * np.array([step in some for some in steps], dtype=np.uint64)
        marks = marks + weight * stepped(positions, joined, len(target.positions), step)
    order = np.argsort(keys)
    found = order[np.searchsorted(keys, marks, sorter=order) % len(keys)]
    if not np.array_equal(keys[found], marks):
        raise ValueError("there are entries that no map reaches: an action does more than permute")
    free = math.prod(shape[place] for place in loose)
    labels = (found[:, None] * free + np.arange(free)).reshape([shape[place] for place in (*joined, *loose)])
    labels = labels.transpose(np.argsort([*joined, *loose])).reshape(math.prod(target.shape), -1)
    return Orbits(partitions, steps, equal, free, labels)


def first_places(partition: Partition, joined: Sequence[int]) -> list[int]:
    """For each joined position the first position of its block."""
    first = {place: block[0] for block in partition for place in block}
    return [first[place] for place in joined]


def equalities(positions: Sequence[Position], joined: Sequence[int], weights: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """For each combination of values of the joined positions, row-major: Σ weight × first position of equal value.

    Values of nested indices are equal only if the values of their parents are.
    """
    values = joined_values(positions, joined)
    same: dict[tuple[int, int], NDArray[np.bool_]] = {}

    def equal(one: int, other: int) -> NDArray[np.bool_]:
        if (one, other) not in same:
            found = values[one] == values[other]
            above, beside = positions[one].parent, positions[other].parent
            if above is not None and beside is not None and above != beside:
                found = found & equal(above, beside)
            same[one, other] = found
        return same[one, other]

    marks = np.zeros(math.prod(positions[place].index.size for place in joined), dtype=np.uint64)
    for place, weight in zip(joined, weights, strict=True):
        first = np.full(len(marks), place, dtype=np.uint64)
        for other in reversed([other for other in joined if other < place]):
            if positions[other].index.name == positions[place].index.name:
                first[equal(place, other)] = other
        marks += first * weight
    return marks


def joined_values(positions: Sequence[Position], joined: Sequence[int]) -> dict[int, Labels]:
    """For each joined position its value, at each combination of values of all of them, row-major."""
    entry, values = np.arange(math.prod(positions[place].index.size for place in joined)), {}
    for number, place in enumerate(joined):  # numpy's own grids stop at 64 dimensions
        inner = math.prod(positions[other].index.size for other in joined[number + 1 :])
        values[place] = entry // inner % positions[place].index.size
    return values


def stepped(
    positions: Sequence[Position], joined: Sequence[int], split: int, step: tuple[str, int]
) -> NDArray[np.uint64]:
    """1 at each combination of values of the joined positions at which an index takes a step, else 0."""
    written, read = ends(positions, split, step[0])
    values = joined_values(positions, joined)
    return (values[written] - values[read] == step[1]).astype(np.uint64)
