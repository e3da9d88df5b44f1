"""Representatives of orbits: weights multiplied and turned into a canonical form, the same for all that differ by that.

Indices are settled one after the other, each by entries on which no other group still does more than permute: the signs
of a first layer's neurons by its weights and biases, then those of the second layer's neurons, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.index import Index, Invariant
from symmetry.space.layout import Piece, take_apart
from symmetry.space.moving import chain, floating_copy, multiply
from symmetry.space.weight_space import WeightSpace

__all__ = ["representatives"]

Arrays = dict[str, Any]


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
    parts = {
        tensor.name: [(piece, values) for piece, values in take_apart(tensor.layout, found[tensor.name], 1)]
        for tensor in space
    }
    pieces = [one for several in parts.values() for one in several]
    loose = {p.index.name: p.index for piece, _ in pieces for p in piece.positions if multiplies(p.index, p.charge)}
    while settled := next(((index, e) for index in loose.values() if (e := entries_of(index, pieces, loose))), None):
        index, entries = settled
        del loose[index.name]
        part = None if index.action is None else index.action.canonical(entries)
        for piece, values in pieces if part is not None else ():
            for place, position in enumerate(piece.positions):
                if position.index == index and multiplies(index, position.charge):
                    multiply(values, piece, place, {index.name: part}, 1, batched=True)
    return found


def multiplies(index: Index, charge: int) -> bool:
    """Whether a group of the network's own, not of its data, does more than permute along an occurrence."""
    of_data = index.action is None or index.action.of_data
    return not of_data and index.invariant(charge) is not Invariant.ENTRY


def entries_of(
    index: Index, pieces: list[tuple[Piece, Any]], loose: Mapping[str, Index]
) -> dict[int, NDArray[np.float64]]:
    """The entries by which an index can be settled, by charge: axes `(network, *parents, value, entry)`."""
    found: dict[int, list[NDArray[np.float64]]] = {}
    for piece, values in pieces:
        places = [place for place, p in enumerate(piece.positions) if p.index.name in loose and moved(p)]
        if [piece.positions[place].index for place in places] == [index]:
            dims = [1 + place for place in chain(piece, places[0])]
            first = np.asarray(values[..., 0].detach().cpu() if hasattr(values, "detach") else values[..., 0], float)
            kept = np.moveaxis(first, dims, range(1, len(dims) + 1))
            charge = piece.positions[places[0]].charge
            found.setdefault(charge, []).append(kept.reshape(*kept.shape[: len(dims) + 1], -1))
    return {charge: np.concatenate(several, axis=-1) for charge, several in found.items()}


def moved(position: Any) -> bool:
    """Whether the group multiplies entries along a position."""
    return multiplies(position.index, position.charge)
