"""Which sets of a followed module are nested: units that are never without their heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from itertools import product as cartesian

from layergen.tracing.propagation import Followed
from layergen.tracing.unknowns import Atom, Axis, atoms, factors, join
from symmetry.language.axes import fold

__all__ = ["nesting"]

MOST = 64
"""The most pieces of one value that are looked at; a set in a value of more is not nested."""


def pieces(value: Sequence[Axis]) -> list[list[Atom]]:
    """The atoms of each piece of a value, one term of every sum; of very many pieces the first ones."""
    return fold(
        join(value),
        leaf=lambda atom: [[atom]],
        product=lambda parts: [[*chain(*chosen)] for chosen in islice(cartesian(*parts), MOST + 1)],
        concatenation=lambda parts: [*chain(*parts)],
    )


def nesting(followed: Followed) -> dict[Atom, Atom]:
    """For each atom that was split off beside another and never comes without it: that other, its parent."""
    company: dict[Atom, set[Atom]] = {}
    for value in followed.values:
        found = pieces(value.axes)
        few = len(found) <= MOST
        for piece in found if few else [[atom for axis in value.axes for atom in atoms(axis)]]:
            present = set(piece)
            for atom in present:
                beside = {one for one in present if few and piece.count(one) >= piece.count(atom)}
                company[atom] = company[atom] & beside if atom in company else beside
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
