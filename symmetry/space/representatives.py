"""Representatives of orbits: weights multiplied and turned into a canonical form, the same for all that differ by that.

Indices are settled one after the other, each by entries on which no other group still does more than permute: the signs
of a first layer's neurons by its weights and biases, then those of the second layer's neurons, and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.index import Index, Invariant
from symmetry.space.layout import Piece, Position, take_apart
from symmetry.space.moving import chain, floating_copy, multiply
from symmetry.space.weight_space import WeightSpace

__all__ = ["gathered", "places_of", "representatives", "settling_order"]

Arrays = dict[str, Any]
Spot = tuple[Piece, int]
"""A piece, and the number of one of its positions."""


def representatives(space: WeightSpace, arrays: Mapping[str, Any]) -> Arrays:
    """Weights of several networks in canonical form, by factors and matrices of the group and without permutations.

    Parameters
    ----------
    space
        The weight space.
    arrays
        For each tensor an array of numpy or torch, axes `(network, *axes, channels)`; the first channel decides.

    Returns
    -------
    dict
        New arrays with the same axes. An index whose entries all lie over another such index that is not settled stays
        as it is.

    Examples
    --------
    >>> space = WeightSpace({"w": "h 1", "v": "1 h^-1"}, sets={"h": {"size": 2, "scaled": "sign"}})
    >>> found = representatives(space, {"w": np.array([[[[-2.0]], [[3.0]]]]), "v": np.array([[[[5.0], [7.0]]]])})
    >>> found["w"].ravel().tolist(), found["v"].ravel().tolist()
    ([2.0, 3.0], [-5.0, 7.0])
    """
    found = {name: floating_copy(array) for name, array in arrays.items()}
    parts = {piece: values for tensor in space for piece, values in take_apart(tensor.layout, found[tensor.name], 1)}
    for index, deciding in settling_order(space):
        entries = gathered({piece: plain(values[..., :1]) for piece, values in parts.items()}, deciding, np)
        part = None if index.action is None else index.action.canonical(entries)
        for piece, place in places_of(index, parts) if part is not None else ():
            multiply(parts[piece], piece, place, {index.name: part}, 1, batched=True)
    return found


@lru_cache(maxsize=256)
def settling_order(space: WeightSpace, *, smooth: bool = False) -> tuple[tuple[Index, tuple[Spot, ...]], ...]:
    """The indices that can be settled, in order, each with the positions whose entries decide.

    Parameters
    ----------
    space
        A weight space.
    smooth
        Whether to settle only indices for which that is a continuous function of the entries.

    Returns
    -------
    tuple[tuple[Index, tuple[Spot, ...]], ...]
        Indices whose groups do more than permute; the positions are those of pieces in which only indices before it
        are multiplied too.

    Examples
    --------
    >>> signs = {"size": 2, "scaled": "sign"}
    >>> space = WeightSpace({"v": "k h^-1", "w": "h 1", "y": "k k"}, sets={"k": signs, "h": signs})
    >>> [(index.name, [piece.tensor for piece, _ in deciding]) for index, deciding in settling_order(space)]
    [('h', ['w']), ('k', ['v'])]
    """
    loose = {p.index.name: p.index for piece in space.pieces for p in piece.positions if multiplies(p)}
    chosen = [index for index in loose.values() if not smooth or index.settling({1: np.ones((1, 1))}) is not None]
    found: list[tuple[Index, tuple[Spot, ...]]] = []
    while True:
        options = ((index, deciding_spots(index, space.pieces, loose)) for index in chosen if index.name in loose)
        settled = next(((index, spots) for index, spots in options if spots), None)
        if settled is None:
            return tuple(found)
        found.append(settled)
        del loose[settled[0].name]


def deciding_spots(index: Index, pieces: Iterable[Piece], loose: Collection[str]) -> tuple[Spot, ...]:
    """The positions of an index in pieces in which no other loose index is multiplied."""
    found = []
    for piece in pieces:
        places = [n for n, p in enumerate(piece.positions) if p.index.name in loose and multiplies(p)]
        if [piece.positions[place].index for place in places] == [index]:
            found.append((piece, places[0]))
    return tuple(found)


def places_of(index: Index, pieces: Iterable[Piece]) -> list[Spot]:
    """The positions at which the group of an index does more than permute."""
    return [(piece, n) for piece in pieces for n, p in enumerate(piece.positions) if p.index == index and multiplies(p)]


def multiplies(position: Position) -> bool:
    """Whether a group of the network's own, not of its data, does more than permute along a position."""
    action = position.index.action
    return (
        action is not None and not action.of_data and position.index.invariant(position.charge) is not Invariant.ENTRY
    )


def gathered(parts: Mapping[Piece, Any], spots: Iterable[Spot], library: Any) -> dict[int, Any]:
    """The entries at some positions, by charge: axes `(network, *parents, value, entry)`.

    `parts` has the values of pieces, axes `(network, *positions, 1)`, of a library that is numpy or torch.
    """
    found: dict[int, list[Any]] = {}
    for piece, place in spots:
        values, dims = parts[piece], [1 + above for above in chain(piece, place)]
        kept = library.moveaxis(values, tuple(dims), tuple(range(1, len(dims) + 1)))
        found.setdefault(piece.positions[place].charge, []).append(kept.reshape(*kept.shape[: len(dims) + 1], -1))
    return {charge: library.concatenate(several, axis=-1) for charge, several in found.items()}


def plain(array: Any) -> NDArray[np.float64]:
    """An array of numpy or torch as one of numpy."""
    return np.asarray(array.detach().double().cpu() if hasattr(array, "detach") else array, float)
