"""The irreducible representations of the permutations of n elements, one a partition of n: Young's orthogonal form.

The basis of a representation are the standard tableaux of its partition: 1 to n in rows of these lengths, so that
numbers grow along rows and down columns. Exchanging i and i + 1 turns the plane of two tableaux that differ by it, and
multiplies a tableau that has both in one row, or column, by 1 or by -1. A permutation is a tuple: the images.

References
----------
James and Kerber, "The Representation Theory of the Symmetric Group", 1981, section 3.4 (Young's orthogonal form).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Permutations", "SymmetricGroup", "YoungIrrep"]

Permutation = tuple[int, ...]
Matrix = NDArray[np.float64]
Tableau = tuple[tuple[int, int], ...]
"""Row and column of each number in turn."""


@dataclass(frozen=True, slots=True)
class SymmetricGroup:
    """The permutations of `size` elements."""

    size: int

    @property
    def elements(self) -> list[Permutation]:
        """Every permutation, the identity first."""
        return list(permutations(range(self.size)))

    @property
    def generators(self) -> list[Permutation]:
        """The exchanges of two neighbours."""
        return [exchange(place, self.size) for place in range(self.size - 1)]

    def irreps(self, frequency: int) -> list[YoungIrrep]:
        """Every irreducible representation, the trivial one first; the frequency is that of a compact group."""
        return [YoungIrrep(shape) for shape in partitions(self.size, self.size)]


@dataclass(frozen=True, slots=True)
class Permutations:
    """The group's action on its elements."""

    group: SymmetricGroup
    frequency: int = 0

    def matrix(self, g: Permutation) -> Matrix:
        """The permutation matrix that takes each element to its image."""
        return np.eye(len(g))[:, list(g)]


@dataclass(frozen=True, slots=True)
class YoungIrrep:
    """An irreducible representation, by its partition: the lengths of the rows, which do not grow."""

    shape: tuple[int, ...]

    @property
    def label(self) -> str:
        """The lengths of the rows; "0" for the trivial representation, as of every other group here."""
        return "+".join(map(str, self.shape)) if len(self.shape) > 1 else "0"

    @property
    def size(self) -> int:
        """The number of standard tableaux."""
        return len(tableaux(self.shape))

    def matrix(self, g: Permutation) -> Matrix:
        """The orthogonal matrix of a permutation, the product of those of exchanges of neighbours that sort it."""
        product, images = np.eye(self.size), list(g)
        for end in range(len(images) - 1, 0, -1):
            for place in range(end):
                if images[place] > images[place + 1]:
                    images[place], images[place + 1] = images[place + 1], images[place]
                    product = exchange_matrix(self.shape, place) @ product
        return product


def exchange(place: int, size: int) -> Permutation:
    """The permutation that exchanges an element and the next."""
    images = list(range(size))
    images[place], images[place + 1] = images[place + 1], images[place]
    return tuple(images)


def partitions(count: int, most: int) -> Iterator[tuple[int, ...]]:
    """A number as sums of numbers that do not grow, none larger than `most`; the largest first.

    >>> list(partitions(4, 4))
    [(4,), (3, 1), (2, 2), (2, 1, 1), (1, 1, 1, 1)]
    """
    if not count:
        yield ()
    for first in range(min(count, most), 0, -1):
        yield from ((first, *rest) for rest in partitions(count - first, first))


@cache
def tableaux(shape: tuple[int, ...]) -> tuple[Tableau, ...]:
    """The standard tableaux of a partition: the largest number ends a row that is longer than the next.

    >>> [[row for row, _ in one] for one in tableaux((2, 1))]
    [[0, 1, 0], [0, 0, 1]]
    """
    if not shape:
        return ((),)
    found: list[Tableau] = []
    for row, (length, below) in enumerate(pairwise((*shape, 0))):
        if length > below:
            rest = tuple(one - (number == row) for number, one in enumerate(shape))
            found += [(*one, (row, length - 1)) for one in tableaux(tuple(filter(None, rest)))]
    return tuple(found)


@cache
def exchange_matrix(shape: tuple[int, ...], place: int) -> Matrix:
    """The matrix by which a number of the tableaux and the next are exchanged."""
    every = tableaux(shape)
    matrix = np.zeros((len(every), len(every)))
    for column, one in enumerate(every):
        (row, along), (other_row, other_along) = one[place], one[place + 1]
        cosine = 1 / ((other_along - other_row) - (along - row))
        matrix[column, column] = cosine
        exchanged = (*one[:place], one[place + 1], one[place], *one[place + 2 :])
        if exchanged in every:
            matrix[every.index(exchanged), column] = np.sqrt(1 - cosine**2)
    return matrix
