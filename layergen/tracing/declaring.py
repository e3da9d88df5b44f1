"""From axes that were followed through a graph to a weight space: sets, nested sets, and what is frozen."""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from layergen.tracing.charges import Motion
from layergen.tracing.propagation import Followed
from layergen.tracing.unknowns import Atom, Axis, atoms, factors, known, size_of
from symmetry import WeightSpace
from symmetry.language import axes
from symmetry.language.axes import Expression, Sum, concatenation, fold, is_size, multiplied, print_axes, product
from symmetry.language.errors import SpecificationError
from symmetry.language.names import fresh_name

__all__ = ["LARGE", "Frozen", "declared", "names_of"]

LARGE, MOST = 32, 256
"""The most values that the frozen part of an axis, and of a whole tensor, has as free indices; the largest indices
beyond that, and others of their size, are positions: a layer has no parameters for all pairs of their values."""


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
    motions: Mapping[Atom, Motion] | None = None,
    free: Mapping[str, Collection[int]] | None = None,
) -> tuple[WeightSpace, list[Frozen]]:
    """The weight space of a followed module, with the frozen axes.

    Sets of units named in `loose` are shared by all heads, sets named in `still` are frozen. Frozen axes are free, but
    positional where they are large, or sets are nested in them, and not among the axes of tensors in `free`. To `spell`
    is to name all frozen indices, so that it shows which are one. On the atoms of `motions` more acts than that.
    """
    motions = motions or {}
    names = names_of(followed)
    kept = kept_free(followed, free or {})
    parents = {
        atom: parent
        for atom, parent in followed.parents.items()
        if names[atom] not in loose | still and parent not in kept and names[parent] not in still
    }
    above = {parent: names[parent] for parent in parents.values() if parent.why}
    used: dict[str, Atom] = {}
    frozen_atoms = [atom for atom in all_atoms(followed) if atom.why or names[atom] in still]
    if spell:
        stays = {atom: f"frozen_{number}" for number, atom in enumerate(frozen_atoms)} | above
    else:
        stays = positions(followed, set(frozen_atoms) - kept, set(names.values()), above)
    charges = {place: charge for motion in motions.values() for place, charge in motion.charges.items()}
    tensors = {
        name: print_axes(
            written(axis, names, still, used, stays, (charges.get((name, dim, leaf), 1) for leaf in count()))
            for dim, axis in enumerate(value.axes)
        )
        for name, value in followed.tensors.items()
    }
    sections: dict[str, dict[str, Any]] = {"sets": {}, "vectors": {}}
    for name, atom in used.items():
        keys = {"size": atom.size} | ({"within": names[parents[atom]]} if atom in parents else {})
        if atom in motions:
            keys |= motions[atom].group.declaration
        section = motions[atom].group.section if atom in motions else "sets"
        sections[section][name] = keys if len(keys) > 1 else atom.size
    frozen = [
        Frozen(name, place, size_of(axis), reason)
        for name, value in followed.tensors.items()
        for place, axis in enumerate(value.axes)
        if (reason := first_reason(axis))
    ]
    sections["positional"] = {name: atom.size for atom, name in stays.items() if atom in above or not spell}
    sections["free"] = {name: atom.size for atom, name in stays.items() if atom not in above and spell}
    return WeightSpace(tensors, **sections), frozen


def all_atoms(followed: Followed) -> dict[Atom, None]:
    """The atoms of a module's tensors, in their order."""
    return dict.fromkeys(atom for value in followed.tensors.values() for axis in value.axes for atom in atoms(axis))


def kept_free(followed: Followed, free: Mapping[str, Collection[int]]) -> set[Atom]:
    """The atoms on some axes of tensors. Raises `SpecificationError` for axes that there are not."""
    for name, axes_kept in free.items():
        if name not in followed.tensors:
            known_names = ", ".join(map(repr, followed.tensors))
            raise SpecificationError(f"free= names {name!r}, which is no tensor", remedy=f"tensors: {known_names}")
        axes_there = range(len(followed.tensors[name].axes))
        if wrong := [axis for axis in axes_kept if axis not in axes_there]:
            raise SpecificationError(f"free= names axis {wrong[0]} of {name!r}, which has {len(axes_there)} axes")
    return {
        atom for name, places in free.items() for place in places for atom in atoms(followed.tensors[name].axes[place])
    }


def positions(followed: Followed, still: set[Atom], taken: set[str], above: Mapping[Atom, str]) -> dict[Atom, str]:
    """A name for each of the frozen atoms that is a position: those of `above`, and the largest of many."""
    found = dict(above)
    for tensor, value in followed.tensors.items():
        parts = [part for axis in value.axes for part in parts_of(axis)]
        for most, together in [*((LARGE, part) for part in parts), (MOST, [one for part in parts for one in part])]:
            left = [one for one in together if one in still and one not in found]
            while math.prod(one.size for one in left) > most:
                largest = max(one.size for one in left)
                for atom in dict.fromkeys(one for one in left if one.size == largest):
                    found[atom] = fresh_name(tensor_word(tensor), taken | {*found.values()})
                left = [one for one in left if one.size < largest]
    return found


def parts_of(axis: Axis) -> list[list[Atom]]:
    """The atoms of each term of an axis, those of sums inside its products by themselves."""
    if isinstance(axis := known(axis), Sum):
        return [part for term in axis.terms for part in parts_of(term)]
    inner = [factor for factor in factors(axis) if isinstance(factor, Sum)]
    own = [factor for factor in factors(axis) if isinstance(factor, Atom)]
    return [own, *(part for factor in inner for part in parts_of(factor))]


def first_reason(axis: Axis) -> str:
    """Why an axis, or a part of it, is frozen; empty if it is not."""
    return next((atom.why for atom in atoms(axis) if atom.why and atom.size > 1), "")


def written(
    axis: Axis,
    names: Mapping[Atom, str],
    still: frozenset[str],
    used: dict[str, Atom],
    free: Mapping[Atom, str],
    charges: Iterator[int],
) -> Expression:
    """An axis as an expression of the specification; the atoms of its sets are added to `used` by name."""

    def leaf(atom: Atom) -> axes.Atom:
        charge = next(charges)
        if atom.why or names[atom] in still:
            return axes.Atom(free[atom]) if atom in free else axes.Atom("", atom.size)
        used[names[atom]] = atom
        return axes.Atom(names[atom], charge=charge)

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


def tensor_word(tensor: str) -> str:
    """A name for an index, after the module that a tensor belongs to."""
    base = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", tensor.rpartition(".")[0] or tensor)).strip("_")
    return f"h_{base}".rstrip("_") if not base.isidentifier() or keyword.iskeyword(base) else base


def names_of(followed: Followed) -> dict[Atom, str]:
    """A name for each atom that may be permuted, or in which another is nested, after the first tensor that it is in.

    Units are named after their heads.
    """
    names: dict[Atom, str] = {}
    parents = followed.parents
    above = {*parents.values()}
    taken: set[str] = set()
    for tensor, value in followed.tensors.items():
        base = tensor_word(tensor)
        for axis in value.axes:
            for atom in atoms(axis):
                if atom not in names and (atom in above or not atom.why):
                    wish = f"{names[parents[atom]]}_unit" if atom in parents and parents[atom] in names else base
                    names[atom] = fresh_name(wish, taken)
                    taken.add(names[atom])
    return names
