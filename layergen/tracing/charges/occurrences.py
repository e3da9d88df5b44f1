"""An unknown charge for every occurrence of an index: in each value, along each of its axes.

A value whose entries are multiplied by the q-th power of a number of each neuron has the charge q where the neurons
are along its axes. A family has one unknown for each of its members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from layergen.tracing.unknowns import Atom, Axis, known
from layergen.tracing.values import Value
from symmetry.language import axes
from symmetry.language.axes import Sum, Tree, concatenation, product, substitute

__all__ = ["Leaves", "Occurrence", "Occurrences", "moving", "of_one", "spelled_charges"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An index in one place of an axis, with the number of its unknown; a family has members instead."""

    atom: Atom
    unknown: int = 0
    members: tuple[Tree[Occurrence], ...] = ()


Leaves: TypeAlias = tuple[tuple[Atom, int], ...]
"""The indices along an axis that may move, from left to right, each with its unknown."""


class Occurrences:
    """The unknowns of all values, numbered as they are asked for, from 1."""

    def __init__(self) -> None:
        self.trees: dict[Value, tuple[Tree[Occurrence], ...]] = {}
        self.leaves: dict[tuple[Value, int], Leaves] = {}
        self.atoms: list[Atom | None] = [None]
        """The index of each unknown."""

    def of(self, value: Value) -> tuple[Tree[Occurrence], ...]:
        """The axes of a value with the unknowns of its occurrences."""
        if value not in self.trees:
            self.trees[value] = tuple(substitute(known(axis), self.fresh) for axis in value.axes)
        return self.trees[value]

    def fresh(self, atom: Atom) -> Occurrence:
        """An occurrence with an unknown of its own; of a family each member has its own."""
        if atom.members:
            return Occurrence(atom, members=tuple(substitute(known(member), self.fresh) for member in atom.members))
        self.atoms.append(atom)
        return Occurrence(atom, len(self.atoms) - 1)

    def along(self, value: Value, dim: int) -> Leaves:
        """The unknowns along one axis."""
        if (value, dim) not in self.leaves:
            self.leaves[value, dim] = tuple(moving(self.of(value)[dim]))
        return self.leaves[value, dim]


def moving(tree: Tree[Occurrence]) -> Iterator[tuple[Atom, int]]:
    """The indices in an axis that may move, each with its unknown; of families, those of all members."""
    for one in axes.atoms(tree):
        if one.members:
            for member in one.members:
                yield from moving(member)
        elif not one.atom.why:
            yield one.atom, one.unknown


def of_one(tree: Tree[Occurrence], over: Axis, index: int) -> Tree[Occurrence]:
    """An axis where the atom `over` has one value: families over it are their members."""
    return substitute(tree, lambda one: one.members[index] if one.members and one.atom.over is over else one)


def spelled_charges(tree: Tree[Occurrence]) -> Tree[Occurrence]:
    """An axis with families written out as concatenations, as `propagation.spelled` writes the axis."""
    found: list[Tree[Occurrence]] = list(axes.factors(tree))
    for place, factor in enumerate(found):
        if isinstance(factor, Sum):
            found[place] = concatenation(map(spelled_charges, factor.terms))
        elif isinstance(factor, Occurrence) and spreads(factor.atom, found[place + 1 :]):
            rest = product(found[place + 1 :])
            terms = (spelled_charges(of_one(rest, factor.atom, index)) for index in range(factor.atom.size))
            return product([*found[:place], concatenation(terms)])
    return product(found)


def spreads(atom: Atom, rest: Sequence[Tree[Occurrence]]) -> bool:
    """Whether a family over an atom is among the factors after it."""
    return any(isinstance(one, Occurrence) and one.members and one.atom.over is atom for one in rest)
