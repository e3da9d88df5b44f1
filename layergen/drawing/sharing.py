"""Which entries of a block share a parameter: the orbits of index pairs, read off from which indices are equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symmetry.maps.diagrams import joint_positions
from symmetry.maps.equivariant_maps import Block
from symmetry.space.layout import Piece, Position, piece_values
from symmetry.space.weight_space import Tensor

__all__ = ["Sharing", "shared_entries"]


@dataclass(frozen=True, slots=True, eq=False)
class Sharing:
    """The classes of a block's entries: `of[row, column]` is a number into `cores` and `counts`.

    A class's core names the sets of the indices that its target and its source have in common; its count is the
    number of its entries.
    """

    of: NDArray[np.intp]
    cores: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]


def shared_entries(block: Block) -> Sharing:
    """The classes of a block: two entries share one if the same indices are equal in both and free values agree.

    There are as many as the block has dimensions.

    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> block = EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 3})).block(target="b", source="b")
    >>> shared_entries(block).of.tolist(), shared_entries(block).cores
    ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], (('h',), ()))
    """
    of = np.zeros([math.prod(tensor.shape) for tensor in (block.target, block.source)], dtype=np.intp)
    cores: list[tuple[str, ...]] = []
    for target, source in block.piece_pairs:
        positions = joint_positions(target, source)
        labels = equalities(positions)
        _, first, number = np.unique(labels, axis=1, return_index=True, return_inverse=True)
        places = np.ix_(entries(block.target, target), entries(block.source, source))
        of[places] = len(cores) + number.reshape(places[0].size, places[1].size)
        cores += [core(positions, labels[1:, entry], len(target.positions)) for entry in first]
    return Sharing(of, tuple(cores), tuple(np.bincount(of.ravel(), minlength=len(cores)).tolist()))


def entries(tensor: Tensor, piece: Piece) -> NDArray[np.intp]:
    """Flat places in the tensor of a piece's entries."""
    return piece_values(tensor.layout, tensor.shape, piece)


def equalities(positions: tuple[Position, ...]) -> NDArray[np.intp]:
    """For each entry a column: of each position the first that it equals, of a free one its value.

    Nested indices are equal if their parents are too. A first row of zeros stands for the scalar that has no positions.
    """
    values = coordinates([position.index.size for position in positions])
    same: dict[tuple[int, int], NDArray[np.bool_]] = {}

    def equal(one: int, other: int) -> NDArray[np.bool_]:
        if (one, other) not in same:
            found = values[one] == values[other]
            above = positions[one].parent, positions[other].parent
            if above[0] is not None and above[1] is not None:
                found = found & equal(above[0], above[1])
            same[one, other] = found
        return same[one, other]

    labels = [np.zeros(math.prod(position.index.size for position in positions), dtype=np.intp)]
    for place, position in enumerate(positions):
        label = np.full_like(labels[0], place) if position.index.permuted else values[place]
        if position.index.permuted:
            for other in reversed(range(place)):
                if positions[other].index.name == position.index.name:
                    label = np.where(equal(place, other), other, label)
        labels.append(label)
    return np.stack(labels)


def coordinates(sizes: Sequence[int]) -> list[NDArray[np.intp]]:
    """The value of each position at every entry, row-major; numpy's own grids stop at 64 dimensions."""
    entry = np.arange(math.prod(sizes))
    return [entry // math.prod(sizes[place + 1 :]) % size for place, size in enumerate(sizes)]


def core(positions: tuple[Position, ...], labels: NDArray[np.intp], split: int) -> tuple[str, ...]:
    """The sets of the indices that an entry's target and source have in common: parents first, then by name."""
    permuted = [position.index.permuted for position in positions]
    above = {int(label) for label, moves in zip(labels[:split], permuted[:split], strict=True) if moves}
    below = {int(label) for label, moves in zip(labels[split:], permuted[split:], strict=True) if moves}
    return tuple(
        name for _, name in sorted((depth(positions, place), positions[place].index.name) for place in above & below)
    )


def depth(positions: tuple[Position, ...], place: int) -> int:
    """How many parents a position has above it."""
    parent = positions[place].parent
    return 0 if parent is None else 1 + depth(positions, parent)
