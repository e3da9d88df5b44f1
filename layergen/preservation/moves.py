"""Rearrangements of a weight space's entries that its declaration does not allow, each with a name.

A layer that does not notice one of them treats different things as the same: a free axis as a set, a shared set as
two, two tensors as one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from symmetry import Index, WeightSpace, element
from symmetry.language.axes import Expression, Sum, print_axes, substitute
from symmetry.space.group import movers
from symmetry.space.layout import Position, expression_size, take_apart
from symmetry.space.weight_space import Tensor as Declared

__all__ = ["Move", "larger", "moves", "set_moves"]

Gather = NDArray[np.intp]
"""Entry `k` of a moved tensor is entry `gather[k]` of the tensor named beside it."""


@dataclass(frozen=True, slots=True)
class Move:
    """A rearrangement: for each tensor that it touches where its entries come from; `text` says what it is.

    A move of one index wherever it is has its name.
    """

    text: str
    origins: Mapping[str, tuple[str, Gather]]
    index: str = ""

    def act(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features with their entries moved; tensors that are not touched stay."""
        moved = dict(features)
        for name, (origin, gather) in self.origins.items():
            if name in features and origin in features:
                value, index = features[origin], torch.from_numpy(gather)
                rows = value.reshape(value.shape[0], -1, value.shape[-1])
                moved[name] = rows[:, index].reshape(features[name].shape)
        return moved


def moves(space: WeightSpace) -> Iterator[Move]:
    """Every kind of move outside the group: free indices, axes one by one, uncoupled sets, exchanges, un-nesting."""
    kinds = (*DECLARABLE, exchanged_tensors, exchanged_terms)
    yield from (move for kind in kinds for move in kind(space) if not in_group(space, move))


def larger(space: WeightSpace, *, positional: bool = False) -> Iterator[Move]:
    """The moves that would make a specification larger: a free index as a set, a set uncoupled, nested or not.

    With `positional` also a positional index as a set.
    """
    kinds = (*DECLARABLE, nested_sets, *([positional_indices] if positional else []))
    return (move for kind in kinds for move in kind(space) if not in_group(space, move, positional=not positional))


def set_moves(space: WeightSpace) -> Iterator[Move]:
    """Each set permuted wherever it is: moves of the group."""
    for index in space.indices:
        if index.joined and index.size > 1:
            chosen = [one for one in positions_of(space) if one[3].index.name == index.name]
            yield Move(f"permuting {index.name!r}", moved_together(space, chosen), index.name)


def shuffle(size: int) -> Gather:
    """A permutation that moves every element: the first two exchanged, the others in a cycle."""
    return np.r_[1, 0, np.roll(np.arange(2, size), 1)] if size > 3 else np.roll(np.arange(size), 1)


def gathers(space: WeightSpace, name: str, which: Mapping[tuple[int, int], Gather]) -> Gather:
    """The gather of a tensor in which positions `(piece, place)` are permuted, and nothing else."""
    tensor = space[name]
    flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
    found = flat.ravel().copy()
    for piece, places in take_apart(tensor.layout, flat):
        moved = places
        for (number, place), permutation in which.items():
            if number == piece.number:
                moved = np.take(moved, permutation, axis=place)
        found[places.ravel()] = moved.ravel()
    return found


def positions_of(space: WeightSpace) -> Iterator[tuple[str, int, int, Position]]:
    """Every index position: tensor, piece, place, position."""
    for tensor in space:
        for piece in tensor.pieces:
            for place, position in enumerate(piece.positions):
                yield tensor.name, piece.number, place, position


def moved_together(space: WeightSpace, chosen: list[tuple[str, int, int, Position]]) -> dict[str, tuple[str, Gather]]:
    """All the chosen positions permuted alike."""
    by_tensor: dict[str, dict[tuple[int, int], Gather]] = {}
    for name, piece, place, position in chosen:
        by_tensor.setdefault(name, {})[piece, place] = shuffle(position.index.size)
    return {name: (name, gathers(space, name, which)) for name, which in by_tensor.items()}


def free_indices(space: WeightSpace) -> Iterator[Move]:
    """Each index on which no group acts permuted wherever it is: the free axis that is treated as a set."""
    return permuted_wherever(space, [index for index in space.indices if index.action is None])


def positional_indices(space: WeightSpace) -> Iterator[Move]:
    """Each positional index permuted wherever it is: one whose values are alike."""
    return permuted_wherever(space, [index for index in space.indices if index.embedded])


def permuted_wherever(space: WeightSpace, indices: Iterable[Index]) -> Iterator[Move]:
    """Each of some indices permuted wherever it is."""
    for index in indices:
        if index.size > 1:
            chosen = [one for one in positions_of(space) if one[3].index.name == index.name]
            yield Move(f"permuting the {index.noun} index {index.name!r}", moved_together(space, chosen))


def single_positions(space: WeightSpace) -> Iterator[Move]:
    """Each axis of each tensor permuted by itself; an index that stands in one place only is moved as such."""
    everywhere = list(positions_of(space))
    counts = Counter(position.index.name for *_, position in everywhere)
    for name, piece, place, position in everywhere:
        index = position.index
        if index.size > 1 and (not index.name or counts[index.name] > 1):
            axis = f"axis {index.name!r}" if index.name else f"an axis of {index.size}"
            which = f" of piece {piece}" if len(space[name].pieces) > 1 else ""
            text = f"permuting {axis} (position {place}{which}) of {name!r} by itself"
            yield Move(text, moved_together(space, [(name, piece, place, position)]))


def uncoupled_sets(space: WeightSpace) -> Iterator[Move]:
    """Each set of several positions permuted in one tensor alone: the shared set that is not shared."""
    for index in space.indices:
        where = [one for one in positions_of(space) if one[3].index.name == index.name]
        names = dict.fromkeys(name for name, *_ in where)
        for name in names if index.joined and len(names) > 1 and index.size > 1 else ():
            chosen = [one for one in where if one[0] == name]
            if len(chosen) > 1:
                yield Move(f"permuting {index.name!r} in {name!r} alone", moved_together(space, chosen))


def unnested_sets(space: WeightSpace) -> Iterator[Move]:
    """Each nested set with an element of one copy exchanged for one of another: the nesting that is not kept.

    Wherever the set stands, its position and its parent's are moved together.
    """
    for index in space.indices:
        sizes = space.copies(index) if index.parent is not None else ()
        if sizes and sizes[-1] > 1 and index.size > 1:
            origins = {}
            for tensor in space:
                gather = exchanged_units(space, tensor.name, index)
                if is_moved(gather):
                    origins[tensor.name] = tensor.name, gather
            text = f"exchanging an element of {index.name!r} in one {index.parent!r} for one in another"
            yield Move(text, origins)


def nested_sets(space: WeightSpace) -> Iterator[Move]:
    """Each set permuted at one value alone of an index beside which it always is: the nesting that is not declared."""
    for index, other in permutations(space.indices, 2):
        lines = [*space.lineage(index)[:-1], *space.lineage(other)[:-1]]
        if not index.joined or index.charged or min(index.size, other.size) < 2 or {index, other} & {*lines}:
            continue
        gathers = {tensor.name: permuted_beside(space, tensor.name, index, other) for tensor in space}
        found = {name: gather for name, gather in gathers.items() if gather is not None}
        if len(found) == len(gathers):
            origins = {name: (name, gather) for name, gather in found.items() if is_moved(gather)}
            yield Move(f"permuting {index.name!r} at one value of {other.name!r} alone", origins)


def is_moved(gather: Gather) -> bool:
    """Whether some entries come from other places."""
    return not np.array_equal(gather, np.arange(gather.size))


def permuted_beside(space: WeightSpace, name: str, index: Index, other: Index) -> Gather | None:
    """The gather that permutes an index at value 0 of another; None where it is without that one, or beside several."""
    tensor = space[name]
    flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
    found = flat.ravel().copy()
    for piece, places in take_apart(tensor.layout, flat):
        beside = [place for place, position in enumerate(piece.positions) if position.index.name == other.name]
        own = [place for place, position in enumerate(piece.positions) if position.index.name == index.name]
        if own and len(beside) != 1:
            return None
        moved = places.copy()
        for place in own:
            first = tuple(0 if axis == beside[0] else slice(None) for axis in range(places.ndim))
            moved[first] = np.take(moved[first], shuffle(index.size), axis=place - (beside[0] < place))
        found[places.ravel()] = moved.ravel()
    return found


def exchanged_units(space: WeightSpace, name: str, index: Index) -> Gather:
    """The gather that exchanges unit 0 of parent 0 for unit 0 of parent 1."""
    tensor = space[name]
    flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
    found = flat.ravel().copy()
    for piece, places in take_apart(tensor.layout, flat):
        moved = places.copy()
        for place, position in enumerate(piece.positions):
            if position.index.name == index.name and position.parent is not None:
                first, second = ([slice(None)] * places.ndim for _ in range(2))
                first[place] = second[place] = 0  # type: ignore[call-overload]
                first[position.parent], second[position.parent] = 0, 1  # type: ignore[call-overload]
                moved[tuple(first)], moved[tuple(second)] = moved[tuple(second)].copy(), moved[tuple(first)].copy()
        found[places.ravel()] = moved.ravel()
    return found


def exchanged_sets(space: WeightSpace) -> Iterator[Move]:
    """Two indices of one kind and size in each other's place, where that makes the same tensors in another order."""
    for first, second in combinations(space.indices, 2):
        alike = first.size == second.size > 1 and first.parent == second.parent and type(first) is type(second)
        origins = exchanged(space, {first.name: second.name, second.name: first.name}) if alike else {}
        if origins:
            yield Move(f"exchanging {first.name!r} and {second.name!r}", origins)


def exchanged(space: WeightSpace, swap: Mapping[str, str]) -> dict[str, tuple[str, Gather]]:
    """Where each tensor's entries come from when indices are renamed; empty if some tensor has no partner.

    The partner has the renamed axes, in the same order or (for a matrix with both) transposed.
    """
    origins, left = {}, list(space)
    for tensor in space:
        renamed = tuple(
            substitute(axis, lambda atom: replace(atom, name=swap.get(atom.name, atom.name))) for axis in tensor.axes
        )
        if renamed == tensor.axes:
            continue
        partner = next((one for one in left if one.axes == renamed), None)
        if partner is None and renamed == tensor.axes[::-1] and len(renamed) == 2:
            flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
            origins[tensor.name] = tensor.name, flat.T.ravel()
            continue
        if partner is None:
            return {}
        left.remove(partner)
        origins[tensor.name] = partner.name, np.arange(math.prod(tensor.shape))
    return origins


def exchanged_tensors(space: WeightSpace) -> Iterator[Move]:
    """Two tensors of the same axes in each other's place: the tensors that are not told apart."""
    for first, second in combinations(space, 2):
        if print_axes(first.axes) == print_axes(second.axes):
            same = np.arange(math.prod(first.shape))
            origins = {first.name: (second.name, same), second.name: (first.name, same)}
            yield Move(f"exchanging {first.name!r} and {second.name!r}", origins)


def exchanged_terms(space: WeightSpace) -> Iterator[Move]:
    """Two terms of one size of an axis in each other's place wherever that axis stands: queries taken for keys."""
    for axis in dict.fromkeys(axis for tensor in space for axis in tensor.axes if isinstance(axis, Sum)):
        sizes = [expression_size(term, space.sizes) for term in axis.terms]
        parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
        for first, second in combinations(range(len(parts)), 2):
            if sizes[first] == sizes[second]:
                order = [*parts]
                order[first], order[second] = parts[second], parts[first]
                gathers = {tensor.name: taken(tensor, axis, np.concatenate(order)) for tensor in space}
                origins = {name: (name, gather) for name, gather in gathers.items() if is_moved(gather)}
                yield Move(f"exchanging the terms {first} and {second} of {print_axes([axis])}", origins)


def taken(tensor: Declared, axis: Expression, order: Gather) -> Gather:
    """The gather of a tensor whose entries along an axis are in another order, wherever that axis is."""
    flat = np.arange(math.prod(tensor.shape)).reshape(tensor.shape)
    for place in (place for place, one in enumerate(tensor.axes) if one == axis):
        flat = np.take(flat, order, axis=place)
    return flat.ravel()


def in_group(space: WeightSpace, move: Move, *, positional: bool = True) -> bool:
    """Whether a move is that of an element that permutes one index, every copy of a nested one alike.

    It may be a positional index only if so told.
    """
    for name, (action, copies) in movers(space, positional=positional).items():
        size = space.sizes.get(name, 1)
        part = action.moving(np.argsort(shuffle(size)), copies) if size > 1 else None
        if part is not None:
            g = element(space, {name: part})
            whole = {t.name: move.origins.get(t.name, (t.name, np.arange(math.prod(t.shape)))) for t in space}
            if all(origin == n and np.array_equal(gather, g.tensor_index(n)) for n, (origin, gather) in whole.items()):
                return True
    return False


DECLARABLE = (free_indices, single_positions, uncoupled_sets, unnested_sets, exchanged_sets)
"""The kinds of moves of whole indices; parts of an index at one value of another are moved value by value elsewhere."""
