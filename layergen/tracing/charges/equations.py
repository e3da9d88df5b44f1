"""Linear equations between unknown charges, for one group that may act on every index alike."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from layergen.tracing.charges.occurrences import Leaves, Occurrences
from layergen.tracing.values import Value

__all__ = ["Equations", "Group", "Lettered", "Number", "Row"]

Number: TypeAlias = int | Fraction
"""Whole numbers are no fractions, which take ten times as long."""
Row: TypeAlias = Mapping[int, Number]
"""A sum of unknowns, each times a number, that is nought."""
Lettered: TypeAlias = Mapping[Hashable, Leaves]
"""The unknowns of a value by the letters of its axes, as operands of `einsum`."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group that may act on an index.

    Charges count modulo `modulus`, where that is not 0. A group of matrices mixes the entries along an index: products
    of entries in the same place, and functions of single ones, are no longer what they were.
    """

    word: str
    modulus: int
    mixes: bool
    deed: str
    """What it does, for messages."""

    @property
    def section(self) -> str:
        """The section of a specification in which it is declared."""
        return "vectors" if self.mixes else "sets"

    @property
    def declaration(self) -> dict[str, str]:
        """The key of the declaration that says so."""
        return {"group" if self.mixes else "scaled": self.word}


@dataclass(slots=True)
class Equations:
    """What the operators of a graph demand of charges. Rules may demand too much, never too little."""

    group: Group
    occurrences: Occurrences
    made: set[Value]
    """The tensors of the module, and what operators have made of them so far."""
    rows: list[Row] = field(default_factory=list)
    constants: Container[Value] = ()
    """Values that are the same number everywhere, into which nothing is written."""
    zeros: set[Value] = field(default_factory=set)
    """Those that are nought, which may have any charge."""

    def along(self, value: Value, dim: int) -> Leaves:
        """The unknowns along one axis of a value."""
        return self.occurrences.along(value, dim)

    def lettered(self, value: Value, letters: Sequence[Hashable]) -> dict[Hashable, Leaves]:
        """The unknowns of a value by letters of its axes."""
        return {letter: self.along(value, dim) for dim, letter in enumerate(letters)}

    def aligned(self, value: Value) -> dict[Hashable, Leaves]:
        """The unknowns of a value by dimension, counted from the last, as broadcasting aligns them."""
        return self.lettered(value, range(-len(value.axes), 0))

    def nought(self, *values: Value) -> None:
        """These values do not change at all."""
        for value in values:
            for dim in range(len(value.axes)):
                self.still(self.along(value, dim))

    def still(self, *leaves: Leaves) -> None:
        """Nothing acts at these occurrences."""
        self.rows += [{unknown: 1} for one in leaves for _, unknown in one]

    def relate(self, *terms: tuple[Number, Leaves]) -> None:
        """A sum of charges along axes that are aligned is nought. What has size 1 is no index, and has none.

        Where not the same indices are along them, nothing acts at any.
        """
        wide = [(factor, leaves) for factor, leaves in terms if leaves]
        if len({tuple(atom for atom, _ in leaves) for _, leaves in wide}) > 1:
            self.still(*(leaves for _, leaves in wide))
            return
        for column in zip(*(leaves for _, leaves in wide), strict=True):
            row: dict[int, Number] = {}
            for (factor, _), (_, unknown) in zip(wide, column, strict=True):
                row[unknown] = row.get(unknown, 0) + factor
            self.rows.append(row)

    def alike(self, first: Leaves, *others: Leaves) -> None:
        """Equal charges along axes that are aligned."""
        for other in others:
            self.relate((1, first), (-1, other))

    def equal(self, *values: Lettered) -> None:
        """Values that are added, or take each other's place: a letter that one lacks has no charge in the others."""
        for letter in dict.fromkeys(letter for value in values for letter in value):
            self.alike(*(value.get(letter, ()) for value in values))

    def product(self, terms: Sequence[Lettered], output: Lettered, powers: Sequence[int] = ()) -> None:
        """Products of entries, summed over letters that the output lacks: charges add up, to nought where summed.

        Matrices may act where one term has the letter, or where two are contracted over it.
        """
        powers = powers or [1] * len(terms)
        for letter in dict.fromkeys(letter for value in (*terms, output) for letter in value):
            found = [(power, term[letter]) for power, term in zip(powers, terms, strict=True) if term.get(letter)]
            kept = output.get(letter, ())
            alone = len(found) + bool(kept) <= 2 and all(power == 1 for power, _ in found)
            if self.group.mixes and not alone:
                self.still(kept, *(leaves for _, leaves in found))
            else:
                self.relate(*found, (-1, kept))

    def power(self, before: Value, after: Value, degree: Number) -> None:
        """A function of entries that multiplies a result by a power of what multiplies its argument."""
        for dim in range(len(after.axes)):
            self.relate((degree, self.along(before, dim)), (-1, self.along(after, dim)))
