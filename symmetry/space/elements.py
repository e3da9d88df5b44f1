"""Group elements: a part for each group that acts on a weight space's indices.

An element moves the entry at index `i` to index `g·i`. A nested set's part has one row for each element of the
parent: `part[h, u]` is where the unit `u` of head `h` goes within the head that `h` goes to; together with the
parent's part that is an element of the wreath product. Kinds of index that do more than permute multiply the entries
first, along their axes, and then move them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.action import Part
from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.space.group import acting, actions, movers
from symmetry.space.layout import take_apart
from symmetry.space.moving import images_on, multiplied
from symmetry.space.weight_space import WeightSpace

__all__ = [
    "GroupElement",
    "element",
    "generators",
    "group_order",
    "identity",
    "random_element",
    "simple_elements",
]

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class GroupElement:
    """An element of a weight space's symmetry group, acting on its tensors.

    `parts` holds, under the name of an index or of a group that several share, that group's element, read-only.

    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 1})
    >>> g = element(space, {"h": [1, 2, 0]})                       # 0 goes to 1, 1 to 2, 2 to 0
    >>> g.act({"b": np.array([10, 20, 30])})["b"].tolist()
    [30, 10, 20]
    >>> g @ g.inverse() == identity(space)
    True
    """

    space: WeightSpace
    parts: Mapping[str, Part]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupElement):
            return NotImplemented
        if self.space != other.space:
            return False
        return all(action.equal(self.parts[name], other.parts[name]) for name, action in actions(self.space).items())

    def __hash__(self) -> int:
        whole = (part for part in self.parts.values() if isinstance(part, np.ndarray) and part.dtype.kind == "i")
        return hash((self.space, *(part.tobytes() for part in whole)))

    def __repr__(self) -> str:
        return f"element(space, {self.described})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds plain values: read-only mappings, and elements of escnn's groups, are made anew."""
        return element, (self.space, self.described)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython and hypothesis print, which go through a dataclass field by field otherwise."""
        printer.text(repr(self))

    @property
    def moved(self) -> tuple[str, ...]:
        """The names of the parts that are not the identity."""
        return tuple(
            name
            for name, (action, copies) in acting(self.space).items()
            if not action.equal(self.parts[name], action.identity(copies))
        )

    @property
    def described(self) -> dict[str, Any]:
        """What the element moves in plain values, as `element` takes it."""
        acting = actions(self.space)
        return {name: acting[name].described(self.parts[name]) for name in self.moved}

    @property
    def deed(self) -> str:
        """What the element does, in words."""
        acting = actions(self.space)
        return " and ".join(acting[name].deed(self.parts[name]) for name in self.moved) or "moving nothing"

    def images(self, name: str) -> tuple[Indices, ...]:
        """Where the copies of a nested index go: one array of coordinates, axes `(*parents)`, for each parent."""
        ancestors = self.space.lineage(self.space.index(name))[:-1]
        grid = np.indices([ancestor.size for ancestor in ancestors])
        return tuple(
            image_of(ancestor, self.parts)[tuple(grid[: depth + 1])] for depth, ancestor in enumerate(ancestors)
        )

    def inverse(self) -> GroupElement:
        """The element that undoes this one."""
        parts = {}
        for name, (action, copies) in acting(self.space).items():
            parts[name] = action.inverse(self.parts[name])
            if copies:
                undone, parts[name] = parts[name], np.empty_like(parts[name])
                parts[name][self.images(name)] = undone
        return GroupElement(self.space, frozen(parts))

    def __matmul__(self, other: GroupElement) -> GroupElement:
        """First `other`, then this element."""
        if self.space != other.space:
            raise SpecificationError("elements of two different weight spaces cannot be composed")
        parts = {}
        for name, (action, copies) in acting(self.space).items():
            after = self.parts[name][other.images(name)] if copies else self.parts[name]
            parts[name] = action.compose(after, other.parts[name])
        return GroupElement(self.space, frozen(parts))

    def on(self, space: WeightSpace) -> GroupElement:
        """The same element acting on another weight space that shares indices; its own indices stay still."""
        return element(space, {name: part for name, part in self.parts.items() if name in actions(space)})

    def tensor_index(self, name: str) -> Indices:
        """Flat gather index of a tensor: entry `k` of the moved tensor is entry `tensor_index[k]` of the old one.

        Of the permutations only: what an element multiplies entries with is left out.
        """
        tensor = self.space[name]
        flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
        moved = np.empty(flat.size, dtype=np.intp)
        for piece, places in take_apart(tensor.layout, flat):
            moved[places[images_on(piece, self.parts)].ravel()] = places.ravel()
        return moved

    def act(self, arrays: Mapping[str, Any], *, channels: bool = False) -> dict[str, Any]:
        """Move the entries of some tensors: `(*axes)`, or with `channels` features `(batch, *axes, channels)`.

        Arrays may be numpy arrays or torch tensors; what comes back is of the same sort. Raises
        `SpecificationError` for a name or a shape that is not the weight space's.
        """
        return {name: self._act(name, array, channels) for name, array in arrays.items()}

    def _act(self, name: str, array: Any, channels: bool) -> Any:
        shape = self.space[name].shape
        axes = tuple(array.shape[1:-1] if channels else array.shape)
        if axes != shape or (channels and array.ndim != len(shape) + 2):
            kind = "features (batch, *axes, channels)" if channels else "an array"
            raise SpecificationError(
                f"{kind} of shape {tuple(array.shape)} given", part=f'tensor "{name}"', remedy=f"its axes are {shape}"
            )
        array = multiplied(self.space[name], array, self.parts, lead=int(channels))
        index = self.tensor_index(name)
        if not channels:
            return array.reshape(-1)[index].reshape(array.shape)
        return array.reshape(array.shape[0], index.size, array.shape[-1])[:, index].reshape(array.shape)


def image_of(index: Index, parts: Mapping[str, Part]) -> Indices:
    """Where the values of an index that others are nested in go."""
    where = None if index.action is None else index.images(parts[index.action.name])
    if where is None:
        raise ValueError(f"the values of {index.name!r} are not permuted, so that nothing can be nested within it")
    return where


def frozen(parts: Mapping[str, Part]) -> Mapping[str, Part]:
    """The parts, arrays made read-only, in a read-only mapping."""
    for part in parts.values():
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    return MappingProxyType(dict(parts))


def identity(space: WeightSpace) -> GroupElement:
    """The element that moves nothing."""
    return element(space, {})


def element(space: WeightSpace, parts: Mapping[str, Any]) -> GroupElement:
    """The group element with the given parts; whatever is not named stays still.

    The part of a set of size n is a permutation of 0…n-1, where each goes. The part of a nested set is an array with
    one such row for each element of its parents, shape `(*parents, n)`. The part of a group that acts on representation
    indices is given by the group's name: of a finite group the number of an element, 0 the identity, of a compact one
    the orthogonal matrix by which it moves coordinates. Raises `SpecificationError` for anything else.

    >>> space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 2, "within": "head"}})
    >>> g = element(space, {"dk": [[1, 0], [0, 1]]})
    >>> g.act({"w": np.array([1, 2, 3, 4])})["w"].tolist()
    [2, 1, 3, 4]
    """
    known = acting(space)
    for name in parts:
        if name not in known:
            action = space.index(name).action
            kind = "free, it has no symmetry" if action is None else f"acted on by {action.name}: give the part of that"
            raise SpecificationError(f"{name!r} is {kind}")
    whole = {
        name: action.read(parts[name], copies) if name in parts else action.identity(copies)
        for name, (action, copies) in known.items()
    }
    return GroupElement(space, frozen(whole))


def random_element(
    space: WeightSpace, rng: np.random.Generator | int | None = None, *, positional: bool = False
) -> GroupElement:
    """A uniformly random element; positional indices move only if asked to.

    `rng` is a numpy generator, or the seed of one.
    """
    rng = np.random.default_rng(rng)
    moving = movers(space, positional=positional)
    return element(space, {name: action.sample(copies, rng) for name, (action, copies) in moving.items()})


def generators(space: WeightSpace, *, positional: bool = False) -> Iterator[GroupElement]:
    """Elements that generate the group: for each set a transposition and a cycle, for other groups their generators.

    For a nested set they act within the first element of its parents: the parents' permutations carry them to
    the others.
    """
    for name, (action, copies) in movers(space, positional=positional).items():
        yield from (element(space, {name: part}) for part in action.generators(copies))


def simple_elements(space: WeightSpace, *, positional: bool = False, only: str | None = None) -> Iterator[GroupElement]:
    """The simplest elements beside the identity, group by group (or only one): of a set, every exchange of two."""
    for name, (action, copies) in movers(space, positional=positional).items():
        if only in (None, name):
            for number in range(action.simple_count(copies)):
                yield element(space, {name: action.simple(copies, number)})


def group_order(space: WeightSpace, *, positional: bool = False) -> int:
    """The number of elements: a factorial for each set, for a nested one its power to the number of parents.

    Times the orders of the other finite groups; those that are not finite are left aside.
    """
    orders = [action.order(copies) for action, copies in movers(space, positional=positional).values()]
    return math.prod(order for order in orders if order is not None)
