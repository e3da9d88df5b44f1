"""Hypothesis strategies for weight spaces, group elements and features."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from symmetry import GroupElement, Index, PositionalIndex, SetIndex, WeightSpace, element
from symmetry.elements import lineage
from symmetry.maps import EquivariantMaps

__all__ = ["group_elements", "weight_spaces"]

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
def group_elements(draw: st.DrawFn, space: WeightSpace, *, positional: bool = False) -> GroupElement:
    """Elements of a weight space's group, at least one set moved where there is one to move.

    They shrink to the simplest element that still fails: one set moved, by one transposition, of the lowest
    elements; of a nested set, within the first parents.
    """
    movable = [
        index
        for index in space.indices
        if index.size > 1 and (isinstance(index, SetIndex) or (positional and isinstance(index, PositionalIndex)))
    ]
    if not movable:
        return element(space, {})
    first = draw(st.sampled_from(movable))
    parts = {index.name: draw_part(draw, space, index) for index in movable if index == first or draw(st.booleans())}
    return element(space, parts)


def draw_part(draw: st.DrawFn, space: WeightSpace, index: Index) -> NDArray[np.intp]:
    """A permutation of one set (of each copy, for a nested set): a transposition, or a random one from a seed."""
    sizes = tuple(space.index(name).size for name in lineage(space, index.name))
    part = np.broadcast_to(np.arange(index.size), sizes).copy()
    if draw(st.booleans()):
        return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).permuted(part, axis=-1)
    copy = tuple(draw(st.integers(0, size - 1)) for size in sizes[:-1])
    low = draw(st.integers(0, index.size - 2))
    high = draw(st.integers(low + 1, index.size - 1))
    part[(*copy, low)], part[(*copy, high)] = high, low
    return part
