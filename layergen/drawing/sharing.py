"""Which entries of a block share a parameter: the orbits of index pairs, read off from which indices are equal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symmetry.maps.diagrams import joint_positions
from symmetry.maps.equivariant_maps import Block
from symmetry.maps.orbits import piece_orbits
from symmetry.maps.partitions import Partition
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
        orbits = piece_orbits(target, source)
        places = np.ix_(entries(block.target, target), entries(block.source, source))
        of[places] = len(cores) + orbits.labels
        positions, split = joint_positions(target, source), len(target.positions)
        cores += [core(positions, partition, split) for partition in orbits.partitions for _ in range(orbits.free)]
    return Sharing(of, tuple(cores), tuple(np.bincount(of.ravel(), minlength=len(cores)).tolist()))


def entries(tensor: Tensor, piece: Piece) -> NDArray[np.intp]:
    """Flat places in the tensor of a piece's entries."""
    return piece_values(tensor.layout, tensor.shape, piece)


def core(positions: tuple[Position, ...], partition: Partition, split: int) -> tuple[str, ...]:
    """The sets of the blocks that a target and a source have in common: parents first, then by name."""
    shared = [block[0] for block in partition if block[0] < split <= block[-1]]
    return tuple(name for _, name in sorted((depth(positions, place), positions[place].index.name) for place in shared))


def depth(positions: tuple[Position, ...], place: int) -> int:
    """How many parents a position has above it."""
    parent = positions[place].parent
    return 0 if parent is None else 1 + depth(positions, parent)
