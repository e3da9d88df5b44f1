"""Hypothesis strategies for weight spaces, group elements and features."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from layergen.testing.subject import random_features
from symmetry import GroupElement, Index, PositionalIndex, SetIndex, WeightSpace, element
from symmetry.strategies import group_elements, transpositions, weight_spaces

__all__ = ["every_transposition", "features", "group_elements", "movable", "transpositions", "weight_spaces"]


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


def movable(space: WeightSpace, *, positional: bool = False) -> list[Index]:
    """The sets with at least two elements, positional ones only if asked for."""
    kinds = (SetIndex, PositionalIndex) if positional else (SetIndex,)
    return [index for index in space.indices if index.size > 1 and isinstance(index, kinds)]


def transposition_count(space: WeightSpace, index: Index) -> int:
    """How many pairs of elements, within one copy, there are."""
    return math.prod(space.copies(index)) * math.comb(index.size, 2)


def transposition(space: WeightSpace, index: Index, number: int) -> NDArray[np.intp]:
    """The permutation that exchanges the `number`-th pair of elements: first copies first, lowest elements first."""
    copy, pair = divmod(number, math.comb(index.size, 2))
    low = 0
    while pair >= index.size - 1 - low:
        pair -= index.size - 1 - low
        low += 1
    part = np.broadcast_to(np.arange(index.size), (*space.copies(index), index.size)).copy()
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
