"""The classes of a block's entries that share a parameter: orbits of pairs of a target index and a source index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symmetry.maps.diagrams import joint_positions
from symmetry.maps.equivariant_maps import Block
from symmetry.maps.orbits import piece_orbits
from symmetry.maps.relations import carried
from symmetry.space.layout import Piece, Position, piece_values
from symmetry.space.weight_space import Tensor

__all__ = ["Sharing", "shared_entries"]


@dataclass(frozen=True, slots=True, eq=False)
class Sharing:
    """The classes of a block's entries: `of[row, column]` is a number into `cores` and `counts`.

    The core of a class names the sets of the indices that target and source have in common; its count is its number of
    entries.
    """

    of: NDArray[np.intp]
    cores: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]


def shared_entries(block: Block) -> Sharing:
    """The classes of a block: two entries are in one if the same indices are equal in both and their free values agree.

    Over an ordered index neighbouring values are told from others.

    There are as many classes as the block has dimensions.

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
        kept = (carried(positions, split, *one) for one in zip(orbits.partitions, orbits.steps, strict=True))
        cores += [core(positions, places) for places in kept for _ in range(orbits.free)]
    return Sharing(of, tuple(cores), tuple(np.bincount(of.ravel(), minlength=len(cores)).tolist()))


def entries(tensor: Tensor, piece: Piece) -> NDArray[np.intp]:
    """The numbers of a piece's entries in its tensor, flattened row-major."""
    return piece_values(tensor.layout, tensor.shape, piece)


def core(positions: tuple[Position, ...], shared: Sequence[int]) -> tuple[str, ...]:
    """The indices of some positions, which target and source have in common: parents first, then by name."""
    return tuple(name for _, name in sorted((depth(positions, place), positions[place].index.name) for place in shared))


def depth(positions: tuple[Position, ...], place: int) -> int:
    """The number of a position's ancestors."""
    parent = positions[place].parent
    return 0 if parent is None else 1 + depth(positions, parent)
