"""What the entries of a map share over an ordered index, by definition: a class for each way to stand to each other.

No group says which pairs of values are alike, so these classes take its place in the proofs: a value l of the target
and a value m of the source are equal, neighbours in one order or the other, or farther apart, and within a class
entries do not depend on l and m. Classes are found by listing pairs; how many diagrams there are plays no part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from symmetry.space.layout import Piece

__all__ = ["FEW", "pair_classes", "translations"]

FEW = 4
"""The number of values from which on there are no further classes."""


def pair_classes(size: int) -> list[list[tuple[int, int]]]:
    """The pairs of values of an ordered index, by class.

    >>> pair_classes(2), len(pair_classes(5))
    ([[(0, 0), (1, 1)], [(0, 1)], [(1, 0)]], 4)
    """
    found: dict[int | str, list[tuple[int, int]]] = {}
    for written in range(size):
        for read in range(size):
            apart = written - read
            found.setdefault(apart if abs(apart) <= 1 else "farther", []).append((written, read))
    return list(found.values())


def translations(piece: Piece) -> Iterator[NDArray[np.intp]]:
    """For each class of each ordered index, the entries that take the places of those of a piece.

    The piece holds the entries of a map: an ordered index has a position of the target and one of the source, in this
    order, or one of a single side, all of whose values are alike. In a class each pair takes the place of the next.
    """
    entries = np.arange(math.prod(piece.shape)).reshape(piece.shape)
    for name in dict.fromkeys(position.index.name for position in piece.positions if position.index.single):
        places = [place for place, position in enumerate(piece.positions) if position.index.name == name]
        size = piece.positions[places[0]].index.size
        for alike in pair_classes(size) if len(places) == 2 else [[(value,) for value in range(size)]]:
            yield cycled(entries, places, alike)


def cycled(entries: NDArray[np.intp], places: Sequence[int], alike: Sequence[tuple[int, ...]]) -> NDArray[np.intp]:
    """Entries, flattened, after those at each combination of values at some positions went to the next combination."""
    moved, front = entries.copy(), tuple(range(len(places)))
    target, source = np.moveaxis(moved, places, front), np.moveaxis(entries, places, front)
    for values, following in zip(alike, [*alike[1:], alike[0]], strict=True):
        target[following] = source[values]
    return moved.ravel()
