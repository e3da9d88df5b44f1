"""Representation indices, on which a finite or compact group acts by matrices: coordinates, pixels, feature fields."""

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
from symmetry.language.tables import check_table

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
    """A finite or compact group of escnn, acting on the data that a network reads. A part is an element of it."""

    name: str

    of_data: ClassVar[bool] = True

    @property
    def group(self) -> Group:
        """The group."""
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

    Indices of one group transform together.

    Parameters
    ----------
    name
        Name of the index.
    size
        Number of its values, the dimension of the representation.
    group
        Name of the group: `"C4"` or `"D4"` (or another number), `"SO(2)"`, `"O(2)"`, `"SO(3)"`, `"O(3)"`,
        `"octahedral"`, `"icosahedral"`.
    representation
        A sum, with `+`, of `irrep(…)`, `trivial`, `standard`, `regular`, `quotient(…)` and `grid(side)`; or, for a
        finite group, a matrix for each generator, nested tuples with the axes `(generator, value, value)`.

    References
    ----------
    Cesa, Lang and Weiler, "A program to build E(N)-equivariant steerable CNNs", ICLR 2022.

    Examples
    --------
    >>> index = RepresentationIndex("rot", 4, "C4", "regular")
    >>> index.declaration(), index.acted_on_by
    ('{ group = "C4", representation = "regular" }', 'C4 by regular')
    """

    group: str
    representation: Given

    section: ClassVar[str] = "representations"
    noun: ClassVar[str] = "representation"

    @classmethod
    def declared(cls, name: str, declaration: Any) -> RepresentationIndex:
        """The index that `name = declaration` declares.

        Parameters
        ----------
        name
            Name of the index.
        declaration
            A table with the keys `group` and `representation`, and optionally the `size` that follows from them.

        Returns
        -------
        RepresentationIndex
            The index; its size is the dimension of the representation.

        Raises
        ------
        SpecificationError
            If a key is missing, unknown or has an unusable value, or if the size contradicts the representation.
        """
        remedy = f'write {name} = {{ group = "C4", representation = "irrep(1)" }}'
        check_table(name, declaration, required=["group", "representation"], optional=["size"], remedy=remedy)
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
        """Finite and compact groups, irreducible representations of each type, sums; nothing where escnn is missing.

        Returns
        -------
        Sequence[Sequence[Any]]
            Rows of declarations; the declarations in one row are of one group.
        """
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
        """The representation by which the group acts."""
        return representation(self.group, self.representation)

    @property
    def stored(self) -> tuple[int, ...]:
        """Rows and columns of a pixel grid, in pixels; for every other representation the size."""
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
    """A declared representation: words with single spaces, or matrices as nested tuples.

    Raises `SpecificationError` for a value that is neither.
    """
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
    """Arrays as nested lists, whether the value is one array or a list of arrays."""
    if hasattr(given, "tolist"):
        return given.tolist()
    return [plain(one) if hasattr(one, "tolist") else one for one in given] if isinstance(given, list) else given


def is_matrices(given: Any) -> bool:
    """Whether a value is a list of square matrices, each a list of rows."""
    nested = (list, tuple)
    return isinstance(given, nested) and all(
        isinstance(matrix, nested)
        and all(isinstance(row, nested) and len(row) == len(matrix) and all(map(is_entry, row)) for row in matrix)
        for matrix in given
    )


def is_entry(value: Any) -> bool:
    """Whether a value may be an entry of an orthogonal matrix."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -2 <= value <= 2
