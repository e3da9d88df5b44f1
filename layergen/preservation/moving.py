"""A module's weights after a group element has acted on them, one tensor and one axis at a time where that is enough.

Where every index along an axis is nested in none but those before it there, or those that number a family's members,
the axis is permuted by itself: a list of its places does, and not one of all entries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from layergen.preservation.function import Function
from layergen.stacking import parted
from symmetry import GroupElement, WeightSpace
from symmetry.kinds.action import Part
from symmetry.kinds.positional import PositionalIndex
from symmetry.kinds.sets import SetIndex
from symmetry.language.axes import Atom, Expression, Sum, atoms, factors, print_axes, product
from symmetry.space.elements import element
from symmetry.space.weight_space import Tensor as Declared

__all__ = ["Mover"]


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves a module's weights by one group element after another, each into the memory of the one before it.

    Parameters
    ----------
    function
        The function of the weights.
    memory
        By the module's name of a tensor where it is after it moved; by a number of entries where it is in between.
    alone
        For each axis a space of one tensor that has this axis alone.
    """

    function: Function
    memory: dict[str | int, Tensor] = field(default_factory=dict)
    alone: dict[Expression, WeightSpace] = field(default_factory=dict)

    def moved(self, g: GroupElement) -> dict[str, Tensor]:
        """The module's own tensors that a group element moves, by name, after it acted; until the next one acts."""
        device = next(iter(self.function.weights.values())).device
        places = Places(g.space, {name: g.parts[name] for name in g.moved}, self.alone, device)
        found: dict[str, Tensor] = {}
        for tensor in touched_by(places.parts, g.space):
            if axis_by_axis(tensor, g.space):
                found.update(self.moved_members(tensor, places))
            else:
                found |= parted(g.act({tensor.name: self.function.declared(tensor.name)})[tensor.name], tensor)
        return found

    def moved_members(self, tensor: Declared, places: Places) -> Iterator[tuple[str, Tensor]]:
        """Each member of a family, or the one tensor there is, after the element acted on each of its axes."""
        numbers, members = numbered(tensor), tensor.members
        origins = places.along(product(numbers), {}) if numbers else None
        for number, name in enumerate(members):
            origin = number if origins is None else int(origins[number])
            place = np.unravel_index(origin, tensor.shape[: len(numbers)])
            at = {axis.name: int(one) for axis, one in zip(numbers, place, strict=True) if counts(axis, tensor)}
            steps = [(dim, places.along(axis, at)) for dim, axis in enumerate(tensor.own_axes)]
            value = self.function.weights[members[origin]].reshape(tensor.own_shape)
            value = self.permuted(value, name, [(dim, one) for dim, one in steps if one is not None])
            yield name, value.reshape(tensor.stored)

    def permuted(self, value: Tensor, name: str, steps: Sequence[tuple[int, Tensor]]) -> Tensor:
        """A tensor after its dimensions were permuted in turn; a step is a dimension with the origins of its places."""
        for left, (dim, origins) in zip(reversed(range(len(steps))), steps, strict=True):
            out = self.room(value.numel() if left % 2 else name, value)
            if 0 < dim == value.ndim - 1:  # there `index_select` takes entries one by one, and slowly
                torch.gather(value, dim, origins.expand(value.shape), out=out)
            else:
                torch.index_select(value, dim, origins, out=out)
            value = out
        return value

    def room(self, key: str | int, like: Tensor) -> Tensor:
        """A tensor to write into, the same one each time: to be given fresh memory takes longer than to write."""
        if key not in self.memory:
            self.memory[key] = like.new_empty(like.shape)
        return self.memory[key].view(like.shape)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the entries along axes come from when one group element acts, by the parts of it that move something."""

    space: WeightSpace
    parts: Mapping[str, Part]
    alone: dict[Expression, WeightSpace]
    device: torch.device
    found: dict[tuple[Expression, tuple[int, ...]], Tensor | None] = field(default_factory=dict)

    def along(self, axis: Expression, at: Mapping[str, int]) -> Tensor | None:
        """The place that each entry along an axis comes from, `(axis,)`, at one value of some indices.

        None where all stay.
        """
        key = axis, tuple(at.values())
        if key not in self.found:
            names = self.parts.keys() & {atom.name for atom in atoms(axis)}
            own = {name: self.part_at(name, at) for name in names}
            self.found[key] = self.of_parts(axis, own) if own else None
        return self.found[key]

    def part_at(self, name: str, at: Mapping[str, int]) -> Part:
        """The part for an index, of a nested one the copies at one value of some of those that it is nested in."""
        above = [one.name for one in self.space.lineage(self.space.index(name))[:-1]]
        return self.parts[name][tuple(at[one] for one in above if one in at)]

    def of_parts(self, axis: Expression, parts: Mapping[str, Part]) -> Tensor:
        """The place that each entry along an axis comes from, for parts of its indices."""
        if axis not in self.alone:
            self.alone[axis] = axis_alone(self.space, axis)
        places = element(self.alone[axis], parts).tensor_index("axis")
        return torch.from_numpy(places).to(self.device)


def touched_by(parts: Collection[str], space: WeightSpace) -> Iterator[Declared]:
    """The tensors that some parts of an element move."""
    for tensor in space:
        own = (position.index for piece in tensor.pieces for position in piece.positions)
        if any(index.action and index.action.name in parts for index in own):
            yield tensor


def numbered(tensor: Declared) -> tuple[Expression, ...]:
    """The axes along which a family is stacked."""
    return tensor.axes[: len(tensor.family.numbers)]


def counts(axis: Expression, tensor: Declared) -> TypeGuard[Atom]:
    """Whether an axis of a family is an index that no member has: one that has the same value for all of a member."""
    return isinstance(axis, Atom) and axis.name not in {"", *(atom.name for atom in atoms(*tensor.own_axes))}


def axis_by_axis(tensor: Declared, space: WeightSpace) -> bool:
    """Whether to move a tensor is to permute each axis by itself: of a family the members, and the axes of each."""
    numbers = numbered(tensor)
    before = frozenset(axis.name for axis in numbers if counts(axis, tensor))
    return by_itself(product(numbers), space) and all(by_itself(axis, space, before) for axis in tensor.own_axes)


def by_itself(axis: Expression, space: WeightSpace, before: frozenset[str] = frozenset()) -> bool:
    """Whether entries along an axis change places only, and do so alike beside whatever is along the other axes.

    Indices may be nested in those of `before`.
    """
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
