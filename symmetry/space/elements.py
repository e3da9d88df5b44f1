"""Group elements: a permutation for each set, for a nested set one for each element of its parents.

Where there are representation indices, an element also has a part for each group that acts on them.

An element moves the entry at index `i` to index `g·i`. A nested set's part has one row for each element of the
parent: `part[h, u]` is where the unit `u` of head `h` goes within the head that `h` goes to; together with the
parent's part that is an element of the wreath product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.groups import Element, find_group
from symmetry.kinds.indices import PositionalIndex, RepresentationIndex
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Piece, take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["GroupElement", "element", "generators", "group_order", "identity", "random_element"]

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class GroupElement:
    """An element of a weight space's symmetry group, acting on its tensors.

    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 1})
    >>> g = element(space, {"h": [1, 2, 0]})                       # 0 goes to 1, 1 to 2, 2 to 0
    >>> g.act({"b": np.array([10, 20, 30])})["b"].tolist()
    [30, 10, 20]
    >>> g @ g.inverse() == identity(space)
    True
    """

    space: WeightSpace
    parts: Mapping[str, Indices]
    turns: Mapping[str, Element] = field(default_factory=dict)
    """For each group that acts on representation indices its element, as escnn has it."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupElement) or self.space != other.space:
            return NotImplemented if not isinstance(other, GroupElement) else False
        same = all(np.array_equal(part, other.parts[name]) for name, part in self.parts.items())
        return same and all(turn == other.turns[group] for group, turn in self.turns.items())

    def __hash__(self) -> int:
        return hash(tuple((name, part.tobytes()) for name, part in self.parts.items()))

    def __repr__(self) -> str:
        return f"element(space, {self.described})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython and hypothesis print, which go through a dataclass field by field otherwise."""
        printer.text(repr(self))

    @property
    def moved(self) -> tuple[str, ...]:
        """The sets, and groups that act on representation indices, of which the element is not the identity."""
        still = {name: np.broadcast_to(np.arange(part.shape[-1]), part.shape) for name, part in self.parts.items()}
        sets = tuple(name for name, part in self.parts.items() if not np.array_equal(part, still[name]))
        return sets + tuple(group for group, turn in self.turns.items() if turn != find_group(group).provider.identity)

    @property
    def described(self) -> dict[str, Any]:
        """What the element moves in plain values, as `element` takes it."""
        return {
            name: self.parts[name].tolist() if name in self.parts else find_group(name).described(self.turns[name])
            for name in self.moved
        }

    def images(self, name: str) -> tuple[Indices, ...]:
        """Where each element of a set goes: one array of coordinates for each parent and for the set itself."""
        chain = lineage(self.space, name)
        grid = np.indices(self.parts[name].shape)
        return tuple(self.parts[ancestor][tuple(grid[: depth + 1])] for depth, ancestor in enumerate(chain))

    def inverse(self) -> GroupElement:
        """The element that undoes this one."""
        parts = {}
        for name, part in self.parts.items():
            parts[name] = np.empty_like(part)
            parts[name][self.images(name)] = np.broadcast_to(np.arange(part.shape[-1]), part.shape)
        return GroupElement(self.space, frozen(parts), {group: ~turn for group, turn in self.turns.items()})

    def __matmul__(self, other: GroupElement) -> GroupElement:
        """First `other`, then this element."""
        if self.space != other.space:
            raise SpecificationError("elements of two different weight spaces cannot be composed")
        parts = frozen({name: part[other.images(name)] for name, part in self.parts.items()})
        return GroupElement(self.space, parts, {group: turn @ other.turns[group] for group, turn in self.turns.items()})

    def on(self, space: WeightSpace) -> GroupElement:
        """The same permutations acting on another weight space that shares sets; its own sets stay still."""
        shared = {name: part for name, part in self.parts.items() if name in {index.name for index in space.indices}}
        return element(space, shared | {group: turn for group, turn in self.turns.items() if group in space.groups})

    def tensor_index(self, name: str) -> Indices:
        """Flat gather index of a tensor: entry `k` of the moved tensor is entry `tensor_index[k]` of the old one.

        Of the permutations only; representation indices stay still.
        """
        tensor = self.space[name]
        flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
        moved = np.empty(flat.size, dtype=np.intp)
        for piece, places in take_apart(tensor.layout, flat):
            moved[places[self.piece_index(piece)].ravel()] = places.ravel()
        return moved

    def piece_index(self, piece: Piece) -> tuple[Indices, ...]:
        """For each position of a piece, where its coordinate goes, over the grid of all index values."""
        grid = np.indices(piece.shape)
        found = []
        for place, position in enumerate(piece.positions):
            chain, above = [place], position.parent
            while above is not None:
                chain.insert(0, above)
                above = piece.positions[above].parent
            moved = position.index.permuted
            found.append(self.parts[position.index.name][tuple(grid[p] for p in chain)] if moved else grid[place])
        return tuple(found)

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
        index = self.tensor_index(name)
        if not channels:
            moved = array.reshape(-1)[index].reshape(array.shape)
        else:
            moved = array.reshape(array.shape[0], index.size, array.shape[-1])[:, index].reshape(array.shape)
        return self.turned(name, moved, lead=int(channels)) if self.turns else moved

    def turned(self, name: str, array: Any, lead: int) -> Any:
        """An array with the groups' matrices applied along the representation indices of a tensor, in place.

        Whole numbers become floating-point ones.
        """
        array = array if is_floating(array) else array.astype(float) if isinstance(array, np.ndarray) else array.float()
        for piece, part in take_apart(self.space[name].layout, array, lead):
            for place, position in enumerate(piece.positions):
                if isinstance(position.index, RepresentationIndex):
                    matrix: Any = position.index.acting.matrix(self.turns[position.index.group]).T
                    matrix = matrix if isinstance(part, np.ndarray) else part.new_tensor(matrix)
                    along = part.swapaxes(place + lead, -1)
                    along[...] = along @ matrix
        return array


def is_floating(array: Any) -> bool:
    """Whether the entries of an array, of numpy or torch, are real or complex numbers."""
    if isinstance(array, np.ndarray):
        return bool(np.issubdtype(array.dtype, np.inexact))
    return bool(array.is_floating_point() or array.is_complex())


def frozen(parts: Mapping[str, Indices]) -> dict[str, Indices]:
    """The arrays, made read-only."""
    for part in parts.values():
        part.flags.writeable = False
    return dict(parts)


def lineage(space: WeightSpace, name: str) -> list[str]:
    """A set with its parents, outermost first."""
    chain = [name]
    while (parent := space.index(chain[0]).parent) is not None:
        chain.insert(0, parent)
    return chain


def identity(space: WeightSpace) -> GroupElement:
    """The element that moves nothing."""
    return element(space, {})


def element(space: WeightSpace, parts: Mapping[str, Any]) -> GroupElement:
    """The element with the given permutations, and elements of other groups; what is not given stays still.

    A permutation has the shape `(*sizes of parents, size)`. An element of a finite group is given by its number (0 is
    the identity), one of a compact group by the matrix by which it moves coordinates. Raises `SpecificationError` for
    what is no permutation, and no such element.
    """
    turns = {group: find_group(group).described_by(parts.get(group, 0)) for group in space.groups}
    for name in parts:
        if name not in turns and not space.index(name).permuted:
            kind = "free: nothing permutes it" if space.index(name).free else "moved by a group: give that"
            raise SpecificationError(f"{name!r} is {kind}")
    whole = {}
    for index in (index for index in space.indices if index.permuted):
        sizes = tuple(space.index(name).size for name in lineage(space, index.name))
        part = np.asarray(parts.get(index.name, np.broadcast_to(np.arange(index.size), sizes)))
        if part.shape != sizes or not np.array_equal(
            np.sort(part, axis=-1), np.broadcast_to(np.arange(index.size), sizes)
        ):
            raise SpecificationError(
                f"the part for {index.name!r} is not a permutation",
                remedy=f"give an array of shape {sizes} whose rows are permutations of 0…{index.size - 1}",
            )
        whole[index.name] = part.astype(np.intp)
    return GroupElement(space, frozen(whole), turns)


def random_element(
    space: WeightSpace, rng: np.random.Generator | int | None = None, *, positional: bool = False
) -> GroupElement:
    """A uniformly random element; positional indices move only if asked to.

    `rng` is a numpy generator, or the seed of one.
    """
    rng = np.random.default_rng(rng)
    parts: dict[str, Any] = {}
    for index in (index for index in space.indices if index.permuted):
        if positional or not isinstance(index, PositionalIndex):
            sizes = tuple(space.index(name).size for name in lineage(space, index.name))
            parts[index.name] = rng.permuted(np.broadcast_to(np.arange(index.size), sizes), axis=-1)
    return element(space, parts | {group: find_group(group).sample(rng) for group in space.groups})


def generators(space: WeightSpace, *, positional: bool = False) -> Iterator[GroupElement]:
    """Elements that generate the group: for each set a transposition and a cycle, for other groups their generators.

    For a nested set they act within the first element of its parents: the parents' permutations carry them to
    the others.
    """
    for index in (index for index in space.indices if index.permuted):
        if index.size < 2 or (isinstance(index, PositionalIndex) and not positional):
            continue
        still = np.arange(index.size)
        moves = [np.r_[1, 0, still[2:]]] + ([np.roll(still, -1)] if index.size > 2 else [])
        for move in moves:
            sizes = tuple(space.index(name).size for name in lineage(space, index.name))
            part = np.broadcast_to(still, sizes).copy()
            part[(0,) * (len(sizes) - 1)] = move
            yield element(space, {index.name: part})
    for group in space.groups:
        yield from (element(space, {group: turn}) for turn in find_group(group).generators)


def group_order(space: WeightSpace, *, positional: bool = False) -> int:
    """The number of elements: a factorial for each set, for a nested one its power to the number of parents.

    Times the orders of the finite groups that act on representation indices; compact groups are left aside.
    """
    order = 1
    for index in (index for index in space.indices if index.permuted):
        if positional or not isinstance(index, PositionalIndex):
            copies = math.prod(space.index(name).size for name in lineage(space, index.name)[:-1])
            order *= math.factorial(index.size) ** copies
    finite = [group for group in map(find_group, space.groups) if group.finite]
    return order * math.prod(len(group.elements) for group in finite)
