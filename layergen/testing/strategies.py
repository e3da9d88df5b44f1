"""A hypothesis strategy for features."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from layergen.testing.inputs import random_features
from symmetry import WeightSpace

__all__ = ["features"]


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

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        How many channels, or a strategy for that.
    max_batch
        The most networks of a batch.
    dtype
        As torch has it.

    Returns
    -------
    dict of Tensor
        Features `{tensor: (batch, *axes, channels)}`.

    Examples
    --------
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
