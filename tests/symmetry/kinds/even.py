"""A kind of index from outside the package: neurons with signs, whose blocks have even sizes.

A row in the registry makes it `[even]` in specifications; nothing else is told of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from symmetry.kinds.action import Action
from symmetry.kinds.index import Index, Invariant
from symmetry.language.errors import SpecificationError

__all__ = ["EvenIndex"]


@dataclass(frozen=True, slots=True)
class SignedPermutations(Action):
    """Each element goes somewhere, and may change its sign: rows (image, sign), axes `(element, 2)`."""

    name: str
    size: int

    def identity(self, copies):
        return np.stack([np.arange(self.size), np.ones(self.size, dtype=int)], axis=-1)

    def sample(self, copies, rng):
        return np.stack([rng.permutation(self.size), rng.choice([-1, 1], self.size)], axis=-1)

    def generators(self, copies) -> Iterator[np.ndarray]:
        for number in range(self.simple_count(copies)):
            yield self.simple(copies, number)

    def simple_count(self, copies):
        """One sign, then the exchanges of neighbours."""
        return self.size

    def simple(self, copies, number):
        part = self.identity(copies).copy()
        if number == 0:
            part[0, 1] = -1
        else:
            part[[number - 1, number], 0] = number, number - 1
        return part

    def inverse(self, part):
        return np.stack([np.argsort(part[:, 0]), part[np.argsort(part[:, 0]), 1]], axis=-1)

    def compose(self, after, before):
        return np.stack([after[before[:, 0], 0], after[before[:, 0], 1] * before[:, 1]], axis=-1)

    def equal(self, part, other):
        return np.array_equal(part, other)

    def read(self, value, copies):
        part = np.asarray(value)
        if part.shape != (self.size, 2) or sorted(part[:, 0]) != list(range(self.size)) or {*part[:, 1]} - {-1, 1}:
            raise SpecificationError(f"the part for {self.name!r} is not a signed permutation")
        return part

    def described(self, part):
        return part.tolist()

    def deed(self, part):
        return f"permuting {self.name!r} with signs"

    def order(self, copies):
        return 2**self.size * int(np.prod(np.arange(1, self.size + 1)))

    @property
    def symbol(self):
        return f"Z_2 ≀ S_{self.size}"

    @property
    def order_symbol(self):
        return f"2^{self.size} {self.size}!"

    def moving(self, images, copies):
        return np.stack([images, np.ones(self.size, dtype=int)], axis=-1)


@dataclass(frozen=True, slots=True)
class EvenIndex(Index):
    """An index whose values are exchanged and change their signs."""

    section: ClassVar[str] = "even"
    noun: ClassVar[str] = "even"
    joined: ClassVar[bool] = True
    charged: ClassVar[bool] = True

    @classmethod
    def examples(cls):
        return [[1, 2, 3, 4]]

    def check_charge(self, charge):
        pass

    @property
    def neutral(self):
        return 0

    def closes(self, charges):
        return sum(charges) % 2 == 0

    def keeps(self, charges):
        return sum(charges) % 2

    @property
    def action(self):
        return SignedPermutations(self.name, self.size)

    def images(self, part):
        return part[:, 0]

    def factors(self, part, charge):
        return part[:, 1].astype(float) if charge % 2 else None

    def scalar_mean(self, labels):
        """The mean of 1^k and (-1)^k."""
        return Fraction((1 + sum(charge for charge, _ in labels)) % 2)

    def invariant(self, charge=1):
        return Invariant.MAGNITUDE if charge % 2 else Invariant.ENTRY
