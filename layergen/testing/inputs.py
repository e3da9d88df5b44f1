"""The inputs that functions are tested on: features in general position, as a function's parameters are."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from symmetry import SpecificationError, WeightSpace

__all__ = ["BATCH", "channels_of", "like_parameters", "random_features"]

BATCH = 4
"""How many networks a function is tested on at once."""
MOST = 10**11
"""The most numbers that random features may have together: more fit into no machine's memory."""


def random_features(
    space: WeightSpace,
    channels: int = 1,
    *,
    batch: int = BATCH,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> dict[str, Tensor]:
    """Standard normal features: inputs in general position.

    Parameters
    ----------
    space
        The weight space of the features.
    channels, batch
        How many channels, and how many networks.
    seed
        The seed of the numbers; a smaller batch of the same seed is the beginning of a larger one.
    dtype, device
        As torch has them.

    Returns
    -------
    dict of Tensor
        Features `{tensor: (batch, *axes, channels)}`.

    Raises
    ------
    SpecificationError
        For so many numbers that they fit into no memory.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 3})
    >>> random_features(space, 2, batch=5)["b"].shape
    torch.Size([5, 3, 2])
    """
    entries = sum(math.prod(shape) for shape in space.shapes.values()) * channels
    if batch * entries > MOST:
        raise SpecificationError(
            f"features of {batch} networks are {batch} × {entries:,} numbers, too many for any memory",
            remedy="declare smaller sets: a layer takes every width that is at least its order",
        )
    generators = [torch.Generator().manual_seed(seed * 1_000_003 + number) for number in range(batch)]
    return {
        tensor.name: torch.stack([torch.randn(*tensor.shape, channels, generator=one) for one in generators]).to(
            device, dtype
        )
        for tensor in space
    }


def like_parameters(f: Any) -> dict[str, Any]:
    """The dtype and device of a module's parameters, as options; of functions without, float32 on the CPU."""
    parameters = f.parameters() if isinstance(f, nn.Module) else ()
    like: Tensor = next((p for p in parameters if p.is_floating_point()), torch.empty(0, dtype=torch.float32))
    return {"dtype": like.dtype, "device": like.device}


def channels_of(f: Any, channels: int | None) -> int:
    """The channels of the features: those asked for, or a module's own `in_channels`, or one.

    Raises `ValueError` for less than one.
    """
    own = getattr(f, "in_channels", 1)
    found = (own if isinstance(own, int) else 1) if channels is None else channels
    if found < 1:
        raise ValueError(f"{found} channels: there is nothing to test; give channels=1 or more")
    return found
