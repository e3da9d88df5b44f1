"""The kinds of index: one small class each, with its section of the language and its declaration.

A kind says how it is declared and whether permutations move it; what its diagrams are is said once, in
`symmetry.maps.diagrams`, and how many there are in `symmetry.maps.counting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from symmetry.groups.groups import find_group
from symmetry.groups.representations import Given, Representation, representation
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name, check_size

__all__ = [
    "KINDS",
    "FreeIndex",
    "Index",
    "Invariant",
    "IrrepIndex",
    "PositionalIndex",
    "RepresentationIndex",
    "SetIndex",
]


class Invariant(Enum):
    """What a kind's action leaves alone of a tensor's entries: functions may be made of it."""

    ENTRY = "the entry itself"
    MAGNITUDE = "the absolute value of the entry"
    LENGTH = "the length along the index"


@dataclass(frozen=True, slots=True)
class Index:
    """A named index of a given size. Subclasses are the kinds."""

    name: str
    size: int

    section: ClassVar[str]
    """Section of the specification in which the kind is declared."""
    permuted: ClassVar[bool]
    """Whether the symmetric group of its size acts on it in the derivation."""
    free: ClassVar[bool] = False
    """Whether nothing acts on it."""
    paired: ClassVar[bool] = False
    """Whether a diagram joins it to its like on the other side, and to nothing else."""
    nests: ClassVar[bool] = False
    """Whether others may be nested within it."""

    @property
    def parent(self) -> str | None:
        """Name of the set that this index is nested in, if any."""
        return None

    @property
    def group_name(self) -> str | None:
        """Name of the group that acts on it together with all other indices of that group, if any."""
        return None

    @property
    def stored(self) -> tuple[int, ...]:
        """The sizes of the dimensions that an axis over it alone has in a network."""
        return (self.size,)

    @classmethod
    def declared(cls, name: str, declaration: Any) -> Index:
        """The index that `name = declaration` declares in the kind's section."""
        return cls(name, check_size(name, declaration))

    def declaration(self) -> str:
        """The right-hand side of the declaration, as TOML."""
        return str(self.size)

    def of_size(self, size: int) -> Any:
        """The right-hand side of the declaration, as Python, for another size."""
        return size

    def invariant(self, charge: int = 1) -> Invariant:
        """What the action along an occurrence of that charge leaves alone of the entries."""
        return Invariant.ENTRY


@dataclass(frozen=True, slots=True)
class SetIndex(Index):
    """An index that the symmetric group permutes: the neurons of a layer, the channels, the heads.

    With `within`, a nested set: every element of the parent has its own set of `size` elements and its own
    symmetric group; parent and children together are moved by the wreath product S_size ≀ S_parent.

    >>> SetIndex("dk", 16, within="head").declaration()
    '{ size = 16, within = "head" }'
    """

    within: str | None = None

    section: ClassVar[str] = "sets"
    permuted: ClassVar[bool] = True
    nests: ClassVar[bool] = True

    @property
    def parent(self) -> str | None:
        return self.within

    @classmethod
    def declared(cls, name: str, declaration: Any) -> SetIndex:
        if not isinstance(declaration, dict):
            return cls(name, check_size(name, declaration))
        unknown = sorted(set(declaration) - {"size", "within"}, key=str)
        if unknown or "size" not in declaration:
            fault = f"unknown key {unknown[0]!r}" if unknown else "no size"
            raise SpecificationError(
                f"{fault} in the declaration of {name!r}", remedy=f'write {name} = {{ size = 16, within = "head" }}'
            )
        within = declaration.get("within")
        return cls(name, check_size(name, declaration["size"]), None if within is None else check_name(within))

    def declaration(self) -> str:
        return str(self.size) if self.within is None else f'{{ size = {self.size}, within = "{self.within}" }}'

    def of_size(self, size: int) -> Any:
        return size if self.within is None else {"size": size, "within": self.within}


@dataclass(frozen=True, slots=True)
class FreeIndex(Index):
    """An index nothing acts on: every value has its own parameters. Anonymous ones have the name ''."""

    section: ClassVar[str] = "free"
    permuted: ClassVar[bool] = False
    free: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class PositionalIndex(Index):
    """An index whose values share parameters and are told apart by a learned embedding.

    The derivation treats it as a set; the embedding, added at a metanetwork's input, breaks that symmetry.
    """

    section: ClassVar[str] = "positional"
    permuted: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RepresentationIndex(Index):
    """An index on which a finite or compact group acts by an orthogonal representation.

    Indices with one group transform together. `representation` is a sum of `irrep(…)`, `trivial`, `standard`,
    `regular`, `quotient(…)` and `grid(…)`, or for a finite group a matrix for each generator.
    """

    group: str
    representation: Given

    section: ClassVar[str] = "representations"
    permuted: ClassVar[bool] = False

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

    def declaration(self) -> str:
        given = self.representation
        text = f'"{given}"' if isinstance(given, str) else str(given).replace(",)", ")").translate(BRACKETS)
        return f'{{ group = "{self.group}", representation = {text} }}'

    def of_size(self, size: int) -> Any:
        return {"group": self.group, "representation": self.representation, "size": size}

    @property
    def group_name(self) -> str:
        return self.group

    @property
    def stored(self) -> tuple[int, ...]:
        side = self.acting.side
        return (side, side) if side else (self.size,)

    def invariant(self, charge: int = 1) -> Invariant:
        return Invariant.ENTRY if self.acting.permutes else Invariant.LENGTH

    @property
    def acting(self) -> Representation:
        """The representation itself."""
        return representation(self.group, self.representation)


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


@dataclass(frozen=True, slots=True)
class IrrepIndex(Index):
    """The index of an irreducible representation, into which tensors over representation indices are decomposed.

    By Schur's lemma an equivariant map joins it to one of the same irreducible representation and to nothing else.
    It is never declared.
    """

    section: ClassVar[str] = ""
    permuted: ClassVar[bool] = True
    paired: ClassVar[bool] = True


KINDS: tuple[type[Index], ...] = (SetIndex, FreeIndex, PositionalIndex, RepresentationIndex)
