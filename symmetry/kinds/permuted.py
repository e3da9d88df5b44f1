"""Indices whose values a symmetric group permutes: sets, and positional indices as the derivation takes them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.action import Action, Copies, Part
from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError

__all__ = ["Permutations", "PermutedIndex"]


@dataclass(frozen=True, slots=True)
class Permutations(Action):
    """The symmetric group of `size` elements.

    A part is an array with the axes `(*parents, value)`: `part[h, u]` is where element `u` of copy `h` goes.
    """

    name: str
    size: int

    def identity(self, copies: Copies) -> NDArray[np.intp]:
        return np.broadcast_to(np.arange(self.size), (*copies, self.size))

    def sample(self, copies: Copies, rng: np.random.Generator) -> NDArray[np.intp]:
        return rng.permuted(self.identity(copies), axis=-1)

    def generators(self, copies: Copies) -> Iterator[NDArray[np.intp]]:
        still = np.arange(self.size)
        for move in [np.r_[1, 0, still[2:]], np.roll(still, -1)][: self.size - 1]:
            part = self.identity(copies).copy()
            part[(0,) * len(copies)] = move
            yield part

    def simple_count(self, copies: Copies) -> int:
        return math.prod(copies) * math.comb(self.size, 2)

    def simple(self, copies: Copies, number: int) -> NDArray[np.intp]:
        """The exchange of the `number`-th pair of elements: first copies first, lowest elements first."""
        copy, pair = divmod(number, math.comb(self.size, 2))
        low = 0
        while pair >= self.size - 1 - low:
            pair -= self.size - 1 - low
            low += 1
        part = self.identity(copies).copy()
        part.reshape(-1, self.size)[copy, [low, low + 1 + pair]] = low + 1 + pair, low
        return part

    def inverse(self, part: Part) -> NDArray[np.intp]:
        return np.argsort(part, axis=-1)

    def compose(self, after: Part, before: Part) -> NDArray[np.intp]:
        return np.take_along_axis(after, before, axis=-1)

    def equal(self, part: Part, other: Part) -> bool:
        return np.array_equal(part, other)

    def read(self, value: Any, copies: Copies) -> NDArray[np.intp]:
        part, shape = np.asarray(value), (*copies, self.size)
        if part.shape != shape or not np.array_equal(np.sort(part, axis=-1), self.identity(copies)):
            raise SpecificationError(
                f"the part for {self.name!r} is not a permutation",
                remedy=f"give an array of shape {shape} whose rows are permutations of 0…{self.size - 1}",
            )
        return part.astype(np.intp)

    def described(self, part: Part) -> Any:
        return part.tolist()

    def deed(self, part: Part) -> str:
        """Name the two elements that a transposition exchanges, or else the set that is permuted."""
        places = [
            tuple(map(int, place)) for place in zip(*(part != self.identity(part.shape[:-1])).nonzero(), strict=True)
        ]
        if len(places) == 2 and places[0][:-1] == places[1][:-1]:
            within = f" of copy {places[0][:-1]}" if len(places[0]) > 1 else ""
            return f"exchanging elements {places[0][-1]} and {places[1][-1]}{within} of {self.name!r}"
        return f"permuting {self.name!r}"

    def order(self, copies: Copies) -> int:
        return int(math.factorial(self.size) ** math.prod(copies))

    def log_order(self, copies: Copies) -> float:
        return math.prod(copies) * math.lgamma(self.size + 1)

    @property
    def symbol(self) -> str:
        return f"S_{self.size}"

    @property
    def order_symbol(self) -> str:
        return f"{self.size:,}!"

    def simpler(self, part: Part) -> Iterator[NDArray[np.intp]]:
        """Exchanges of one element with the element that takes its place."""
        for place in map(tuple, np.argwhere(part != self.identity(part.shape[:-1]))):
            exchange, there = self.identity(part.shape[:-1]).copy(), (*place[:-1], part[place])
            exchange[place], exchange[there] = exchange[there], exchange[place]
            yield exchange

    def moving(self, images: NDArray[np.intp], copies: Copies) -> NDArray[np.intp]:
        return np.broadcast_to(images, (*copies, self.size))


@dataclass(frozen=True, slots=True)
class PermutedIndex(Index):
    """An index that a symmetric group permutes: any of its positions may form a block."""

    joined: ClassVar[bool] = True

    def label(self, charge: int, *, read: bool) -> Hashable:
        return ()

    def allows(self, labels: Sequence[Any]) -> bool:
        return True

    @property
    def action(self) -> Permutations:
        return Permutations(self.name, self.size)

    def images(self, part: Part) -> NDArray[np.intp]:
        return part
