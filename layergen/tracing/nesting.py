"""Which sets of a followed module are nested: units that are never without their heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from layergen.tracing.pairing import paired, pieces
from layergen.tracing.unknowns import Atom, atoms, factors
from layergen.tracing.values import Value

__all__ = ["nesting"]


def nesting(values: Iterable[Value]) -> dict[Atom, Atom]:
    """For each atom that was split off beside another and never comes without it: that other, its parent."""
    company: dict[Atom, set[Atom]] = {}
    for value in values:
        found = pieces(value.axes)
        if found is None:
            company.update((atom, set()) for axis in value.axes for atom in atoms(axis))
        for piece in found or ():
            present = set(chain(*piece))
            for atom in present:
                company[atom] = {one for one in company.get(atom, present) & present if paired(piece, atom, one)}
    parents = {}
    for atom, others in company.items():
        if atom.stem is None or atom.why:
            continue
        family = [one for one in factors(atom.stem) if isinstance(one, Atom) and not one.why and one in others]
        if family and family[-1] is not atom:
            parents[atom] = family[-1]
    return {atom: parent for atom, parent in parents.items() if atom not in ancestors(parent, parents)}


def ancestors(atom: Atom, parents: Mapping[Atom, Atom]) -> set[Atom]:
    """An atom, its parent, and so on. Groups whose channels are dealt out to groups are their own ancestors."""
    found = set[Atom]()
    while atom not in found:
        found.add(atom)
        atom = parents.get(atom, atom)
    return found
