"""Which entries of a module's tensors reach its outputs: what no example reads is not known to be symmetric.

A pass from the outputs back through the operators. Whatever an operator sums over is read; what a slice leaves out is
not. A slice that leaves entries to nobody may have been made to the length of the example: what it keeps is frozen too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from layergen.tracing.unknowns import Atom, Axis, atoms, freeze, known
from layergen.tracing.values import Step, Value
from symmetry.language.axes import fold

__all__ = ["UNSEEN", "freeze_unseen", "unseen_entries"]

UNSEEN = "not seen: no example reaches it"
"""The reason for which atoms are frozen that no example reads."""
CUT = "cut off beside what no example reaches"
CUTS = frozenset(["slice", "narrow", "split", "split_with_sizes", "chunk", "tensor_split"])
LEAVE_OUT = CUTS | {"select", "unbind", "getitem", "index", "index_select", "gather", "embedding"}
"""Operators that leave entries of their first argument out."""


def indices(value: Value) -> set[Atom]:
    """The atoms in a value, those of its members for a family."""
    found, waiting = set[Atom](), [atom for axis in value.axes for atom in atoms(axis)]
    while waiting:
        atom = waiting.pop()
        if atom.members:
            waiting += [one for member in atom.members for one in atoms(member)]
        else:
            found.add(atom)
    return found


def read(steps: Sequence[Step], outputs: Iterable[Value]) -> set[Atom]:
    """The atoms of entries that reach the outputs."""
    alive: dict[Value, set[Atom]] = {value: indices(value) for value in outputs}
    for step in reversed(steps):
        if not step.writes and not any(result in alive for result in step.results):
            continue
        given = set().union(*map(indices, step.results))
        wanted = set().union(*(alive.get(result, set()) for result in step.results))
        for value in step.arguments:
            own = indices(value)
            used = own if step.writes else own & wanted
            alive.setdefault(value, set()).update(used if step.name in LEAVE_OUT else used | own - given)
    return set().union(*alive.values())


def freeze_unseen(tensors: Iterable[Value], steps: Sequence[Step], outputs: Iterable[Value]) -> None:
    """Freeze the atoms of tensors that reach no output, and what slices kept beside them."""
    own = {atom for value in tensors for atom in indices(value) if not atom.why}
    unseen = own - read(steps, outputs)
    for atom in unseen:
        freeze(atom, UNSEEN)
    for step in steps:
        for value, result in ((value, result) for value in step.arguments[:1] for result in step.results):
            if step.name in CUTS:
                for before, after in zip(value.axes, result.axes, strict=True):
                    if unseen & indices(Value((before,))):
                        freeze(after, CUT)


def unseen_entries(value: Value) -> NDArray[np.bool_]:
    """For each entry of a tensor whether no example reaches it."""
    mask = np.zeros((), dtype=bool)
    for axis in value.axes:
        mask = np.logical_or.outer(mask, unseen_along(axis))
    return mask


def unseen_along(axis: Axis) -> NDArray[np.bool_]:
    """For each place along an axis whether no example reaches it."""
    return fold(
        known(axis),
        leaf=lambda atom: np.full(atom.size, atom.why == UNSEEN),
        product=lambda parts: product_of(parts),
        concatenation=lambda parts: np.concatenate(list(parts)),
    )


def product_of(parts: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """The places along a product: unseen where one of its factors is."""
    mask = np.zeros(1, dtype=bool)
    for part in parts:
        mask = np.logical_or.outer(mask, part).ravel()
    return mask
