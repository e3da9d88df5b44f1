"""A module's weights after a group element has acted on them, one tensor and one axis at a time where that is enough.

Where every index along an axis is nested in none but those before it there, the axis is permuted by itself: a list of
its places does, and not one of all entries. Of a large model that takes a tenth of the time and of the memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from layergen.preservation.function import Function
from symmetry import GroupElement, WeightSpace
from symmetry.kinds.action import Part
from symmetry.kinds.positional import PositionalIndex
from symmetry.kinds.sets import SetIndex
from symmetry.language.axes import Atom, Expression, Sum, atoms, factors, print_axes
from symmetry.space.elements import element

__all__ = ["moved_weights"]


def moved_weights(function: Function, g: GroupElement) -> dict[str, Tensor]:
    """The declared tensors that a group element moves, by name, after it acted."""
    return {name: moved_tensor(function.declared(name), name, g) for name in touched_by(g)}


def touched_by(g: GroupElement) -> Iterator[str]:
    """The names of the tensors that an element moves."""
    moved = set(g.moved)
    for tensor in g.space:
        own = (position.index for piece in tensor.pieces for position in piece.positions)
        if any(index.action and index.action.name in moved for index in own):
            yield tensor.name


def moved_tensor(value: Tensor, name: str, g: GroupElement) -> Tensor:
    """A tensor `(*axes)` after an element has acted on it; the stacked members of a family are replaced in place."""
    tensor, moved = g.space[name], {part: g.parts[part] for part in g.moved}
    counting = [atom.name for axis in tensor.axes[: len(tensor.family.numbers)] for atom in atoms(axis)]
    if len(counting) > 1 or not moved.keys().isdisjoint(counting):
        counting = []
    if not all(by_itself(axis, g.space, frozenset(counting)) for axis in tensor.axes):
        return g.act({name: value})[name]
    if not counting:
        return moved_axes(value, tensor.axes, g.space, moved)
    names = {atom.name for axis in tensor.axes for atom in atoms(axis)}
    nested = [name for name in names & moved.keys() if g.space.lineage(g.space.index(name))[0].name == counting[0]]
    for number, member in enumerate(value):
        own = moved | {name: moved[name][number] for name in nested}
        value[number] = moved_axes(member, tensor.own_axes, g.space, own)
    return value


def moved_axes(value: Tensor, axes: Sequence[Expression], space: WeightSpace, moved: Mapping[str, Part]) -> Tensor:
    """A tensor, or one member of a family, after some parts of an element have acted on each of its axes."""
    for place, axis in enumerate(axes):
        if parts := {name: moved[name] for name in moved.keys() & {atom.name for atom in atoms(axis)}}:
            places = element(axis_alone(space, axis), parts).tensor_index("axis")
            value = value.index_select(place, torch.from_numpy(places).to(value.device))
    return value


def by_itself(axis: Expression, space: WeightSpace, before: frozenset[str] = frozenset()) -> bool:
    """Whether entries along an axis change places only, and do so alike beside whatever is along the other axes."""
    if isinstance(axis, Sum):
        return all(by_itself(term, space, before) for term in axis.terms)
    for factor in factors(axis):
        if not isinstance(factor, Atom):
            if not by_itself(factor, space, before):
                return False
        elif factor.name:
            index = space.index(factor.name)
            permuted = isinstance(index, SetIndex | PositionalIndex) and not index.charged
            if not (index.free or permuted) or index.parent not in {None, *before}:
                return False
            before |= {factor.name}
    return True


@lru_cache(maxsize=4096)
def axis_alone(space: WeightSpace, axis: Expression) -> WeightSpace:
    """A space of one tensor, with one axis, over indices of another space, which are nested in those there alone."""
    names = {atom.name for atom in atoms(axis)}
    kept = {
        section: {name: inside(key, names) for name, key in keys.items() if name in names}
        for section, keys in space.declarations({})[1].items()
    }
    return WeightSpace({"axis": print_axes([axis])}, **kept)


def inside(declaration: Any, names: Collection[str]) -> Any:
    """A declaration of an index without the parent that is not among these."""
    if isinstance(declaration, dict) and declaration.get("within") not in names:
        return {key: value for key, value in declaration.items() if key != "within"}
    return declaration
