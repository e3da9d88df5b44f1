"""Rearrangements of some positions of an index and not of others, and for one value of another index.

What a function might not notice although it notices every whole axis: one pair of free values exchanged, a set permuted
in some tensors apart from the others, the units of one head, the sign or the scale of one neuron.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from layergen.preservation.moves import Move
from symmetry import Index, WeightSpace
from symmetry.kinds.index import Invariant
from symmetry.space.layout import Piece, take_apart

__all__ = ["Rescaling", "rearrangements", "rescalings"]

EACH = 48
"""The most rearrangements of a kind for each index: two of n values can be exchanged in n (n - 1) / 2 ways."""

Gather = NDArray[np.intp]
Place = tuple[str, int, int]
"""An index position: the tensor, the number of its piece, and the place in the piece."""


@dataclass(frozen=True, slots=True)
class Rescaling:
    """Entries multiplied: for each tensor that it touches its factors; `text` says what it is."""

    text: str
    factors: Mapping[str, NDArray[np.float64]] = field(repr=False)

    @property
    def origins(self) -> Mapping[str, NDArray[np.float64]]:
        """What it touches."""
        return self.factors

    def act(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features with their entries multiplied."""
        return {
            name: value * torch.from_numpy(self.factors[name])[..., None].to(value) if name in self.factors else value
            for name, value in features.items()
        }


def rearrangements(space: WeightSpace) -> Iterator[Move]:
    """Permutations outside the group, each once; a move of a set has its name."""
    seen = set()
    for kind in (free_values, parted_sets, slices):
        for move in kind(space):
            key = tuple((name, gather.tobytes()) for name, (_, gather) in sorted(move.origins.items()))
            if move.origins and key not in seen:
                seen.add(key)
                yield move


def rescalings(space: WeightSpace) -> Iterator[Rescaling]:
    """The sign and the scale of the first element of each set, with a charge for each position where the set stands.

    All positions are scaled, or some alone, or some by a number and the others by its inverse: so the weights into a
    neuron and those out of it may be scaled.
    """
    for index in space.indices:
        if not index.joined or index.size == 1 or index.invariant(1) is not Invariant.ENTRY:
            continue
        places, halves = places_of(space, index), list(parts(places_of(space, index)))
        rests = [[place for place in places if place not in some] for some in halves]
        for some in (places, *halves, *rests):
            where = f" in {listed(some)} alone" if some is not places else ""
            for text, factor in (("flipping the sign of", -1.0), ("doubling", 2.0)):
                said = f"{text} an element of {index.name!r}{where}"
                yield Rescaling(said, factors(space, dict.fromkeys(some, factor)))
        for some, rest in zip(halves, rests, strict=True):
            said = f"doubling an element of {index.name!r} in {listed(some)} and halving it in {listed(rest)}"
            yield Rescaling(said, factors(space, dict.fromkeys(some, 2.0) | dict.fromkeys(rest, 0.5)))


def free_values(space: WeightSpace) -> Iterator[Move]:
    """Values of a free index: two exchanged, three or all in a cycle, or reversed; of two indices of one size alike."""
    groups = {index.name: places_of(space, index) for index in space.indices if index.free and index.size > 1}
    for tensor in space:
        for piece in tensor.pieces:
            for place, position in enumerate(piece.positions):
                if position.index.free and not position.index.name and position.index.size > 1:
                    where = f"an axis of {position.index.size} (position {place}) of {tensor.name!r}"
                    groups[where] = [(tensor.name, piece.number, place)]
    sizes = {name: size_at(space, places[0]) for name, places in groups.items()}
    for name, places in groups.items():
        said = f"the free index {name!r}" if name in space.sizes else name
        for text, permutation in islice(permutations_of(sizes[name]), EACH):
            yield moved(space, f"{text} of {said}", dict.fromkeys(places, permutation))
    for first, second in islice(combinations(groups, 2), EACH):
        if sizes[first] == sizes[second]:
            for text, permutation in permutations_of(sizes[first], pairs=1):
                both = dict.fromkeys((*groups[first], *groups[second]), permutation)
                yield moved(space, f"{text} of {first} and alike of {second}", both)


def parted_sets(space: WeightSpace) -> Iterator[Move]:
    """A set permuted in some of its positions and not in the others, by an odd permutation and by an even one."""
    for index in space.indices:
        if index.joined and index.size > 1:
            for some in parts(places_of(space, index)):
                for text, permutation in permutations_of(index.size, pairs=1):
                    said = f"{text} of {index.name!r} in {listed(some)} alone"
                    yield replace(moved(space, said, dict.fromkeys(some, permutation)), index=index.name)


def slices(space: WeightSpace) -> Iterator[Move]:
    """Two values of one index exchanged for one value of another only: units shared by heads, and permuted apart."""
    for first, second in ((one, other) for one in space.indices for other in space.indices if one != other):
        if min(first.size, second.size) == 1 or not (first.joined or first.free) or second.acting or first.acting:
            continue
        chosen = {place: beside(space, place, second) for place in places_of(space, first)}
        if all(len(others) == 1 for others in chosen.values()):
            text = f"exchanging two values of {first.name!r} for one of {second.name!r}"
            origins = {
                name: (name, sliced(space, name, {p: others[0] for p, others in chosen.items() if p[0] == name}))
                for name in dict.fromkeys(name for name, *_ in chosen)
            }
            yield Move(text, origins, first.name if first.joined else "")


def permutations_of(size: int, pairs: int | None = None) -> Iterator[tuple[str, Gather]]:
    """Permutations with what they do: exchanges of two values, then an even one, a cycle and the reverse order."""
    for first, second in islice(combinations(range(size), 2), pairs):
        gather = np.arange(size)
        gather[[first, second]] = second, first
        yield f"exchanging values {first} and {second}", gather
    if size > 2:
        yield "a cycle of three values", np.r_[1, 2, 0, np.arange(3, size)]
    if size > 3:
        yield "a cycle of all values", np.roll(np.arange(size), 1)
        yield "the reverse order", np.arange(size)[::-1]


def places_of(space: WeightSpace, index: Index) -> list[Place]:
    """The positions where an index stands."""
    return [
        (tensor.name, piece.number, place)
        for tensor in space
        for piece in tensor.pieces
        for place, position in enumerate(piece.positions)
        if position.index.name == index.name
    ]


def parts(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Some of the positions and not all: one of each two halves that make up the whole, small ones first."""
    halves = (
        list(some)
        for count in range(1, len(places) // 2 + 1)
        for some in combinations(places, count)
        if 2 * count < len(places) or places[0] in some
    )
    return islice(halves, EACH)


def listed(places: Sequence[Place]) -> str:
    """Positions in words."""
    return ", ".join(
        f"{name!r} (position {place}{f' of piece {piece}' if piece else ''})" for name, piece, place in places
    )


def piece_at(space: WeightSpace, place: Place) -> Piece:
    """The piece in which a position is."""
    return next(piece for piece in space[place[0]].pieces if piece.number == place[1])


def size_at(space: WeightSpace, place: Place) -> int:
    """The size of the index at a position."""
    return piece_at(space, place).positions[place[2]].index.size


def beside(space: WeightSpace, place: Place, index: Index) -> list[int]:
    """Where an index stands in the piece of a position, unless the position is nested in it."""
    positions = piece_at(space, place).positions
    above, parent = set[int](), positions[place[2]].parent
    while parent is not None:
        above.add(parent)
        parent = positions[parent].parent
    found = [number for number, position in enumerate(positions) if position.index.name == index.name]
    return [] if above & set(found) else found


def moved(space: WeightSpace, text: str, which: Mapping[Place, Gather]) -> Move:
    """The entries taken along some positions by permutations."""
    origins = {}
    for name in dict.fromkeys(name for name, *_ in which):
        found = entries_of(space, name)
        for piece, entries in take_apart(space[name].layout, entries_of(space, name)):
            rearranged = entries
            for (tensor, number, place), permutation in which.items():
                if (tensor, number) == (name, piece.number):
                    rearranged = np.take(rearranged, permutation, axis=place)
            found.ravel()[entries.ravel()] = rearranged.ravel()
        origins[name] = name, found.ravel()
    return Move(text, origins)


def sliced(space: WeightSpace, name: str, which: Mapping[Place, int]) -> Gather:
    """Entries 0 and 1 along each position exchanged, where the position beside it is 0."""
    found = entries_of(space, name)
    for piece, entries in take_apart(space[name].layout, entries_of(space, name)):
        rearranged = entries.copy()
        for (_, number, place), other in which.items():
            if number == piece.number:
                along = np.moveaxis(rearranged, (other, place), (0, 1))
                along[0, [0, 1]] = along[0, [1, 0]]
        found.ravel()[entries.ravel()] = rearranged.ravel()
    return found.ravel()


def factors(space: WeightSpace, which: Mapping[Place, float]) -> dict[str, NDArray[np.float64]]:
    """For each tensor the factors of its entries: element 0 at each position multiplies by the number given there."""
    found = {}
    for name in dict.fromkeys(name for name, *_ in which):
        whole = np.ones(space[name].shape)
        for piece, entries in take_apart(space[name].layout, entries_of(space, name)):
            values = np.ones(entries.shape)
            for (tensor, number, place), factor in which.items():
                if (tensor, number) == (name, piece.number):
                    np.moveaxis(values, place, 0)[0] *= factor
            whole.ravel()[entries.ravel()] = values.ravel()
        found[name] = whole
    return found


def entries_of(space: WeightSpace, name: str) -> Gather:
    """The numbers of a tensor's entries, row-major."""
    shape = space[name].shape
    return np.arange(math.prod(shape)).reshape(shape)
