"""The interface of a group that acts on indices: its elements, their products, and plain values for them.

An element of a weight space's group has one *part* for each `Action`. A nested index has a copy of the group for each
element of its parents: the arrays of its parts begin with the axes of the parents, `(*parents, …)`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Action", "Copies", "Part"]

Part = Any
"""An element of one group, of a type that its `Action` chooses; for a nested index an array `(*parents, …)`."""
Copies = tuple[int, ...]
"""The sizes of the parents of a nested index, outermost first; empty for one that is not nested."""


class Action(ABC):
    """A group that acts on one index, or on several together."""

    __slots__ = ()

    of_data: ClassVar[bool] = False
    """Whether the group acts on the data that a network reads, so that the network's output transforms with it."""

    name: str
    """Name of the part that an element of the whole group has: of the index, or of a group that several share."""

    @abstractmethod
    def identity(self, copies: Copies) -> Part:
        """The part that moves nothing."""

    @abstractmethod
    def sample(self, copies: Copies, rng: np.random.Generator) -> Part:
        """A part drawn at random: uniformly where the group is compact."""

    @abstractmethod
    def generators(self, copies: Copies) -> Iterator[Part]:
        """Parts that, with the generators of the parents' groups, generate the group, or a dense subgroup of it.

        They act within the first copy.
        """

    @abstractmethod
    def simple_count(self, copies: Copies) -> int:
        """The number of simple parts, the first to try in search of a counterexample."""

    @abstractmethod
    def simple(self, copies: Copies, number: int) -> Part:
        """The simple part with a number from 0; no simple part is the identity."""

    @abstractmethod
    def inverse(self, part: Part) -> Part:
        """The inverse of a part, copy by copy."""

    @abstractmethod
    def compose(self, after: Part, before: Part) -> Part:
        """The product of two parts, copy by copy: first `before` acts, then `after`."""

    @abstractmethod
    def equal(self, part: Part, other: Part) -> bool:
        """Whether two parts are the same element."""

    @abstractmethod
    def read(self, value: Any, copies: Copies) -> Part:
        """The part that a plain value describes. Raises `SpecificationError` for a value that describes none."""

    @abstractmethod
    def described(self, part: Part) -> Any:
        """A plain value for a part, which `read` takes."""

    @abstractmethod
    def deed(self, part: Part) -> str:
        """A few words on the effect of a part, for messages."""

    @abstractmethod
    def order(self, copies: Copies) -> int | None:
        """The number of elements, over all copies; None for a group that is not finite."""

    def log_order(self, copies: Copies) -> float:
        """The natural logarithm of the order, however many digits that has; infinite for a group that is not finite."""
        order = self.order(copies)
        return math.inf if order is None else math.log(order)

    @property
    @abstractmethod
    def symbol(self) -> str:
        """The symbol of the group of one copy, such as `S_32`."""

    @property
    @abstractmethod
    def order_symbol(self) -> str:
        """The order of the group of one copy as text, such as `32!`; for a group that is not finite, `∞ (name)`."""

    def simpler(self, part: Part) -> Iterator[Part]:
        """Simpler parts to try in the place of this one, when a counterexample is made smaller."""
        return iter(())

    def moving(self, images: NDArray[np.intp], copies: Copies) -> Part | None:
        """The part that takes each value to its image, in every copy; None where the group does not permute values."""
        return None

    def canonical(self, entries: Mapping[int, NDArray[np.float64]]) -> Part | None:
        """A part that takes entries to a representative of their orbit, up to a permutation of the values.

        Parameters
        ----------
        entries
            By charge, entries on which no other group does more than permute, axes `(…, value, entry)`.

        Returns
        -------
        Part | None
            A part with the axes `(…)` of the entries in the place of parents, which commutes with permutations; None
            for a group that only permutes.
        """
        return None
