"""Widening: the same function in a wider network, whose neurons are repeated and whose outgoing weights are divided.

Repeat every neuron k times, and divide by k the weights that are summed over it: what comes after a layer receives the
same sums, and the network computes the same function. Entries multiplied by their *fan-in*, the number of neurons that
they are summed over, are repeated and otherwise the same: features in which a network and a wider one look alike.

Which axes are summed over is no part of a specification: `"2.weight" = "h2 h1"` takes `h1` to `h2` in a perceptron and
`h2` to `h1` in one that multiplies from the right. The functions below are told so, by tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from layergen.features import Features, joined, observed
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Layout, Leaf, Piece, Split, take_apart
from symmetry.space.weight_space import Tensor, WeightSpace

__all__ = ["Summed", "by_fan_in", "factors_of", "places_summed", "widen", "widened"]

Axis = str | int
Summed = Mapping[str, Axis | Sequence[Axis]]
"""By tensor what its entries are summed over when the network runs: the name of an index, or the number of an axis of
the features, from 0 after the batch; or several of them."""


def widen(
    features: Features, space: WeightSpace, summed: Summed | None = None, factor: int | Mapping[str, int] = 2
) -> Features:
    """Features of wider networks: every element of a set is repeated, and entries that are summed over it divided.

    With the right `summed` the wider networks compute the same functions wherever neurons that are alike stay alike
    and count by their sum or their mean: perceptrons, convolutions and recurrent cells, their batch and layer norms,
    residual streams, and heads of attention. Units of a query and its key are an exception, since their products are
    summed and divided by a root of their number; so are weights that are used on both sides of a set, as tied
    embeddings are. `layergen.testing.assert_widening_preserved` tells.

    Parameters
    ----------
    features
        `{tensor: (network, *axes, channels)}`; all channels are repeated and divided alike.
    space
        The weight space of the networks.
    summed
        By tensor what its entries are summed over: the name of an index, or the number of an axis where the tensor has
        an index on several, from 0 after the batch; or several of them. Tensors without any may be left out.
    factor
        How many times each element is repeated: a number for all sets, or numbers by the name of the set. Of a nested
        set those within each element of its parent are repeated.

    Returns
    -------
    Features
        Features of `layergen.widening.widened(space, factor)`; copies of an element stand beside each other.

    Raises
    ------
    SpecificationError
        If `summed` names a tensor or an index that is not there, or an index on several axes of a tensor; if `factor`
        is no positive integer or names what is no set.

    References
    ----------
    Chen, Goodfellow and Shlens (2016), "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR, section 2.2.

    Examples
    --------
    >>> import torch
    >>> space = WeightSpace({"w": "h x", "v": "y h"}, sets={"h": 2}, free={"x": 1, "y": 1})
    >>> x = {"w": torch.tensor([[[[3.0]], [[5.0]]]]), "v": torch.tensor([[[[4.0], [8.0]]]])}
    >>> {name: value.flatten().tolist() for name, value in widen(x, space, {"v": "h"}).items()}
    {'w': [3.0, 3.0, 5.0, 5.0], 'v': [2.0, 2.0, 4.0, 4.0]}
    """
    seen, places = observed(space, features), places_summed(space, summed or {})
    factors = factors_of(seen, factor)
    wide = widened(seen, factor)
    made = {}
    for tensor in seen:
        pieces = []
        for piece, values in take_apart(tensor.layout, features[tensor.name], lead=1):
            for place, position in enumerate(piece.positions):
                if (count := factors.get(position.index.name, 1)) > 1:
                    values = values.repeat_interleave(count, 1 + place)
                    values = values / count if place in places[piece.tensor, piece.number] else values
            pieces.append(values)
        made[tensor.name] = joined(wide[tensor.name].layout, iter(pieces))
    return made


def widened(space: WeightSpace, factor: int | Mapping[str, int] = 2) -> WeightSpace:
    """The space of networks whose sets are a number of times as large.

    Parameters
    ----------
    space
        The weight space.
    factor
        How many times: a number for all sets, or numbers by the name of the set.

    Returns
    -------
    WeightSpace
        The same declarations with larger sets.

    Raises
    ------
    SpecificationError
        If `factor` is no positive integer or names what is no set.

    Examples
    --------
    >>> widened(WeightSpace({"w": "h x"}, sets={"h": 8}, free={"x": 2}), 3).sizes
    {'h': 24, 'x': 2}
    """
    return space.resized({name: count * space.index(name).size for name, count in factors_of(space, factor).items()})


def by_fan_in(features: Features, space: WeightSpace, summed: Summed, power: float = 1.0) -> Features:
    """Entries times their fan-in: the number of elements that they are summed over when the network runs.

    Features of a network and of the same network widened (`widen`) are then the same but for repeated entries. A
    network that reads them by means, maxima and functions of single entries does not tell the two apart.

    Parameters
    ----------
    features
        `{tensor: (network, *axes, channels)}`, of any width.
    space
        The weight space of the networks.
    summed
        By tensor what its entries are summed over, as for `widen`.
    power
        The power of the fan-in that entries are multiplied by; -1 takes back what 1 does.

    Returns
    -------
    Features
        Features of the same shapes.

    Raises
    ------
    SpecificationError
        If `summed` names a tensor or an index that is not there, or an index on several axes of a tensor.

    Examples
    --------
    >>> import torch
    >>> space = WeightSpace({"w": "h x", "v": "y h"}, sets={"h": 8}, free={"x": 1, "y": 1})
    >>> x = {"w": torch.ones(1, 2, 1, 1), "v": torch.ones(1, 1, 2, 1)}
    >>> {name: value.flatten().tolist() for name, value in by_fan_in(x, space, {"v": "h"}).items()}
    {'w': [1.0, 1.0], 'v': [2.0, 2.0]}
    """
    made = dict(features)
    if not summed:
        return made
    seen, places = observed(space, features), places_summed(space, summed)
    for tensor in seen:
        if any(places[piece.tensor, piece.number] for piece in tensor.pieces):
            parts = take_apart(tensor.layout, features[tensor.name], lead=1)
            pieces = (values * fan_in(piece, places[piece.tensor, piece.number]) ** power for piece, values in parts)
            made[tensor.name] = joined(tensor.layout, pieces)
    return made


def fan_in(piece: Piece, places: Sequence[int]) -> float:
    """The number of elements at some positions of a piece."""
    product = 1.0
    for place in places:
        product *= piece.shape[place]
    return product


def factors_of(space: WeightSpace, factor: int | Mapping[str, int]) -> dict[str, int]:
    """How many times the elements of each set are repeated. Raises `SpecificationError` for what cannot be."""
    sets = [index.name for index in space.indices if index.repeatable]
    factors: dict[str, Any] = dict(factor) if isinstance(factor, Mapping) else dict.fromkeys(sets, factor)
    for name, count in factors.items():
        if name not in sets:
            noun = space.index(name).noun
            raise SpecificationError(
                f"{name!r} cannot be widened: it is a {noun} index", remedy=f"sets: {', '.join(sets) or 'none'}"
            )
        if not isinstance(count, int) or count < 1:
            raise SpecificationError(f"elements of {name!r} repeated {count!r} times", remedy="give integers from 1")
    return factors


def places_summed(space: WeightSpace, summed: Summed) -> dict[tuple[str, int], tuple[int, ...]]:
    """For each piece, by tensor and number, its positions over which entries are summed.

    Raises `SpecificationError` for tensors, axes and indices that are not there.
    """
    for name in summed:
        space[name]  # raises for a tensor that is not there
    found = {}
    for tensor in space:
        given = summed.get(tensor.name, ())
        meant = {spot for one in ([given] if isinstance(given, str | int) else given) for spot in spots(tensor, one)}
        for piece, axes in places_by_axis(tensor.layout, range(len(tensor.shape))):
            standing = zip(axes, piece.positions, strict=True)
            found[piece.tensor, piece.number] = tuple(
                place for place, (axis, position) in enumerate(standing) if (axis, position.index.name) in meant
            )
    return found


def spots(tensor: Tensor, given: Axis) -> set[tuple[int, str]]:
    """The axes and indices that are meant by the number of an axis or the name of an index."""
    part, rank = f'tensor "{tensor.name}"', len(tensor.shape)
    every = {
        (axis, position.index.name)
        for piece, axes in places_by_axis(tensor.layout, range(rank))
        for axis, position in zip(axes, piece.positions, strict=True)
    }
    if isinstance(given, int):
        if not -rank <= given < rank:
            raise SpecificationError(f"there is no axis {given}", part=part, remedy=f"it has {rank} axes, from 0")
        return {spot for spot in every if spot[0] == given % rank}
    found = {spot for spot in every if spot[1] == given}
    if not found:
        known = ", ".join(sorted({name for _, name in every if name})) or "none"
        raise SpecificationError(f"there is no index {given!r} to sum over", part=part, remedy=f"its indices: {known}")
    if len(found) > 1:
        raise SpecificationError(
            f"{given!r} is on its axes {sorted(axis for axis, _ in found)}: which of them is summed over?",
            part=part,
            remedy="give the number of the axis",
        )
    return found


def places_by_axis(layout: Layout, axes: Sequence[int]) -> Iterator[tuple[Piece, Sequence[int]]]:
    """The pieces of a layout, each with the axis of the tensor that each position is on.

    `axes` has the axis that each dimension of the layout is on.
    """
    if isinstance(layout, Leaf):
        yield layout.piece, axes
    elif isinstance(layout, Split):
        for branch in layout.branches:
            yield from places_by_axis(branch, axes)
    else:
        several = [axes[layout.dim]] * len(layout.sizes)
        yield from places_by_axis(layout.below, [*axes[: layout.dim], *several, *axes[layout.dim + 1 :]])
