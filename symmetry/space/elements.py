"""Elements of a weight space's group, and how they act on its tensors.

An element has one part for each group that acts on an index, or on several indices together, and moves the entry at
index `i` to index `g·i`. The part of a nested set has a row for each element of the parent: `part[h, u]` is where unit
`u` of head `h` goes within the head that `h` goes to. With the parent's part it is an element of the wreath product.
Groups that do more than permute multiply the entries along the axes first; then the entries are moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.action import Part
from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.space.group import acted_on, acting, actions, movers
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
    """An element of a weight space's symmetry group, acting on its tensors; `element` and `random_element` make them.

    `g @ h` is the element that acts by `h` first and then by `g`.

    Parameters
    ----------
    space
        The weight space.
    parts
        For each group, by the name of its index, or of the group where several indices share it, an element of the
        group, read-only. Of a set: a permutation, axes `(*parents, value)`.

    Examples
    --------
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
        """A pickle holds plain values: the read-only mapping, and elements of escnn's groups, cannot be pickled."""
        return element, (self.space, self.described)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The representation for IPython and hypothesis, which would print a dataclass field by field."""
        printer.text(repr(self))

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of the parts that are not the identity."""
        return tuple(
            name
            for name, (action, copies) in acting(self.space).items()
            if not action.equal(self.parts[name], action.identity(copies))
        )

    @property
    def described(self) -> dict[str, Any]:
        """Plain values for the parts that are not the identity, by name; `element` takes them."""
        acting = actions(self.space)
        return {name: acting[name].described(self.parts[name]) for name in self.moved}

    @property
    def deed(self) -> str:
        """A few words on the effect of the element, for messages."""
        acting = actions(self.space)
        return " and ".join(acting[name].deed(self.parts[name]) for name in self.moved) or "moving nothing"

    def images(self, name: str) -> tuple[Indices, ...]:
        """Where the copies of a nested index go.

        Parameters
        ----------
        name
            Name of an index.

        Returns
        -------
        tuple[Indices, ...]
            For each set that the index is nested in, outermost first, the images of its elements, axes `(*parents)`.
        """
        ancestors = self.space.lineage(self.space.index(name))[:-1]
        grid = np.indices([ancestor.size for ancestor in ancestors])
        return tuple(
            image_of(ancestor, self.parts)[tuple(grid[: depth + 1])] for depth, ancestor in enumerate(ancestors)
        )

    def inverse(self) -> GroupElement:
        """The element that undoes this one.

        Returns
        -------
        GroupElement
            The inverse, of the same space.
        """
        parts = {}
        for name, (action, copies) in acting(self.space).items():
            parts[name] = action.inverse(self.parts[name])
            if copies:
                undone, parts[name] = parts[name], np.empty_like(parts[name])
                parts[name][self.images(name)] = undone
        return GroupElement(self.space, frozen(parts))

    def __matmul__(self, other: GroupElement) -> GroupElement:
        """The product: first `other` acts, then this element. Raises `SpecificationError` for different spaces."""
        if self.space != other.space:
            raise SpecificationError("elements of two different weight spaces cannot be composed")
        parts = {}
        for name, (action, copies) in acting(self.space).items():
            after = self.parts[name][other.images(name)] if copies else self.parts[name]
            parts[name] = action.compose(after, other.parts[name])
        return GroupElement(self.space, frozen(parts))

    def on(self, space: WeightSpace) -> GroupElement:
        """The same element, acting on another weight space that shares indices.

        Parameters
        ----------
        space
            A weight space. Indices that only this space has stay still.

        Returns
        -------
        GroupElement
            An element of that space's group.

        Raises
        ------
        SpecificationError
            If an index that both spaces have is of another size there.
        """
        return element(space, {name: part for name, part in self.parts.items() if name in actions(space)})

    def tensor_index(self, name: str) -> Indices:
        """The index by which a flattened tensor is gathered when it is moved: `moved = flat[tensor_index]`.

        It holds the permutations only, not the factors and matrices by which other groups multiply entries.

        Parameters
        ----------
        name
            Name of a tensor.

        Returns
        -------
        Indices
            One flat position, row-major, for each entry.

        Raises
        ------
        SpecificationError
            If the space has no tensor of that name.
        """
        tensor = self.space[name]
        flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
        moved = np.empty(flat.size, dtype=np.intp)
        for piece, places in take_apart(tensor.layout, flat):
            moved[places[images_on(piece, self.parts)].ravel()] = places.ravel()
        return moved

    def act(self, arrays: Mapping[str, Any], *, channels: bool = False) -> dict[str, Any]:
        """The tensors after the element has acted on them.

        Parameters
        ----------
        arrays
            Some of the space's tensors by name: numpy arrays or torch tensors, of shape `(*axes)`.
        channels
            Whether they are features instead, of shape `(batch, *axes, channels)`.

        Returns
        -------
        dict[str, Any]
            New arrays by name, of the same types and shapes. Integers become floating-point numbers where a group
            multiplies entries.

        Raises
        ------
        SpecificationError
            For a name or a shape that is not the weight space's.

        Examples
        --------
        >>> space = WeightSpace({"w": "h x"}, sets={"h": 2}, free={"x": 3})
        >>> g = element(space, {"h": [1, 0]})
        >>> g.act({"w": np.array([[1, 2, 3], [4, 5, 6]])})["w"].tolist()
        [[4, 5, 6], [1, 2, 3]]
        >>> g.act({"w": np.zeros((16, 2, 3, 8))}, channels=True)["w"].shape
        (16, 2, 3, 8)
        """
        return {name: self._act(name, array, channels) for name, array in arrays.items()}

    def _act(self, name: str, array: Any, channels: bool) -> Any:
        """One tensor, or its features, after the element has acted on it."""
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
    """Where the values of a parent index go. Raises `ValueError` for an index that a group moves otherwise."""
    if index.action is None:
        return np.arange(index.size)
    where = index.images(parts[index.action.name])
    if where is None:
        raise ValueError(f"the values of {index.name!r} are not permuted, so that nothing can be nested within it")
    return where


def frozen(parts: Mapping[str, Part]) -> Mapping[str, Part]:
    """The parts in a read-only mapping, their arrays made read-only."""
    for part in parts.values():
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    return MappingProxyType(dict(parts))


def identity(space: WeightSpace) -> GroupElement:
    """The element that moves nothing.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    GroupElement
        The identity of its group.

    Examples
    --------
    >>> identity(WeightSpace({"b": "h"}, sets={"h": 3})).parts["h"].tolist()
    [0, 1, 2]
    """
    return element(space, {})


def element(space: WeightSpace, parts: Mapping[str, Any]) -> GroupElement:
    """The group element with the given parts.

    Parameters
    ----------
    space
        A weight space.
    parts
        Parts by name; a group that is left out does not move its indices. The part of a set of size n is a permutation
        of 0…n-1: where each element goes. The part of a nested set has one row for each element of its parents, shape
        `(*parents, n)`. The part of a group that acts on representation indices stands under the group's name: for a
        finite group the number of an element, 0 the identity, for a compact one its orthogonal matrix on coordinates.

    Returns
    -------
    GroupElement
        The element.

    Raises
    ------
    SpecificationError
        For a name on which no group acts, and for a value that is no element of the group.

    Examples
    --------
    >>> space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 2, "within": "head"}})
    >>> g = element(space, {"dk": [[1, 0], [0, 1]]})
    >>> g.act({"w": np.array([1, 2, 3, 4])})["w"].tolist()
    [2, 1, 3, 4]
    """
    known = acting(space)
    for name in parts:
        if name not in known:
            action = space.index(name).action
            kind = (
                f"{space.index(name).noun}, it has no symmetry"
                if action is None
                else f"acted on by {action.name}: give the part of that"
            )
            raise SpecificationError(f"{name!r} is {kind}")
    whole = {
        name: action.read(parts[name], copies) if name in parts else action.identity(copies)
        for name, (action, copies) in known.items()
    }
    return GroupElement(space, frozen(whole))


def random_element(
    space: WeightSpace, rng: np.random.Generator | int | None = None, *, positional: bool = False
) -> GroupElement:
    """A random element, uniform over the group.

    Parameters
    ----------
    space
        A weight space.
    rng
        A numpy generator, or the seed of one.
    positional
        Whether positional indices move too.

    Returns
    -------
    GroupElement
        The element.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 100})
    >>> g, h = random_element(space, 0), random_element(space, 1)
    >>> (g @ h).act({"b": np.arange(100)})["b"].tolist() == g.act(h.act({"b": np.arange(100)}))["b"].tolist()
    True
    """
    rng = np.random.default_rng(rng)
    moving = movers(space, positional=positional)
    return element(space, {name: action.sample(copies, rng) for name, (action, copies) in moving.items()})


def generators(space: WeightSpace, *, positional: bool = False) -> Iterator[GroupElement]:
    """Generators of the group: of each set a transposition and a cycle, of every other group its own generators.

    The generators of a nested set act within the first element of its parents; the parents' permutations carry them to
    the other elements.

    Parameters
    ----------
    space
        A weight space.
    positional
        Whether positional indices move too.

    Yields
    ------
    GroupElement
        A generator; of a compact group, generators of a dense subgroup.

    Examples
    --------
    >>> [g.parts["h"].tolist() for g in generators(WeightSpace({"b": "h"}, sets={"h": 3}))]
    [[1, 0, 2], [1, 2, 0]]
    """
    for name, (action, copies) in movers(space, positional=positional).items():
        for part in action.generators(copies):
            yield from (element(space, {name: one}) for one in in_still_copies(space, name, part))


def in_still_copies(space: WeightSpace, name: str, part: Part) -> Iterator[Part]:
    """A part that acts within the first copy of a nested index, and its likes where no group moves the copies."""
    above = space.lineage(acted_on(space)[name][0])[:-1]
    still = [depth for depth, ancestor in enumerate(above) if ancestor.action is None]
    for copy in product(*(range(above[depth].size) for depth in still)):
        yield np.roll(part, copy, still) if still else part


def simple_elements(space: WeightSpace, *, positional: bool = False, only: str | None = None) -> Iterator[GroupElement]:
    """The simplest elements, group by group; of a set, every exchange of two elements.

    Parameters
    ----------
    space
        A weight space.
    positional
        Whether positional indices move too.
    only
        The name of one group, to leave out the others.

    Yields
    ------
    GroupElement
        An element that is not the identity.
    """
    for name, (action, copies) in movers(space, positional=positional).items():
        if only in (None, name):
            for number in range(action.simple_count(copies)):
                yield element(space, {name: action.simple(copies, number)})


def group_order(space: WeightSpace, *, positional: bool = False) -> int:
    """The number of elements of the group, an exact integer.

    A set of size n counts n!, a nested set (n!)^p for p elements of its parents, another finite group its order. Groups
    that are not finite count 1.

    Parameters
    ----------
    space
        A weight space.
    positional
        Whether permutations of positional indices count too.

    Returns
    -------
    int
        The order.

    Examples
    --------
    >>> group_order(WeightSpace({"w": "(head dk)"}, sets={"head": 3, "dk": {"size": 2, "within": "head"}}))
    48
    """
    orders = [action.order(copies) for action, copies in movers(space, positional=positional).values()]
    return math.prod(order for order in orders if order is not None)
