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
from symmetry import Index, WeightSpace, element
from symmetry.kinds.index import Invariant
from symmetry.space.group import movers
from symmetry.space.layout import Piece, take_apart
from symmetry.space.moving import chain

__all__ = ["Rescaling", "rearrangements", "rescalings"]

EACH = 48
"""The most rearrangements of a kind for each index: two of n values can be exchanged in n (n - 1) / 2 ways."""

Gather = NDArray[np.intp]
Place = tuple[str, int, int]
"""An index position: the tensor, the number of its piece, and the place in the piece."""


@dataclass(frozen=True, slots=True)
class Rescaling:
    """Entries multiplied: for each tensor that it touches its factors; `text` says what it is.

    `blind` says what a function that does not change has not noticed.
    """

    text: str
    factors: Mapping[str, NDArray[np.float64]] = field(repr=False)
    blind: str = ""

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
    """The sign and the scale of the first element of each set or vector, to powers that differ between positions.

    All positions where the index stands have the exponent 1, or the declared charge, or that of the weights into a
    neuron and out of it (1 on first axes, -1 on others); or some have the exponent 1 and the others 0 or -1. What an
    element of the group does is left out; so are indices whose elements are multiplied whole by the groups of indices
    nested in them.
    """
    parents = {above.name for index in space.indices if index.charged for above in space.lineage(index)[:-1]}
    for index in space.indices:
        known = index.charged or index.invariant(1) is Invariant.ENTRY
        if not index.joined or index.size == 1 or not known or index.name in parents:
            continue
        places, seen = places_of(space, index), own_factors(space, index)
        for exponents in exponents_of(space, index, places):
            for quality, factor in (("sign", -1.0), ("scale", 2.0)):
                powers = {place: factor**exponent for place, exponent in exponents.items()}
                found = factors(space, {place: power for place, power in powers.items() if power != 1})
                if found and not any(same(found, other) for other in seen):
                    seen.append(found)
                    whole = len(exponents) == len(places) and 1 not in powers.values()
                    noun = "neuron" if index.parental else "coordinate"
                    blind = f": it does not notice the {quality} of a {noun}" if whole else ""
                    yield Rescaling(rescaling_text(index, powers, len(places)), found, blind)


def rescaling_text(index: Index, powers: Mapping[Place, float], places: int) -> str:
    """What factors at some positions of an index do, in words."""
    verbs = {-1.0: "flipping the sign of", 2.0: "doubling", 0.5: "halving"}
    said: list[str] = []
    for power in sorted(set(powers.values()) - {1.0}, reverse=True):
        where = [place for place, other in powers.items() if other == power]
        what = "it" if said else f"an element of {index.name!r}"
        verb = verbs.get(power, f"multiplying by {power:g}")
        said.append(f"{verb} {what}" + (f" in {listed(where)}" if len(where) < places else ""))
    alone = " alone" if len(said) == 1 and said[0].endswith(")") else ""
    return " and ".join(said) + alone


def exponents_of(space: WeightSpace, index: Index, places: Sequence[Place]) -> Iterator[dict[Place, int]]:
    """The exponents of an index's positions that are tried; positions that are left out have 0."""
    pieces = {place: piece_at(space, place) for place in places}
    yield dict.fromkeys(places, 1)
    yield {place: piece.positions[place[2]].charge for place, piece in pieces.items()}
    # A nested index is on the first axis where only its parents come before it.
    signs = {place: 1 if place[2] < len(chain(piece, place[2])) else -1 for place, piece in pieces.items()}
    if len(set(signs.values())) == 2:
        yield signs
    halves = list(parts(places))
    rests = [[place for place in places if place not in some] for some in halves]
    yield from (dict.fromkeys(some, 1) for some in (*halves, *rests))
    yield from (dict.fromkeys(some, 1) | dict.fromkeys(rest, -1) for some, rest in zip(halves, rests, strict=True))


def own_factors(space: WeightSpace, index: Index) -> list[dict[str, NDArray[np.float64]]]:
    """The factors by which elements of the group multiply entries over the first element of an index."""
    if index.action is None:
        return []
    action, copies = movers(space, positional=True)[index.action.name]
    simple = element(space, {action.name: action.simple(copies, 0)})
    elements = (simple, simple.inverse(), element(space, {action.name: next(iter(action.generators(copies)))}))
    ones = {tensor.name: np.ones(tensor.shape) for tensor in space}
    return [g.act(ones) for g in elements]


def same(first: Mapping[str, NDArray[np.float64]], second: Mapping[str, NDArray[np.float64]]) -> bool:
    """Whether factors are the same; those of a tensor that is left out are 1."""
    return all(np.allclose(first.get(name, 1.0), second.get(name, 1.0)) for name in {*first, *second})


def free_values(space: WeightSpace) -> Iterator[Move]:
    """Values of an index on which no group acts, a free or an ordered one.

    Two are exchanged, three or all in a cycle, or reversed; of two indices of one size alike.
    """
    still = [index for index in space.indices if index.action is None and index.size > 1]
    groups = {index.name: places_of(space, index) for index in still}
    for tensor in space:
        for piece in tensor.pieces:
            for place, position in enumerate(piece.positions):
                if position.index.free and not position.index.name and position.index.size > 1:
                    where = f"an axis of {position.index.size} (position {place}) of {tensor.name!r}"
                    groups[where] = [(tensor.name, piece.number, place)]
    sizes = {name: size_at(space, places[0]) for name, places in groups.items()}
    for name, places in groups.items():
        said = f"the {space.index(name).noun} index {name!r}" if name in space.sizes else name
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
    """For each tensor the factors of its entries: element 0 at each position multiplies by the number given there.

    Of a nested index it is the element of the first copy.
    """
    found = {}
    for name in dict.fromkeys(name for name, *_ in which):
        whole = np.ones(space[name].shape)
        for piece, entries in take_apart(space[name].layout, entries_of(space, name)):
            values = np.ones(entries.shape)
            for (tensor, number, place), factor in which.items():
                if (tensor, number) == (name, piece.number):
                    first = [0 if axis in chain(piece, place) else slice(None) for axis in range(values.ndim)]
                    values[tuple(first)] *= factor
            whole.ravel()[entries.ravel()] = values.ravel()
        found[name] = whole
    return found


def entries_of(space: WeightSpace, name: str) -> Gather:
    """The numbers of a tensor's entries, row-major."""
    shape = space[name].shape
    return np.arange(math.prod(shape)).reshape(shape)
