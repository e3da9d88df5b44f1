"""From the declarations of a specification to indices and tensors; each fault is shown at its location."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from symmetry.kinds.index import Index
from symmetry.kinds.registry import KINDS
from symmetry.language.axes import Atom, Expression, atoms, parse_axes, print_axes
from symmetry.language.errors import SpecificationError
from symmetry.language.families import FamilyName, parse_name, shifted
from symmetry.language.names import check_name
from symmetry.space.layout import Layout, Piece, expression_size, leaves, make_layout

__all__ = ["Tensor", "check_distinct", "check_tensors", "check_used", "declared_indices", "make_tensor"]

MOST_MEMBERS = 100_000
"""The largest number of tensors in a family."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a weight space; iterate a `WeightSpace` to get its tensors.

    Parameters
    ----------
    name
        The tensor's key in a `state_dict`; of a family, `"blocks.{layer}.weight"`.
    axes
        An expression for each axis; the axes along which a family is stacked come first.
    shape
        The length of each axis.
    layout
        The tree of views that takes the tensor apart into pieces.
    pieces
        The pieces: arrays with one dimension for each index position.
    stored
        The shape in a network, where an axis over a pixel grid is two axes, rows and columns; the shape of each member
        of a family.
    family
        The name, taken apart.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"w": "(gate h) x"}, sets={"h": 32}, free={"gate": 4, "x": 2})
    >>> tensor = space["w"]
    >>> str(tensor), tensor.shape, [piece.shape for piece in tensor.pieces]
    ('w[(gate h) x]', (128, 2), [(4, 32, 2)])
    """

    name: str
    axes: tuple[Expression, ...]
    shape: tuple[int, ...]
    layout: Layout = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)
    stored: tuple[int, ...] = field(repr=False, compare=False)
    family: FamilyName = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}[{print_axes(self.own_axes)}]"

    @property
    def own_axes(self) -> tuple[Expression, ...]:
        """The axes that each member of a family has by itself; of any other tensor, all axes."""
        return self.axes[len(self.family.numbers) :]

    @property
    def own_shape(self) -> tuple[int, ...]:
        """The length of each of the `own_axes`."""
        return self.shape[len(self.family.numbers) :]

    @property
    def members(self) -> tuple[str, ...]:
        """The keys in a `state_dict` of the tensors that are stacked to this one, row-major: one for most tensors."""
        return tuple(self.family.members(self.shape[: len(self.family.numbers)]))


def declared_indices(sections: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Index]:
    """The declared indices by name.

    Raises `SpecificationError` for an unknown section, a bad declaration, a name declared twice, and a bad parent.
    """
    for section in sections:
        if section not in KINDS:
            names = ", ".join(f"[{name}]" for name in (*KINDS, "tensors"))
            raise SpecificationError(f"unknown section [{section}]", remedy=f"sections: {names}")
    found: dict[str, Index] = {}
    for kind in KINDS.values():
        declarations = sections.get(kind.section)
        if not isinstance(declarations or {}, Mapping):
            raise SpecificationError(
                f"{declarations!r} is not a table of sizes", part=f"[{kind.section}]", remedy="write name = size"
            )
        for name, declaration in (declarations or {}).items():
            try:
                index = kind.declared(check_name(name), declaration)
            except SpecificationError as error:
                raise error.located(part=f"[{kind.section}]") from None
            if name in found:
                raise SpecificationError(
                    f"{name!r} is already declared in [{found[name].section}]",
                    part=f"[{kind.section}]",
                    remedy="an index is of one kind",
                )
            found[name] = index
    check_parents(found)
    for index in found.values():
        if index.group_name in found:
            raise SpecificationError(
                f"{index.group_name!r} is the name of a group and of an index", remedy="give the index another name"
            )
    return found


def check_parents(declared: Mapping[str, Index]) -> None:
    """Raise `SpecificationError` unless the parents of every nested set end in a set that is not nested."""
    for index in declared.values():
        part, chain = f"[{index.section}]", [index.name]
        while (parent := declared[chain[-1]].parent) is not None:
            if parent not in declared or not declared[parent].parental:
                known = ", ".join(name for name, other in declared.items() if other.parental) or "none is declared"
                raise SpecificationError(
                    f"{chain[-1]!r} is nested within {parent!r}, which is neither a set nor positional",
                    part=part,
                    remedy=f"sets: {known}",
                )
            if parent in chain:
                raise SpecificationError(
                    f"nested sets form a cycle: {' within '.join([*chain, parent])}",
                    part=part,
                    remedy="a nested set lies, through its parents, within a set that is not nested",
                )
            chain.append(parent)


def check_tensors(tensors: Any) -> Mapping[str, str]:
    """Raise `SpecificationError` unless `tensors` is a non-empty mapping with printable names."""
    remedy = '[tensors] maps state_dict keys to axes, as in "0.weight" = "h1 x"'
    if not isinstance(tensors, Mapping) or not tensors:
        raise SpecificationError("there are no tensors", part="[tensors]", remedy=remedy)
    for name in tensors:
        if not isinstance(name, str) or not name or not name.isprintable():
            raise SpecificationError(
                f"{name!r} is not a tensor name", part="[tensors]", remedy="a name is printable text, not empty"
            )
    return tensors


def make_tensor(name: str, axes_text: str, indices: Mapping[str, Index]) -> Tensor:
    """The tensor that `name = axes_text` declares; an error in it shows the axis string, for a family its name too."""
    text, start = axes_text, 0
    try:
        text = name
        family = parse_name(name)
        text = axes_text
        axes = parse_axes(axes_text)
        if family.numbers:
            text, start = f'"{name}" = "{axes_text}"', len(name) + 6
            axes = (*(shifted(axis, 1) for axis in family.axes), *(shifted(axis, start) for axis in axes))
        for atom in atoms(*axes):
            if atom.name and atom.name not in indices:
                raise undeclared(atom, indices)
            if atom.name:
                check_charge(atom, indices[atom.name])
        sizes = {atom.name: indices[atom.name].size for atom in atoms(*axes) if atom.name}
        shape = tuple(expression_size(axis, sizes) for axis in axes)
        check_members(math.prod(shape[: len(family.numbers)]))
        layout = make_layout(str(family), axes, indices)
        pieces = tuple(leaves(layout))
    except SpecificationError as error:
        shown = error.text if error.end is None else text
        raise SpecificationError(
            error.fault, part=f'tensor "{name}"', text=shown, start=error.start, end=error.end, remedy=error.remedy
        ) from None
    whole = [indices.get(axis.name) if isinstance(axis, Atom) else None for axis in axes]
    lengths = [index.stored if index else (size,) for index, size in zip(whole, shape, strict=True)]
    stored = tuple(length for one in lengths[len(family.numbers) :] for length in one)
    return Tensor(str(family), axes, shape, layout, pieces, stored, family)


def check_members(count: int) -> None:
    """Raise `SpecificationError` for a family of too many tensors."""
    if count > MOST_MEMBERS:
        raise SpecificationError(f"a family of {count:,} tensors", remedy=f"a family has at most {MOST_MEMBERS:,}")


def check_distinct(tensors: Iterable[Tensor]) -> None:
    """Raise `SpecificationError` for a tensor that is declared twice, by itself or as the member of a family."""
    owners: dict[str, Tensor] = {}
    for tensor in tensors:
        for member in tensor.members:
            if member in owners:
                raise SpecificationError(
                    f"{member!r} is declared twice, by {owners[member].name!r} too",
                    part=f'tensor "{tensor.name}"',
                    remedy="a tensor has one declaration; {layer+1} begins the numbers of a family at 1",
                )
            owners[member] = tensor


def check_charge(atom: Atom, index: Index) -> None:
    """Raise `SpecificationError`, with the atom's location, for a charge that the index cannot have."""
    try:
        index.check_charge(atom.charge)
    except SpecificationError as error:
        end = atom.start + len(str(atom))
        raise SpecificationError(error.fault, start=atom.start, end=end, remedy=error.remedy) from None


def undeclared(atom: Atom, indices: Mapping[str, Index]) -> SpecificationError:
    """The error for an index that is used and not declared."""
    declared = ", ".join(indices) or "none"
    return SpecificationError(
        f"{atom.name!r} is not declared",
        start=atom.start,
        end=atom.start + len(atom.name),
        remedy=f"declare it, as in [sets] {atom.name} = 32 (declared: {declared})",
    )


def check_used(indices: Mapping[str, Index], tensors: Iterable[Tensor]) -> None:
    """Raise `SpecificationError` if an index occurs in no tensor."""
    used = {atom.name for tensor in tensors for atom in atoms(*tensor.axes)}
    for name, index in indices.items():
        if name not in used:
            raise SpecificationError(
                f"{name!r} is used by no tensor", part=f"[{index.section}]", remedy="use it or take it out"
            )
