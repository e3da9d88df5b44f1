"""Groups of numbers that each neuron may be multiplied by, and the permutations that multiply: monomial matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.action import Action, Copies, Part
from symmetry.kinds.index import Invariant
from symmetry.kinds.permuted import Permutations
from symmetry.language.errors import SpecificationError

__all__ = ["SCALARS", "Monomials", "Scalars"]


@dataclass(frozen=True, slots=True)
class Scalars:
    """A group of real numbers under multiplication.

    Parameters
    ----------
    symbol
        Its symbol.
    order
        The number of its elements; 0 for a group that is not finite. Exponents count modulo the order.
    example
        An element that is not 1, of a finite group a generator.
    invariant
        The function of an entry that multiplication by any element leaves unchanged.
    words
        The elements, in words.
    """

    symbol: str
    order: int
    example: float
    invariant: Invariant
    words: str

    def exponent(self, total: int) -> int:
        """The exponent that a product of powers of one element has: equal exponents give equal powers.

        >>> SCALARS["sign"].exponent(3), SCALARS["positive"].exponent(3)
        (1, 3)
        """
        return total % self.order if self.order else total

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        """Random elements, uniform over a finite group, else log-normal."""
        exponents = rng.integers(self.order, size=shape) if self.order else rng.normal(size=shape)
        return np.power(self.example, exponents)

    def holds(self, values: NDArray[np.float64]) -> bool:
        """Whether all numbers are elements of the group."""
        return bool(np.all(values**self.order == 1 if self.order else np.isfinite(values) & (values > 0)))

    def canonical(self, entries: Mapping[int, Any], nought: int = 1) -> Any:
        """The factor of each value that makes its entries, axes `(…, value, entry)` by charge, canonical.

        The entries of charge 1 decide, or of the charge next to it; where they are nought the factor is `nought`.
        Arrays of numpy or torch are taken and given.
        """
        charge = -min([(abs(charge), -charge) for charge in entries])[1]
        if self.order:
            return 1 - 2 * (entries[charge].sum(-1) < 0)
        squares = (entries[charge] * entries[charge]).sum(-1)
        return (squares + (squares == 0)) ** (-0.5 / charge) * (1 - (1 - nought) * (squares == 0))


SCALARS: dict[str, Scalars] = {
    "sign": Scalars("Z_2", 2, -1.0, Invariant.MAGNITUDE, "1 and -1"),
    "positive": Scalars("R_+", 0, 2.0, Invariant.DIRECTION, "positive numbers"),
}
"""The groups by the word that declares them."""

MONOMIAL = np.dtype([("image", np.intp), ("factor", np.float64)])


@dataclass(frozen=True, slots=True)
class Monomials(Action):
    """The wreath product of a group of scalars and a symmetric group: values are multiplied, then permuted.

    A part is a structured array with the axes `(*parents, value)`: `part["image"]` is where a value goes,
    `part["factor"]` what entries over it are multiplied by before.
    """

    name: str
    size: int
    scaled: str

    @property
    def scalars(self) -> Scalars:
        """The group of the factors."""
        return SCALARS[self.scaled]

    @property
    def permutations(self) -> Permutations:
        """The symmetric group of the images."""
        return Permutations(self.name, self.size)

    def joined(self, images: Any, factors: Any) -> NDArray[Any]:
        """The part with some images and factors."""
        part = np.empty(np.shape(images), MONOMIAL)
        part["image"], part["factor"] = images, factors
        return part

    def identity(self, copies: Copies) -> NDArray[Any]:
        return self.joined(self.permutations.identity(copies), 1.0)

    def sample(self, copies: Copies, rng: np.random.Generator) -> NDArray[Any]:
        images = self.permutations.sample(copies, rng)
        return self.joined(images, self.scalars.sample(images.shape, rng))

    def generators(self, copies: Copies) -> Iterator[NDArray[Any]]:
        yield self.simple(copies, 0)
        for images in self.permutations.generators(copies):
            yield self.joined(images, 1.0)

    def simple_count(self, copies: Copies) -> int:
        return math.prod(copies) * self.size + self.permutations.simple_count(copies)

    def simple(self, copies: Copies, number: int) -> NDArray[Any]:
        """One value multiplied, first copies first, lowest values first; then the exchanges of two values."""
        alone = math.prod(copies) * self.size
        if number >= alone:
            return self.joined(self.permutations.simple(copies, number - alone), 1.0)
        part = self.identity(copies)
        part["factor"].reshape(-1)[number] = self.scalars.example
        return part

    def inverse(self, part: Part) -> NDArray[Any]:
        images = self.permutations.inverse(part["image"])
        return self.joined(images, 1 / np.take_along_axis(part["factor"], images, axis=-1))

    def compose(self, after: Part, before: Part) -> NDArray[Any]:
        then = np.take_along_axis(after["factor"], before["image"], axis=-1)
        return self.joined(self.permutations.compose(after["image"], before["image"]), before["factor"] * then)

    def equal(self, part: Part, other: Part) -> bool:
        return np.array_equal(part["image"], other["image"]) and np.allclose(part["factor"], other["factor"], 1e-12, 0)

    def read(self, value: Any, copies: Copies) -> NDArray[Any]:
        structured = isinstance(value, np.ndarray) and value.dtype == MONOMIAL
        if not structured and (not isinstance(value, Mapping) or set(value) - {"images", "factors"}):
            raise SpecificationError(
                f"the part for {self.name!r} is neither images nor factors",
                remedy='give {"images": [1, 0], "factors": [1, -1]}, or one of the two',
            )
        parts = {"images": value["image"], "factors": value["factor"]} if structured else value
        images = self.permutations.read(parts.get("images", self.permutations.identity(copies)), copies)
        try:
            factors = np.broadcast_to(np.asarray(parts.get("factors", 1.0), dtype=float), images.shape)
        except ValueError:
            factors = np.zeros(images.shape)
        if not self.scalars.holds(factors):
            raise SpecificationError(
                f"the factors for {self.name!r} are not all of {self.scalars.words}",
                remedy=f"give an array of shape {images.shape} of {self.scalars.words}",
            )
        return self.joined(images, factors)

    def described(self, part: Part) -> Any:
        plain = {"images": part["image"].tolist(), "factors": part["factor"].tolist()}
        still = self.identity(part.shape[:-1])
        return {
            word: plain[word]
            for word, field in (("images", "image"), ("factors", "factor"))
            if not np.array_equal(part[field], still[field])
        }

    def deed(self, part: Part) -> str:
        """Name the value that one factor multiplies, and what the permutation does."""
        deeds, places = [], np.argwhere(part["factor"] != 1)
        if len(places) == 1:
            (*copy, value), within = places[0].tolist(), ""
            if copy:
                within = f" of copy {tuple(copy)}"
            factor = float(part["factor"][tuple(places[0])])
            deeds.append(f"multiplying element {value}{within} of {self.name!r} by {factor:g}")
        elif len(places):
            deeds.append(f"multiplying elements of {self.name!r} by {self.scalars.words}")
        if not np.array_equal(part["image"], self.permutations.identity(part.shape[:-1])):
            deeds.append(self.permutations.deed(part["image"]))
        return " and ".join(deeds)

    def order(self, copies: Copies) -> int | None:
        if not self.scalars.order:
            return None
        return self.permutations.order(copies) * self.scalars.order ** (self.size * math.prod(copies))

    def log_order(self, copies: Copies) -> float:
        if not self.scalars.order:
            return math.inf
        each = self.size * math.log(self.scalars.order)
        return self.permutations.log_order(copies) + math.prod(copies) * each

    @property
    def symbol(self) -> str:
        return f"{self.scalars.symbol} ≀ S_{self.size}"

    @property
    def order_symbol(self) -> str:
        if not self.scalars.order:
            return f"∞ ({self.symbol})"
        return f"{self.scalars.order}^{self.size:,} {self.size:,}!"

    def simpler(self, part: Part) -> Iterator[NDArray[Any]]:
        """Factors alone, one factor alone, permutations alone, exchanges alone."""
        still = self.identity(part.shape[:-1])
        for place in map(tuple, np.argwhere(part["factor"] != 1)):
            alone = still.copy()
            alone["factor"][place] = self.scalars.example
            yield alone
        for images in self.permutations.simpler(part["image"]):
            yield self.joined(images, 1.0)

    def moving(self, images: NDArray[np.intp], copies: Copies) -> NDArray[Any]:
        return self.joined(self.permutations.moving(images, copies), 1.0)

    def canonical(self, entries: Mapping[int, NDArray[np.float64]]) -> NDArray[Any] | None:
        """Signs by which the sum of the entries of charge 1 is positive; scales by which they have norm 1."""
        shape = next(iter(entries.values())).shape[:-1]
        return self.joined(np.broadcast_to(np.arange(self.size), shape), self.scalars.canonical(entries))
