"""From axes that were followed through a graph to a weight space: sets, nested sets, and what is frozen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from layergen.tracing.propagation import Followed
from layergen.tracing.unknowns import Atom, Axis, Sum, factors
from symmetry import WeightSpace

__all__ = ["Frozen", "declared"]

MOST = 64
"""The most pieces of one value that are looked at; a set in a value of more is not nested."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """An axis of a tensor that may not be permuted, whole or in part, and why."""

    tensor: str
    axis: int
    size: int
    why: str

    def __str__(self) -> str:
        return f"{self.tensor}, axis {self.axis} ({self.size}): {self.why}"


def declared(
    followed: Followed,
    *,
    loose: frozenset[str] = frozenset(),
    still: frozenset[str] = frozenset(),
    spell: bool = False,
) -> tuple[WeightSpace, list[Frozen]]:
    """The weight space of a followed module, with the frozen axes.

    Sets of units named in `loose` are shared by all heads, sets named in `still` are declared free. To `spell` is to
    name the frozen indices too, so that it shows which are one.
    """
    parents = nesting(followed)
    names = names_of(followed, parents)
    parents = {atom: parent for atom, parent in parents.items() if names[atom] not in loose | still}
    used: dict[str, Atom] = {}
    free = spelled_out(followed, names, still) if spell else {}
    tensors = {}
    for name, value in followed.tensors.items():
        words = [word(axis, names, still, used, free) for axis in value.axes]
        tensors[name] = " ".join(words)
    sets = {
        name: {"size": atom.size, "within": names[parents[atom]]}
        if atom in parents and names[parents[atom]] not in still
        else atom.size
        for name, atom in used.items()
    }
    frozen = [
        Frozen(name, place, axis.size, reason)
        for name, value in followed.tensors.items()
        for place, axis in enumerate(value.axes)
        if (reason := first_reason(axis))
    ]
    return WeightSpace(tensors, sets=sets, free={name: atom.size for atom, name in free.items()}), frozen


def spelled_out(followed: Followed, names: Mapping[Atom, str], still: frozenset[str]) -> dict[Atom, str]:
    """A name for each frozen atom."""
    found = [atom for value in followed.tensors.values() for axis in value.axes for atom in in_order(axis)]
    return {
        atom: f"frozen_{number}"
        for number, atom in enumerate(dict.fromkeys(atom for atom in found if atom.why or names[atom] in still))
    }


def first_reason(axis: Axis) -> str:
    """Why an axis, or a part of it, is frozen; empty if it is not."""
    return next((atom.why for atom in in_order(axis) if atom.why and atom.size > 1), "")


def in_order(axis: Axis) -> Iterator[Atom]:
    """The atoms of an axis from left to right."""
    for factor in factors(axis):
        if isinstance(factor, Atom):
            yield factor
        elif isinstance(factor, Sum):
            for term in factor.terms:
                yield from in_order(term)


def word(
    axis: Axis,
    names: Mapping[Atom, str],
    still: frozenset[str],
    used: dict[str, Atom],
    free: Mapping[Atom, str],
) -> str:
    """An axis as it is written in a specification."""
    parts: list[str] = []
    run = 1
    for factor in factors(axis):
        if isinstance(factor, Atom) and (factor.why or names[factor] in still):
            if factor in free:
                parts.append(free[factor])
            else:
                run *= factor.size
            continue
        if run > 1:
            parts.append(str(run))
            run = 1
        if isinstance(factor, Atom):
            used[names[factor]] = factor
            parts.append(names[factor])
        elif isinstance(factor, Sum):
            parts.append(concatenated([word(term, names, still, used, free) for term in factor.terms]))
    if run > 1 or not parts:
        parts.append(str(run))
    return parts[0] if len(parts) == 1 else f"({' '.join(parts)})"


def concatenated(terms: Sequence[str]) -> str:
    """A concatenation; frozen neighbours are one, and so many times the same is a product, as of gates and units."""
    if len(set(terms)) == 1 and len(terms) > 1 and not terms[0].isdecimal():
        inner = terms[0]
        return f"({len(terms)} {inner[1:-1] if inner.startswith('(') and ' + ' not in inner else inner})"
    merged: list[str] = []
    for term in terms:
        if merged and merged[-1].isdecimal() and term.isdecimal():
            merged[-1] = str(int(merged[-1]) + int(term))
        else:
            merged.append(term)
    return merged[0] if len(merged) == 1 else f"({' + '.join(merged)})"


def pieces(axes: Sequence[Axis]) -> Iterator[list[Atom]]:
    """The atoms of each piece of a value: one term of every sum."""

    def options(axis: Axis) -> list[list[Atom]]:
        found: list[list[Atom]] = [[]]
        for factor in factors(axis):
            if isinstance(factor, Atom):
                found = [[*one, factor] for one in found]
            elif isinstance(factor, Sum):
                inner = [choice for term in factor.terms for choice in options(term)]
                found = [[*one, *more] for one in found for more in inner]
            if len(found) > MOST:
                return found
        return found

    for chosen in product(*(options(axis) for axis in axes)):
        yield [atom for part in chosen for atom in part]


def nesting(followed: Followed) -> dict[Atom, Atom]:
    """For each atom that was split off beside another and never comes without it: that other, its parent."""
    company: dict[Atom, set[Atom]] = {}
    for value in followed.values:
        for number, piece in enumerate(pieces(value.axes)):
            present = set(piece)
            for atom in present:
                beside = {one for one in present if number < MOST and piece.count(one) >= piece.count(atom)}
                company[atom] = company[atom] & beside if atom in company else beside
    parents = {}
    for atom, others in company.items():
        if atom.stem is None or atom.why:
            continue
        family = [one for one in factors(atom.stem) if isinstance(one, Atom) and not one.why and one in others]
        if family and family[-1] is not atom:
            parents[atom] = family[-1]
    return parents


def names_of(followed: Followed, parents: Mapping[Atom, Atom]) -> dict[Atom, str]:
    """A name for each atom, after the first tensor that it is in; units are named after their heads."""
    names: dict[Atom, str] = {}
    taken: set[str] = set()
    for tensor, value in followed.tensors.items():
        base = re.sub(r"\W+", "_", tensor.rpartition(".")[0] or tensor).strip("_") or "h"
        base = f"h_{base}" if base[0].isdigit() else base
        for axis in value.axes:
            for atom in in_order(axis):
                if atom not in names and not atom.why:
                    wish = f"{names[parents[atom]]}_unit" if atom in parents and parents[atom] in names else base
                    names[atom] = fresh(wish, taken)
    return names


def fresh(wish: str, taken: set[str]) -> str:
    """A name that is not taken."""
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    taken.add(name)
    return name
