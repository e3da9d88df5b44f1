"""Representation indices: coordinates, pixels, fields that turn with the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.groups import Group, find_group
from symmetry.groups.representations import Given, Representation, representation
from symmetry.kinds.action import Action, Copies, Part
from symmetry.kinds.index import Index, Invariant
from symmetry.language.errors import SpecificationError

__all__ = ["RepresentationIndex"]


EXAMPLES = {
    "C1": ("trivial", "standard"),
    "C2": ("regular", "standard", "irrep(1)"),
    "C3": ("regular", "standard"),
    "C4": ("regular", "irrep(1)", "irrep(2)", "quotient(2)", "grid(2)", "irrep(1) + trivial"),
    "D3": ("standard", "quotient(0, 1)", "irrep(1, 0)"),
    "D4": ("standard", "irrep(1, 2)", "quotient(None, 2)", "quotient(0, 1)", "grid(2)"),
    "SO(2)": ("standard", "irrep(2)", "irrep(0) + irrep(1)"),
    "O(2)": ("standard", "irrep(1, 2)", "irrep(1, 0) + standard"),
    "SO(3)": ("standard", "irrep(1)", "trivial"),
    "O(3)": ("standard", "irrep(0, 1)", "irrep(1, 0)"),
    "octahedral": ("standard", "irrep(2)", "irrep(3)"),
}
"""Groups, finite and compact ones, with representations that property tests draw."""


@dataclass(frozen=True, slots=True)
class Turns(Action):
    """A finite or compact group of escnn, which turns data. A part is one of its elements."""

    name: str

    of_data: ClassVar[bool] = True

    @property
    def group(self) -> Group:
        """The group itself."""
        return find_group(self.name)

    def identity(self, copies: Copies) -> Part:
        return self.group.provider.identity

    def sample(self, copies: Copies, rng: np.random.Generator) -> Part:
        return self.group.sample(rng)

    def generators(self, copies: Copies) -> Iterator[Part]:
        yield from self.group.generators

    def simple_count(self, copies: Copies) -> int:
        return len(self.group.generators)

    def simple(self, copies: Copies, number: int) -> Part:
        return self.group.generators[number]

    def inverse(self, part: Part) -> Part:
        return ~part

    def compose(self, after: Part, before: Part) -> Part:
        return after @ before

    def equal(self, part: Part, other: Part) -> bool:
        return bool(part == other)

    def read(self, value: Any, copies: Copies) -> Part:
        return self.group.described_by(value)

    def described(self, part: Part) -> Any:
        return self.group.described(part)

    def deed(self, part: Part) -> str:
        return f"turning by element {self.described(part)} of {self.name!r}"

    def order(self, copies: Copies) -> int | None:
        return len(self.group.elements) if self.group.finite else None

    @property
    def symbol(self) -> str:
        return self.name

    @property
    def order_symbol(self) -> str:
        return str(len(self.group.elements)) if self.group.finite else f"∞ ({self.name})"


@dataclass(frozen=True, slots=True)
class RepresentationIndex(Index):
    """An index on which a finite or compact group acts by an orthogonal representation.

    Indices with one group transform together. `representation` is a sum of `irrep(…)`, `trivial`, `standard`,
    `regular`, `quotient(…)` and `grid(…)`, or for a finite group a matrix for each generator.
    """

    group: str
    representation: Given

    section: ClassVar[str] = "representations"
    noun: ClassVar[str] = "representation"

    @classmethod
    def declared(cls, name: str, declaration: Any) -> RepresentationIndex:
        remedy = f'write {name} = {{ group = "C4", representation = "irrep(1)" }}'
        if not isinstance(declaration, dict):
            raise SpecificationError(f"{name!r} is declared as {declaration!r}", remedy=remedy)
        if unknown := sorted(set(declaration) - {"group", "representation", "size"}, key=str):
            raise SpecificationError(f"unknown key {unknown[0]!r} in the declaration of {name!r}", remedy=remedy)
        if missing := [key for key in ("group", "representation") if key not in declaration]:
            raise SpecificationError(f"no {missing[0]} in the declaration of {name!r}", remedy=remedy)
        group, given = find_group(declaration["group"]).name, read_representation(name, declaration["representation"])
        size = representation(group, given).size
        if isinstance(declaration.get("size", size), bool) or declaration.get("size", size) != size:
            raise SpecificationError(
                f"{name!r} has the size {declaration['size']}, but its representation {size}",
                remedy="leave the size out: it follows from the representation",
            )
        return cls(name, size, group, given)

    @classmethod
    def examples(cls) -> Sequence[Sequence[Any]]:
        """Finite and compact groups, irreducible representations of each type, sums; none where escnn is missing."""
        try:
            find_group("C1")
        except SpecificationError:
            return ()
        return [[{"group": group, "representation": one} for one in row] for group, row in EXAMPLES.items()]

    def declaration(self) -> str:
        given = self.representation
        text = f'"{given}"' if isinstance(given, str) else str(given).replace(",)", ")").translate(BRACKETS)
        return f'{{ group = "{self.group}", representation = {text} }}'

    def of_size(self, size: int) -> Any:
        return {"group": self.group, "representation": self.representation, "size": size}

    @property
    def acting(self) -> Representation:
        """The representation itself."""
        return representation(self.group, self.representation)

    @property
    def stored(self) -> tuple[int, ...]:
        """Rows and columns of a pixel grid, else the size."""
        return (self.acting.side, self.acting.side) if self.acting.side else (self.size,)

    @property
    def action(self) -> Turns:
        return Turns(self.group)

    @property
    def acted_on_by(self) -> str:
        return f"{self.group} by {self.representation if isinstance(self.representation, str) else 'matrices'}"

    def matrices(self, part: Part, charge: int) -> NDArray[np.float64]:
        return self.acting.matrix(part)

    def invariant(self, charge: int = 1) -> Invariant:
        return Invariant.ENTRY if self.acting.permutes else Invariant.LENGTH


BRACKETS = str.maketrans("()", "[]")


def read_representation(name: str, given: Any) -> Given:
    """A representation in words, or matrices as nested tuples. Raises `SpecificationError` for anything else."""
    if isinstance(given, str):
        return " + ".join(" ".join(term.split()) for term in given.split("+"))
    given = plain(given)
    if not is_matrices(given):
        raise SpecificationError(
            f"the representation of {name!r} is {given!r}"[:300],
            remedy='give words, as in "regular + irrep(1)", or a list of matrices, one for each generator',
        )
    return tuple(tuple(tuple(float(entry) for entry in row) for row in matrix) for matrix in given)


def plain(given: Any) -> Any:
    """Arrays as nested lists, whether all in one or one by one."""
    if hasattr(given, "tolist"):
        return given.tolist()
    return [plain(one) if hasattr(one, "tolist") else one for one in given] if isinstance(given, list) else given


def is_matrices(given: Any) -> bool:
    """Whether something is a list of square lists of rows of numbers."""
    nested = (list, tuple)
    return isinstance(given, nested) and all(
        isinstance(matrix, nested)
        and all(isinstance(row, nested) and len(row) == len(matrix) and all(map(is_entry, row)) for row in matrix)
        for matrix in given
    )


def is_entry(value: Any) -> bool:
    """Whether something is an entry of an orthogonal matrix."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -2 <= value <= 2
