"""Weight spaces whose families are written out, tensor by tensor, and what each index is a copy of there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symmetry.kinds.index import Index
from symmetry.language.axes import Atom, Expression, Product, Sum, atoms, print_axes, substitute
from symmetry.language.errors import SpecificationError
from symmetry.language.families import literal_name
from symmetry.language.names import fresh_name
from symmetry.space.declarations import Tensor
from symmetry.space.layout import expression_size
from symmetry.space.weight_space import WeightSpace

__all__ = ["Apart", "Copy", "without_families"]


@dataclass(frozen=True, slots=True)
class Copy:
    """An index of one member of a family, which is a copy of an index of the family.

    Parameters
    ----------
    index
        Name of the index that it is a copy of.
    places
        For each family index that the index is nested in, by name, the value at which the copy is.
    """

    index: str
    places: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """A weight space with its families written out.

    Parameters
    ----------
    space
        A space without families: its tensors are those of a `state_dict`.
    copies
        For each of its indices, by name, what it is a copy of.
    """

    space: WeightSpace
    copies: Mapping[str, Copy]


def without_families(space: WeightSpace) -> Apart:
    """The weight space in which every member of a family is a tensor by itself.

    A set that is nested in the index of a family becomes a set for each value. The group is that of the space with the
    indices of families held still: where these are positional, the same group.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    Apart
        The space without families.

    Raises
    ------
    SpecificationError
        If an index is nested in one that is both in the name of a tensor and among its axes.

    Examples
    --------
    >>> space = WeightSpace(
    ...     {"{layer}.up": "h d", "{layer}.down": "d h"},
    ...     sets={"d": 4, "h": {"size": 8, "within": "layer"}}, positional={"layer": 2},
    ... )
    >>> apart = without_families(space)
    >>> [str(tensor) for tensor in apart.space]
    ['0.up[h_0 d]', '1.up[h_1 d]', '0.down[d h_0]', '1.down[d h_1]']
    >>> apart.copies["h_1"]
    Copy(index='h', places=(('layer', 1),))
    """
    written = Written(space, {}, {})
    tensors = {
        literal_name(member): print_axes(written.axes(tensor, number))
        for tensor in space
        for number, member in enumerate(tensor.members)
    }
    return Apart(WeightSpace(tensors, **written.sections()), {name: copy for copy, name in written.names.items()})


@dataclass(slots=True)
class Written:
    """The copies of indices so far, and their names."""

    space: WeightSpace
    names: dict[Copy, str]
    parents: dict[Copy, Copy | None]

    def axes(self, tensor: Tensor, number: int) -> list[Expression]:
        """The axes of a member of a family, over the copies of its indices."""
        values = member_values(tensor, number, self.space.sizes)
        own = {atom.name for atom in atoms(*tensor.own_axes)}
        if both := own & values.keys() & {index.parent for index in self.space.indices}:
            raise SpecificationError(
                f"{min(both)!r} is in its name and among its axes, and has indices nested in it",
                part=f'tensor "{tensor.name}"',
                remedy="give the axis another index of the same size",
            )
        fixed = {name: value for name, value in values.items() if name not in own}
        return [substitute(axis, lambda atom: self.leaf(atom, fixed)) for axis in tensor.own_axes]

    def leaf(self, atom: Atom, fixed: Mapping[str, int]) -> Expression:
        """A leaf of a family's axis, as one of a member's."""
        if not atom.name:
            return atom
        return Atom(self.name(self.space.index(atom.name), fixed), charge=atom.charge)

    def name(self, index: Index, fixed: Mapping[str, int]) -> str:
        """The name of the copy of an index, and of those that it is nested in, where some indices have one value."""
        above = [one.name for one in self.space.lineage(index)[:-1]]
        copy = Copy(index.name, tuple((name, fixed[name]) for name in above if name in fixed))
        if copy not in self.names:
            self.parents[copy] = None
            if index.parent is not None and index.parent not in fixed:
                parent = self.name(self.space.index(index.parent), fixed)
                self.parents[copy] = next(one for one, name in self.names.items() if name == parent)
            wish = "_".join([index.name, *(str(value) for _, value in copy.places)])
            taken = {*self.names.values(), *(self.space.sizes if copy.places else ())}
            self.names[copy] = fresh_name(wish, taken)
        return self.names[copy]

    def sections(self) -> dict[str, dict[str, Any]]:
        """The declarations of the copies, in the order of the space's own."""
        found: dict[str, dict[str, Any]] = {}
        for index in self.space.indices:
            for copy, name in self.names.items():
                if copy.index == index.name:
                    parent = self.parents[copy]
                    made = index.named(name, None if parent is None else self.names[parent])
                    found.setdefault(index.section, {})[name] = made.of_size(index.size)
        return found


def member_values(tensor: Tensor, number: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """The values of the indices in a family's name at its member of a number, row-major."""
    values: dict[str, int] = {}
    for axis, length in reversed(list(zip(tensor.family.axes, tensor.shape, strict=False))):
        number, place = divmod(number, length)
        values |= values_at(axis, place, sizes)
    return values


def values_at(axis: Expression, place: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """The values of the indices of an axis at one place along it."""
    if isinstance(axis, Atom):
        return {axis.name: place} if axis.name else {}
    if isinstance(axis, Sum):
        for term in axis.terms:
            if place < (length := expression_size(term, sizes)):
                return values_at(term, place, sizes)
            place -= length
    found: dict[str, int] = {}
    for item in reversed(axis.items if isinstance(axis, Product) else ()):
        place, own = divmod(place, expression_size(item, sizes))
        found |= values_at(item, own, sizes)
    return found
