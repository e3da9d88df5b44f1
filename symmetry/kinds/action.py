"""What acts on indices: a group, whose elements are parts of the elements of a weight space's whole group.

Where an index is nested, every element of its parents has a copy of the group: arrays of a part begin with the axes
of the parents, `(*parents, …)`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Action", "Copies", "Part"]

Part = Any
"""An element of one group, in whatever form its action has it; with copies an array that begins with their axes."""
Copies = tuple[int, ...]
"""The sizes of the parents of a nested index, outermost first; empty for one that is not nested."""


class Action(ABC):
    """A group that acts on one index, or on several together."""

    __slots__ = ()

    of_data: ClassVar[bool] = False
    """Whether it acts on the data that a network reads, so that what the network computes changes with it."""

    name: str
    """The name under which an element has its part: that of the index, or of a group shared by several."""

    @abstractmethod
    def identity(self, copies: Copies) -> Part:
        """The part that moves nothing."""

    @abstractmethod
    def sample(self, copies: Copies, rng: np.random.Generator) -> Part:
        """A part drawn uniformly, or at random where the group is not compact."""

    @abstractmethod
    def generators(self, copies: Copies) -> Iterator[Part]:
        """Parts that, with the parents' generators, generate the group (of a compact one a dense subgroup).

        They act within the first of the copies.
        """

    @abstractmethod
    def simple_count(self, copies: Copies) -> int:
        """How many of the simplest parts, those to try first in search of a counterexample, there are."""

    @abstractmethod
    def simple(self, copies: Copies, number: int) -> Part:
        """The simplest parts beside the identity, in order."""

    @abstractmethod
    def inverse(self, part: Part) -> Part:
        """The inverse of a part, copy by copy."""

    @abstractmethod
    def compose(self, after: Part, before: Part) -> Part:
        """First `before`, then `after`, copy by copy."""

    @abstractmethod
    def equal(self, part: Part, other: Part) -> bool:
        """Whether two parts are the same."""

    @abstractmethod
    def read(self, value: Any, copies: Copies) -> Part:
        """The part that a plain value describes. Raises `SpecificationError` for one that describes none."""

    @abstractmethod
    def described(self, part: Part) -> Any:
        """A part as plain values, which `read` takes."""

    @abstractmethod
    def deed(self, part: Part) -> str:
        """What a part does, in words."""

    @abstractmethod
    def order(self, copies: Copies) -> int | None:
        """The number of elements; None where they are not finitely many."""

    def log_order(self, copies: Copies) -> float:
        """The natural logarithm of the order, also where that has very many digits; infinite where the group is."""
        order = self.order(copies)
        return math.inf if order is None else math.log(order)

    @property
    @abstractmethod
    def symbol(self) -> str:
        """The group of one copy as it is written."""

    @property
    @abstractmethod
    def order_symbol(self) -> str:
        """The order of the group of one copy as it is written, such as `32!`; of one that is not finite its name."""

    def simpler(self, part: Part) -> Iterator[Part]:
        """Simple parts that a part is made of, to try in its place when a counterexample is sought."""
        return iter(())

    def moving(self, images: NDArray[np.intp], copies: Copies) -> Part | None:
        """The part that takes each value to its image, in every copy alike; None where the group does not permute."""
        return None
