"""Which occurrence of an index belongs to which of another: the units of a head to that head and not to another one.

A value with two axes of heads and two of units, as the products of all pairs of a layer's units, does not say which
units are of which heads: its axes may have been exchanged since. That is certain where there is one axis of heads, or
where the units and their heads are along one axis, which operators leave together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from itertools import product as cartesian
from typing import TypeAlias

from layergen.tracing.unknowns import Atom, Axis, atoms, known
from symmetry.language.axes import fold

__all__ = ["Piece", "paired", "pieces", "scattered"]

MOST = 64
"""The most pieces of one value that are looked at; in a value of more nothing is paired."""

Piece: TypeAlias = Sequence[Sequence[Atom]]
"""The atoms of one term of every sum in a value, those of each axis by themselves."""


def pieces(axes: Sequence[Axis]) -> list[Piece] | None:
    """The pieces of a value; None where there are very many."""
    rows = [
        fold(
            known(axis),
            leaf=lambda atom: [[atom]],
            product=lambda parts: [[*chain(*chosen)] for chosen in islice(cartesian(*parts), MOST + 1)],
            concatenation=lambda parts: [*chain(*parts)],
        )
        for axis in axes
    ]
    found: list[Piece] = [*islice(cartesian(*rows), MOST + 1)]
    return found if len(found) <= MOST else None


def paired(piece: Piece, atom: Atom, parent: Atom) -> bool:
    """Whether it is certain, for every occurrence of an atom in a piece, to which occurrence of another it belongs.

    It is to be the one that a declaration is read to mean as well: the nearest before, or else the first.
    """
    if atom is parent or sum(row.count(parent) for row in piece) == 1:
        return True
    before = False
    for row in piece:
        if atom in row and (row.count(parent) != 1 or (before and row.index(atom) < row.index(parent))):
            return False
        before = before or parent in row
    return True


def scattered(axes: Sequence[Axis]) -> list[Atom]:
    """The families in a value that are not beside exactly one index of what they are over, in some piece of it.

    Beside none the members have met; beside several it is open which of them says which member there is.
    """
    families = [atom for axis in axes for atom in atoms(axis) if atom.members]
    found = pieces(axes) if families else []
    if found is None:
        return families
    flat = [[*chain(*piece)] for piece in found]
    return [one for one in families if any(one in piece and one.over not in once(piece) for piece in flat)]


def once(piece: Sequence[Atom]) -> set[Atom | None]:
    """The atoms that are in a piece one time."""
    return {atom for atom, count in Counter(piece).items() if count == 1}
