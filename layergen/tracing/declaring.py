"""From axes that were followed through a graph to a weight space: sets, nested sets, and what is frozen."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from itertools import product as cartesian

from layergen.tracing.propagation import Followed
from layergen.tracing.unknowns import Atom, Axis, atoms, factors, join, known, size_of
from symmetry import WeightSpace
from symmetry.language import axes
from symmetry.language.axes import Expression, concatenation, fold, is_size, multiplied, print_axes, product
from symmetry.language.names import fresh_name

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
    tensors = {
        name: print_axes(written(axis, names, still, used, free) for axis in value.axes)
        for name, value in followed.tensors.items()
    }
    sets = {
        name: {"size": atom.size, "within": names[parents[atom]]}
        if atom in parents and names[parents[atom]] not in still
        else atom.size
        for name, atom in used.items()
    }
    frozen = [
        Frozen(name, place, size_of(axis), reason)
        for name, value in followed.tensors.items()
        for place, axis in enumerate(value.axes)
        if (reason := first_reason(axis))
    ]
    return WeightSpace(tensors, sets=sets, free={name: atom.size for atom, name in free.items()}), frozen


def spelled_out(followed: Followed, names: Mapping[Atom, str], still: frozenset[str]) -> dict[Atom, str]:
    """A name for each frozen atom."""
    found = [atom for value in followed.tensors.values() for axis in value.axes for atom in atoms(axis)]
    return {
        atom: f"frozen_{number}"
        for number, atom in enumerate(dict.fromkeys(atom for atom in found if atom.why or names[atom] in still))
    }


def first_reason(axis: Axis) -> str:
    """Why an axis, or a part of it, is frozen; empty if it is not."""
    return next((atom.why for atom in atoms(axis) if atom.why and atom.size > 1), "")


def written(
    axis: Axis, names: Mapping[Atom, str], still: frozenset[str], used: dict[str, Atom], free: Mapping[Atom, str]
) -> Expression:
    """An axis as an expression of the specification; the atoms of its sets are added to `used` by name."""

    def leaf(atom: Atom) -> axes.Atom:
        if atom.why or names[atom] in still:
            return axes.Atom(free[atom]) if atom in free else axes.Atom("", atom.size)
        used[names[atom]] = atom
        return axes.Atom(names[atom])

    return fold(
        known(axis),
        leaf=leaf,
        product=lambda items: product(multiplied(items)) if items else axes.Atom("", 1),
        concatenation=concatenated,
    )


def concatenated(terms: Sequence[Expression]) -> Expression:
    """A concatenation; frozen neighbours are one, and so many times the same is a product, as of gates and units."""
    if len(set(terms)) == 1 and not is_size(terms[0]):
        return product([axes.Atom("", len(terms)), terms[0]])
    merged: list[Expression] = []
    for term in terms:
        if merged and is_size(merged[-1]) and is_size(term):
            merged[-1] = axes.Atom("", merged[-1].size + term.size)
        else:
            merged.append(term)
    return concatenation(merged)


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


def names_of(followed: Followed, parents: Mapping[Atom, Atom]) -> dict[Atom, str]:
    """A name for each atom, after the first tensor that it is in; units are named after their heads."""
    names: dict[Atom, str] = {}
    taken: set[str] = set()
    for tensor, value in followed.tensors.items():
        base = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", tensor.rpartition(".")[0] or tensor)).strip("_")
        base = f"h_{base}".rstrip("_") if not base.isidentifier() or keyword.iskeyword(base) else base
        for axis in value.axes:
            for atom in atoms(axis):
                if atom not in names and not atom.why:
                    wish = f"{names[parents[atom]]}_unit" if atom in parents and parents[atom] in names else base
                    names[atom] = fresh_name(wish, taken)
                    taken.add(names[atom])
    return names
