"""Hypothesis strategies for weight spaces, group elements and features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from layergen.testing.inputs import random_features
from symmetry import GroupElement, Index, PositionalIndex, SetIndex, WeightSpace, element
from symmetry.groups.groups import find_group
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.elements import lineage

__all__ = ["every_transposition", "features", "group_elements", "movable", "transpositions", "weight_spaces"]

SET_NAMES = ("h", "k", "u", "v")


@st.composite
def weight_spaces(
    draw: st.DrawFn,
    *,
    max_sets: int = 4,
    max_tensors: int = 5,
    max_order: int = 4,
    max_size: int = 5,
    max_entries: int = 400,
    max_diagrams: int = 3_000,
) -> WeightSpace:
    """Weight spaces with plain, shared, nested, free and positional indices, products and concatenations.

    `max_entries` bounds the entries of a tensor and `max_diagrams` the diagrams of all its maps together: sizes,
    then tensors, are taken away until both hold, so that nothing drawn is thrown away.
    """
    parents = draw_sets(draw, max_sets)
    loose = draw(st.lists(st.sampled_from(["x", "p", "2"]), unique=True, max_size=2))
    pool = [*parents, *loose]
    tensors = [draw_axes(draw, pool, parents, max_order) for _ in range(draw(st.integers(1, max_tensors)))]
    sizes = {name: draw(st.integers(1, max_size)) for name in (*parents, "x", "p")}
    while True:
        space = make_space(tensors, parents, sizes)
        if any(math.prod(tensor.shape) > max_entries for tensor in space):
            largest = max(sizes, key=lambda name: sizes[name])
            sizes[largest] -= 1
        elif EquivariantMaps(space).diagram_count > max_diagrams:
            tensors.remove(max(tensors, key=len))
            tensors = tensors or ["h"]
        else:
            return space


def draw_sets(draw: st.DrawFn, max_sets: int) -> dict[str, str | None]:
    """Names of sets with their parents."""
    parents: dict[str, str | None] = {}
    for name in SET_NAMES[: draw(st.integers(1, max_sets))]:
        parents[name] = draw(st.sampled_from([None, None, *parents])) if parents else None
    return parents


def draw_axes(draw: st.DrawFn, pool: Sequence[str], parents: dict[str, str | None], max_order: int) -> str:
    """An axis string over the indices of `pool`, with every nested set's parents in it."""
    words = draw(st.lists(st.sampled_from(pool), max_size=max_order))
    for word in list(words):
        while (parent := parents.get(word)) is not None:
            if parent not in words:
                words.insert(draw(st.integers(0, len(words))), parent)
            word = parent
    axes = " ".join(words)
    match draw(st.sampled_from(["plain", "plain", "plain", "product", "sum", "inner sum"])):
        case "product":
            return f"({axes})"
        case "sum":
            return f"({axes} + {draw(st.sampled_from(['2', 'h', '(h 2)', 'h h']))})"
        case "inner sum":
            return f"(h ({axes} + 2)) h"
        case _:
            return axes


def make_space(tensors: Sequence[str], parents: dict[str, str | None], sizes: dict[str, int]) -> WeightSpace:
    """The space of those tensors, with the indices that they use declared."""
    words = set(" ".join(tensors).replace("(", " ").replace(")", " ").split())
    sets = {
        name: sizes[name] if parent is None else {"size": sizes[name], "within": parent}
        for name, parent in {"h": None, **parents}.items()
        if name in words
    }
    return WeightSpace(
        {f"t{number}.weight": axes for number, axes in enumerate(tensors)},
        sets=sets,
        free={"x": sizes["x"]} if "x" in words else {},
        positional={"p": sizes["p"]} if "p" in words else {},
    )


@st.composite
def features(
    draw: st.DrawFn,
    space: WeightSpace,
    *,
    channels: int | st.SearchStrategy[int] = 1,
    max_batch: int = 4,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Features `{tensor: (batch, *axes, channels)}`; they shrink to one network, and to whole numbers from 0 up.

    Of the two sorts, entries counted up through all tensors show where each one went; normal ones are in general
    position. A failure that needs no more is shown with the first.

    >>> from hypothesis import find
    >>> space = WeightSpace({"b": "h"}, sets={"h": 3})
    >>> find(features(space), lambda x: True)["b"].flatten().tolist()
    [0.0, 1.0, 2.0]
    """
    count = channels if isinstance(channels, int) else draw(channels)
    batch, seed = draw(st.integers(1, max_batch)), draw(st.integers(0, 2**16))
    if seed:
        return random_features(space, count, batch=batch, seed=seed, dtype=dtype)
    shapes = {tensor.name: (batch, *tensor.shape, count) for tensor in space}
    entries = torch.arange(sum(map(math.prod, shapes.values())), dtype=dtype)
    parts = entries.split([math.prod(shape) for shape in shapes.values()])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


MOVES = ("still", "transposition", "transposition", "random", "random")


@st.composite
def group_elements(draw: st.DrawFn, space: WeightSpace, *, positional: bool = False) -> GroupElement:
    """Elements of a weight space's group; they shrink to fewer sets moved, then to transpositions of low elements.

    Every set draws a move and a number, whatever the move, so that hypothesis can simplify each by itself.
    """
    parts: dict[str, Any] = {}
    for index in movable(space, positional=positional):
        move, number = draw(st.sampled_from(MOVES)), draw(st.integers(0, 2**32 - 1))
        if move == "transposition":
            parts[index.name] = transposition(space, index, number % transposition_count(space, index))
        elif move == "random":
            sizes = copies(space, index)
            rows = np.broadcast_to(np.arange(index.size), (*sizes, index.size))
            parts[index.name] = np.random.default_rng(number).permuted(rows, axis=-1)
    return element(space, parts | {name: turn(name, draw(st.integers(0, 2**16))) for name in space.groups})


def turn(name: str, number: int) -> Any:
    """An element of a group that acts on representation indices; number 0 is the identity."""
    group = find_group(name)
    if group.finite:
        return number % len(group.elements)
    return group.sample(np.random.default_rng(number)) if number else group.provider.identity


def movable(space: WeightSpace, *, positional: bool = False) -> list[Index]:
    """The sets with at least two elements, positional ones only if asked for."""
    kinds = (SetIndex, PositionalIndex) if positional else (SetIndex,)
    return [index for index in space.indices if index.size > 1 and isinstance(index, kinds)]


def copies(space: WeightSpace, index: Index) -> tuple[int, ...]:
    """The sizes of a nested set's parents: it has one copy for each of their elements."""
    return tuple(space.index(name).size for name in lineage(space, index.name)[:-1])


def transposition_count(space: WeightSpace, index: Index) -> int:
    """How many pairs of elements, within one copy, there are."""
    return math.prod(copies(space, index)) * math.comb(index.size, 2)


def transposition(space: WeightSpace, index: Index, number: int) -> NDArray[np.intp]:
    """The permutation that exchanges the `number`-th pair of elements: first copies first, lowest elements first."""
    copy, pair = divmod(number, math.comb(index.size, 2))
    low = 0
    while pair >= index.size - 1 - low:
        pair -= index.size - 1 - low
        low += 1
    part = np.broadcast_to(np.arange(index.size), (*copies(space, index), index.size)).copy()
    part.reshape(-1, index.size)[copy, [low, low + 1 + pair]] = low + 1 + pair, low
    return part


def every_transposition(
    space: WeightSpace, *, positional: bool = False, only: str | None = None
) -> Iterator[GroupElement]:
    """Every exchange of two elements of one set, the sets in turn (or only one), from the lowest elements up."""
    for index in movable(space, positional=positional):
        if only is not None and index.name != only:
            continue
        for number in range(transposition_count(space, index)):
            yield element(space, {index.name: transposition(space, index, number)})


def transpositions(space: WeightSpace, *, positional: bool = False) -> st.SearchStrategy[GroupElement]:
    """Exchanges of two elements of one set; they shrink to the first set and the lowest elements.

    Raises `ValueError` for a space in which no set has two elements.

    >>> from hypothesis import find
    >>> find(transpositions(WeightSpace({"b": "h"}, sets={"h": 3})), lambda g: True)
    element(space, {'h': [1, 0, 2]})
    """
    indices = movable(space, positional=positional)
    if not indices:
        raise ValueError("no set has two elements to exchange")
    return st.sampled_from(indices).flatmap(
        lambda index: st.integers(0, transposition_count(space, index) - 1).map(
            lambda number: element(space, {index.name: transposition(space, index, number)})
        )
    )
