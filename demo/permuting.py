"""The same networks with their neurons in another order."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from demo.network import DigitsCNN
from layergen import Features
from symmetry import WeightSpace, random_element

__all__ = ["largest_change", "permuted"]


def permuted(x: Features, space: WeightSpace, seed: int = 0) -> Features:
    """Each network moved by a random element of its own."""
    rng = np.random.default_rng(seed)
    count = len(next(iter(x.values())))
    moved = [
        random_element(space, rng).act({name: value[row : row + 1] for name, value in x.items()}, channels=True)
        for row in range(count)
    ]
    return {name: torch.cat([one[name] for one in moved]) for name in x}


def largest_change(before: Features, after: Features, images: Tensor) -> float:
    """The largest change of any logit of any network on `images`, relative to the largest logit, in float64."""
    network, change, scale = DigitsCNN(), 0.0, 0.0
    for row in range(len(next(iter(before.values())))):
        old, new = (
            functional_call(
                network, {name: value[row, ..., 0].double() for name, value in x.items()}, (images.double(),)
            )
            for x in (before, after)
        )
        change, scale = max(change, float((old - new).abs().max())), max(scale, float(old.abs().max()))
    return change / scale
