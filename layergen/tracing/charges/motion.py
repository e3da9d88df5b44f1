"""What more than permutations may act on each index: scalars of its elements, or matrices, with charges that fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from layergen.tracing.charges.equations import Equations, Group, Row
from layergen.tracing.charges.occurrences import Occurrences, moving, spelled_charges
from layergen.tracing.charges.solving import solutions
from layergen.tracing.charges.table import demand
from layergen.tracing.propagation import Followed
from layergen.tracing.unknowns import Atom
from symmetry.language import axes

__all__ = ["GROUPS", "Motion", "motions"]

Place: TypeAlias = tuple[str, int, int]
"""An occurrence of an index: the name of a tensor, the axis, and the number of the leaf along the axis."""
Charges: TypeAlias = dict[int, int]
"""The charge of each unknown that is not 0."""
GROUPS = (
    Group("GL", 0, True, "turned by any invertible matrix"),
    Group("O", 2, True, "turned by any orthogonal matrix"),
    Group("positive", 0, False, "multiplied by positive numbers"),
    Group("sign", 2, False, "multiplied by -1"),
)
"""The groups that are looked for; the first one that may act is taken."""


@dataclass(frozen=True, slots=True)
class Motion:
    """A group that may act on an index, with the charge of each occurrence.

    `left` says what may act as well and cannot be declared beside it.
    """

    group: Group
    charges: Mapping[Place, int]
    left: tuple[str, ...] = ()


def motions(followed: Followed) -> dict[Atom, Motion]:
    """The largest group of each index of a followed module on which more may act than permutations."""
    occurrences = Occurrences()
    places: dict[Atom, dict[Place, int]] = {}
    for name, value in followed.stored.items():
        for dim, tree in enumerate(occurrences.of(value)):
            for number, one in enumerate(axes.atoms(spelled_charges(tree))):
                for atom, unknown in moving(one):
                    places.setdefault(atom, {})[name, dim, number] = unknown
    rows = {group: demands(group, followed, occurrences) for group in GROUPS}

    def basis(group: Group, atom: Atom, besides: Iterable[Row] = ()) -> list[Charges]:
        unknowns = list(dict.fromkeys(places[atom].values()))
        return solutions([*rows[group].get(atom, []), *besides], unknowns, group.modulus)

    found = {}
    for atom, where in places.items():
        children = [child for child in places if followed.parents.get(child) is atom]
        possible = {}
        for group in GROUPS:
            taken = [next(iter(charges)) for child in children for charges in basis(group, child)]
            # The scalars of what is nested in an index are scalars of the index too: those are taken.
            besides = [{beside(where, places, unknown): 1} for unknown in taken]
            possible[group] = [] if group.mixes and children else spanned(group, basis(group, atom, besides), where)
        for chosen in [group for group in GROUPS if possible[group]][:1]:
            charges = max(possible[chosen], key=len)
            by_place = {place: charges.get(unknown, 0) for place, unknown in where.items()}
            found[atom] = Motion(chosen, directed(by_place, chosen), tuple(left_over(chosen, possible)))
    return found


def beside(where: Mapping[Place, int], places: Mapping[Atom, Mapping[Place, int]], unknown: int) -> int:
    """The unknown of the parent beside an occurrence of what is nested in it: the nearest before it, or the first."""
    place = next(place for own in places.values() for place, one in own.items() if one == unknown)
    same = [other for other in where if other[0] == place[0]]
    return where[max((other for other in same if other < place), default=min(same))]


def demands(group: Group, followed: Followed, occurrences: Occurrences) -> dict[Atom | None, list[Row]]:
    """What the operators of a graph demand of the charges of each index, if that group acts."""
    equations = Equations(group, occurrences, set(followed.stored.values()), constants=set(followed.constants))
    for step in followed.steps:
        demand(equations, step)
    rows: dict[Atom | None, list[Row]] = {}
    for row in equations.rows:
        rows.setdefault(occurrences.atoms[next(iter(row))], []).append(row)
    return rows


def spanned(group: Group, basis: list[Charges], where: Mapping[Place, int]) -> list[Charges]:
    """The ways in which a group may act: matrices at every occurrence of an index, or not at all."""
    if not group.mixes:
        return basis
    together = {unknown: charge for charges in basis for unknown, charge in charges.items()}
    disjoint = sum(map(len, basis)) == len(together) == len(set(where.values()))
    return [together] if disjoint and set(together.values()) <= {1, -1} else []


def directed(charges: Mapping[Place, int], group: Group) -> dict[Place, int]:
    """Charges or their opposites: positive where weights come in, as most do along their first axis."""
    incoming = sum(charge if dim == 0 else -charge for (_, dim, _), charge in charges.items())
    turned = incoming < 0 and not group.modulus
    return {place: -charge if turned else charge for place, charge in charges.items()}


def left_over(chosen: Group, possible: Mapping[Group, list[Charges]]) -> Iterator[str]:
    """What may act beside the group that is declared."""
    if chosen.mixes:
        return
    if more := len(possible[chosen]) - 1:
        yield f"{chosen.deed} in {more} more way{'s' * (more > 1)}"
    for group in GROUPS[GROUPS.index(chosen) + 1 :]:
        if possible[group]:
            yield group.deed
