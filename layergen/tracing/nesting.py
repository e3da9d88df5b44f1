"""Which sets of a followed module are nested: units that are never without their heads, or without their expert.

That holds of an index in every value that there is, where entries meet too: then the operators, which treat the places
of an index alike, do so at each value of the other index by itself. The other index may be frozen, as heads are that
have slopes of their own: an operator in which entries at several of its values meet has a value without it on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TypeAlias

from layergen.tracing.pairing import paired, pieces
from layergen.tracing.unknowns import Atom, atoms, factors
from layergen.tracing.values import Value

__all__ = ["Company", "company_of", "nesting", "with_two_parents"]

Company: TypeAlias = Mapping[Atom, Iterable[Atom]]
"""For each atom those that are beside it wherever it is, in the order in which they come."""


def company_of(values: Iterable[Value]) -> dict[Atom, list[Atom]]:
    """The atoms that are beside each atom wherever it is, where it is certain which of them to which, but itself."""
    company: dict[Atom, set[Atom]] = {}
    for value in values:
        found = pieces(value.axes)
        if found is None:
            company.update((atom, set()) for axis in value.axes for atom in atoms(axis))
        for piece in found or ():
            present = dict.fromkeys(chain(*piece))
            for atom in present:
                before = company.get(atom, present)
                company[atom] = {one for one in before if one in present and paired(piece, atom, one)}
    order = {atom: place for place, atom in enumerate(company)}
    return {atom: sorted(others - {atom}, key=order.__getitem__) for atom, others in company.items()}


def nesting(company: Company) -> dict[Atom, Atom]:
    """For each atom that may be permuted and never comes without another one: that other, its parent.

    It is the one beside which the atom was split off, as units beside their heads, or else the one that is nested
    deepest itself. Of two that never come without each other, the first is the parent. A frozen one, the largest, is
    the parent where there is no other.
    """
    able = {atom: [one for one in others if not one.why] for atom, others in company.items() if not atom.why}
    parents: dict[Atom, Atom] = {}
    for atom, others in able.items():
        heads = [one for one in factors(atom.stem) if one in others] if atom.stem is not None else []
        if heads and isinstance(heads[-1], Atom):
            parents[atom] = heads[-1]
    order = {atom: place for place, atom in enumerate(able)}
    for atom, others in able.items():
        above = [one for one in others if atom not in able[one] or order[one] < order[atom]]
        if atom not in parents and above:
            parents[atom] = max(above, key=lambda one: (len(able[one]), order[one]))
    for atom, beside in company.items():
        still = [one for one in beside if one.why]
        if still and not atom.why and atom not in parents:
            parents[atom] = max(still, key=lambda one: (one is atom.stem, one.size))
    return {atom: parent for atom, parent in parents.items() if atom not in ancestors(parent, parents)}


def with_two_parents(company: Company, parents: Mapping[Atom, Atom]) -> dict[Atom, list[Atom]]:
    """For each nested atom the others that it is never without either, and that are no ancestors of it."""
    found = {}
    for atom in (one for one, parent in parents.items() if not parent.why):
        line = ancestors(atom, parents)
        others = [one for one in company[atom] if not one.why and one not in line]
        if beside := [one for one in others if atom not in ancestors(one, parents)]:
            found[atom] = beside
    return found


def ancestors(atom: Atom, parents: Mapping[Atom, Atom]) -> set[Atom]:
    """An atom, its parent, and so on. Groups whose channels are dealt out to groups are their own ancestors."""
    found = set[Atom]()
    while atom not in found:
        found.add(atom)
        atom = parents.get(atom, atom)
    return found
