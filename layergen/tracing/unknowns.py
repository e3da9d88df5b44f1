"""Axes whose symmetry is not known yet: atoms that are unified, split into products and cut into sums.

An axis is an `Atom` (one index, so far), a flattened `Product` or a concatenation `Sum`. What a network's operators
demand of axes only ever refines atoms: two become one, one becomes a product or a sum of others. A frozen atom may not
be permuted. Refinement that fails freezes what it is about, so that the result is never too symmetric.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from symmetry.language import axes
from symmetry.language.axes import Product, Sum, Tree, concatenation, fold, product, substitute

__all__ = [
    "ONE",
    "Atom",
    "Axis",
    "atoms",
    "chosen",
    "collapse",
    "cut",
    "factors",
    "freeze",
    "join",
    "known",
    "regroup",
    "size_of",
    "unify",
]

numbers = itertools.count()


@dataclass(eq=False, slots=True)
class Atom:
    """An index of one axis or several. `bound` is what it was found to be, `why` the reason that it is frozen.

    `stem` is the atom that this one was split off beside: the units of a head have the heads for a stem. `origin` is
    the operator that split it off. An atom with `members` is a family: at each index of the atom `over` it is another
    atom, as the units of queries, keys and values in one tensor are.
    """

    size: int
    bound: Axis | None = None
    why: str = ""
    stem: Atom | None = None
    origin: str = ""
    over: Atom | None = None
    members: tuple[Atom, ...] = ()
    number: int = field(default_factory=lambda: next(numbers))

    def __repr__(self) -> str:
        return f"a{self.number}:{self.size}{'!' if self.why else ''}"


Axis: TypeAlias = Tree[Atom]
ONE: Axis = Product(())


def size_of(axis: Axis) -> int:
    """How many entries there are along an axis."""
    return fold(
        axis,
        leaf=lambda atom: atom.size,
        product=lambda lengths: math.prod(lengths),
        concatenation=lambda lengths: sum(lengths),
    )


def known(axis: Axis) -> Axis:
    """An axis by what its atoms are found to be so far, in normal form and without what has size 1."""
    return fold(axis, leaf=found_to_be, product=product, concatenation=without_empty)  # type: ignore[misc]


def found_to_be(atom: Atom) -> Axis:
    """What an atom is by now."""
    if atom.bound is not None:
        return known(atom.bound)
    if atom.over is not None and isinstance(over := known(atom.over), Atom):
        atom.over = over
    return atom if atom.size != 1 else ONE


def without_empty(terms: Iterable[Axis]) -> Axis:
    """The concatenation of those terms that have entries."""
    return concatenation(term for term in terms if size_of(term))


def factors(axis: Axis) -> list[Axis]:
    """The atoms and sums that an axis is the product of, as far as is known; none of size 1."""
    return list(axes.factors(known(axis)))


def join(parts: Iterable[Axis]) -> Axis:
    """The product of some axes, in normal form."""
    return product(map(known, parts))


def atoms(axis: Axis) -> Iterator[Atom]:
    """The atoms in an axis."""
    return axes.atoms(known(axis))


def freeze(axis: Axis, why: str) -> None:
    """Nothing in an axis may be permuted, for a reason; the first reason given stays."""
    for atom in atoms(axis):
        atom.why = atom.why or why
        for member in atom.members:
            freeze(member, why)


def bind(atom: Atom, axis: Axis) -> None:
    """An atom is found to be that axis; one that is found to be itself stays what it is."""
    if known(axis) is atom:
        return
    if atom.why:
        freeze(axis, atom.why)
    atom.bound = axis


def split(atom: Atom, size: int, origin: str = "", *, family: bool = False) -> tuple[Atom, Atom]:
    """An atom as a product with a first factor of that size; as a `family` the second is another for each index."""
    first = Atom(size, why=atom.why, stem=atom.stem, origin=origin, over=atom.over)
    second = Atom(atom.size // size, why=atom.why, stem=first, over=atom.over)
    if atom.members:
        halves = [split(member, size) for member in map(known, atom.members) if isinstance(member, Atom)]
        if len(halves) == len(atom.members):
            first.members, second.members = (tuple(half) for half in zip(*halves, strict=True))
        else:
            collapse(atom)
            return split(atom, size, origin)
    elif family:
        second.over, second.members = first, tuple(Atom(second.size, why=atom.why) for _ in range(size))
    bind(atom, Product((first, second)))
    return first, second


def collapse(atom: Atom) -> None:
    """The members of a family are one; an atom that is no family stays as it is."""
    members, atom.members, atom.over = atom.members, (), None
    for member in members[1:]:
        unify(members[0], member, "the members of a family are one")
    if members and atom.bound is None:
        bind(atom, members[0])


def chosen(axis: Axis, over: Axis, index: int) -> Axis:
    """An axis where the atom `over` has one value: families over it are their members."""

    def member(atom: Atom) -> Axis:
        return known(atom.members[index]) if atom.members and atom.over is over else atom

    return substitute(known(axis), member)


def unify(left: Axis, right: Axis, why: str) -> None:
    """Two axes of one size are the same; where they cannot be, both are frozen, for the reason given."""
    ours, theirs = [left], [right]
    while (ours := factors(join(ours))) and (theirs := factors(join(theirs))):  # as they are known by now
        a, b = ours.pop(0), theirs.pop(0)
        if a is b:
            continue
        if size_of(a) == size_of(b):
            unify_factors(a, b, why)
        elif isinstance(a, Atom) and a.size % size_of(b) == 0:
            ours = [*split(a, size_of(b)), *ours]
            theirs.insert(0, b)
        elif isinstance(b, Atom) and b.size % size_of(a) == 0:
            theirs = [*split(b, size_of(a)), *theirs]
            ours.insert(0, a)
        elif not whole(a, ours, b, theirs, why):
            for axis in (a, b, *ours, *theirs):
                freeze(axis, why)
            return


def whole(a: Axis, ours: list[Axis], b: Axis, theirs: list[Axis], why: str) -> bool:
    """Try to match a sum with a product of which the first factor counts its terms: those are then all alike."""
    for one, others in ((a, [b, *theirs]), (b, [a, *ours])):
        if isinstance(one, Sum) and size_of(one) == math.prod(map(size_of, others)):
            lead, rest = others[0], join(others[1:])
            if isinstance(lead, Atom) and all(size_of(term) == size_of(rest) for term in one.terms):
                freeze(lead, "it counts what is concatenated")
                for term in one.terms:
                    unify(rest, term, why)
                ours.clear()
                theirs.clear()
                return True
    return False


def unify_factors(a: Axis, b: Axis, why: str) -> None:
    """Two factors of one size are the same."""
    if isinstance(b, Atom) and (not isinstance(a, Atom) or a.number < b.number):
        a, b = b, a
    families = [one for one in (a, b) if isinstance(one, Atom) and one.members]
    if families:
        unify_families(a, b, families, why)
    elif isinstance(a, Atom):
        if any(atom is a for atom in atoms(b)):
            freeze(a, why)
            freeze(b, why)
        else:
            if isinstance(b, Atom) and b.stem is None:
                b.stem = a.stem
            bind(a, b)
    elif isinstance(a, Sum) and isinstance(b, Sum):
        ends = sorted({end for one in (a, b) for end in itertools.accumulate(map(size_of, one.terms))})
        sizes = [stop - start for start, stop in itertools.pairwise([0, *ends])]
        for first, second in zip(cut(a, sizes, why), cut(b, sizes, why), strict=True):
            unify(first, second, why)
    else:
        freeze(a, why)
        freeze(b, why)


def unify_families(a: Axis, b: Axis, families: list[Atom], why: str) -> None:
    """Two families over the same atom are one, member by member; a plain atom is the family. Else the members are one.

    A plain atom that is also where the family's index is not has the members made one later, when all values are known.
    """
    if len(families) == 2 and families[0].over is families[1].over:
        first, second = families
        pairs, first.members = list(zip(first.members, second.members, strict=True)), ()
        bind(first, second)
        for one, other in pairs:
            unify(one, other, why)
        return
    plain = next((one for one in (a, b) if isinstance(one, Atom) and not one.members), None)
    if len(families) == 1 and plain is not None:
        inside = {atom for member in families[0].members for atom in atoms(member)}
        if plain not in inside and not plain.why:
            bind(plain, families[0])
            return
    for family in families:
        collapse(family)
    unify(a, b, why)


def cut(axis: Axis, sizes: Sequence[int], why: str) -> list[Axis]:
    """An axis as a concatenation of parts of these sizes; where it cannot be, it and they are frozen."""
    if len(sizes) == 1:
        return [join([axis])]
    found = factors(axis)
    if len(found) == 1 and isinstance(found[0], Sum):
        return cut_sum(list(found[0].terms), sizes, why)
    for atom in list(atoms(axis)):
        collapse(atom)  # each member would have parts of its own
    found = factors(axis)
    rest = join(found[1:])
    each = size_of(rest)
    whole_parts = all(size % each == 0 for size in sizes)
    if found and isinstance(found[0], Atom) and not found[0].why and whole_parts:
        parts = [Atom(size // each, stem=found[0].stem) for size in sizes]
        bind(found[0], concatenation(parts))
        return [join([part, rest]) for part in parts]
    if found and isinstance(found[0], Sum) and whole_parts:
        return [join([part, rest]) for part in cut(found[0], [size // each for size in sizes], why)]
    freeze(axis, why)
    return [Atom(size, why=why) for size in sizes]


def cut_sum(terms: list[Axis], sizes: Sequence[int], why: str) -> list[Axis]:
    """The terms of a sum dealt out to parts of these sizes, cut where a boundary falls within one."""
    parts = []
    for size in sizes:
        part: list[Axis] = []
        while (missing := size - sum(map(size_of, part))) > 0:
            if (first := size_of(terms[0])) > missing:
                terms[:1] = cut(terms[0], [missing, first - missing], why)
            part.append(terms.pop(0))
        parts.append(known(concatenation(part)) if part else ONE)
    return parts


def regroup(
    axes: Sequence[Axis], sizes: Sequence[int], why: str, origin: str = "", *, family: bool = False
) -> list[Axis]:
    """The axes of a value that is viewed in another shape; where that cannot be followed, all is frozen.

    `origin` is noted with the atoms that are split; as a `family` the rest of each is another for each index.
    """
    left = [factor for axis in axes for factor in factors(axis)]
    found: list[Axis] = []
    for size in sizes:
        part: list[Axis] = []
        while size > 1:
            if left and size % size_of(left[0]) == 0:
                size //= size_of(left[0])
                part.append(left.pop(0))
            elif left and isinstance(left[0], Atom) and left[0].size % size == 0:
                left[:1] = split(left[0], size, origin, family=family)
            else:
                for axis in axes:
                    freeze(axis, why)
                return [Atom(size, why=why) if size > 1 else ONE for size in sizes]
        found.append(join(part))
    return found
