"""Options of a metanetwork: what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from symmetry.space.weight_space import WeightSpace

__all__ = ["check_arguments", "check_choices", "updated_channels"]


def check_arguments(
    space: Any, out_features: int | None, out_channels: int | None, counts: Mapping[str, Any], *, statistics: bool
) -> None:
    """Raise unless the output is of one sort and counts are in range."""
    if not isinstance(space, WeightSpace):
        raise TypeError(f"Metanet takes a WeightSpace first, not {type(space).__name__}")
    if (out_features is None) == (out_channels is None):
        raise ValueError("give either out_features (invariant) or out_channels (weights to weights)")
    if statistics and out_features is None:
        raise ValueError("statistics are invariants of whole networks: give out_features, not out_channels")
    for name, count in {"out_features": out_features, "out_channels": out_channels, **counts}.items():
        least = 0 if name in ("layers", "fourier") else 1
        if count is not None and (not isinstance(count, Integral) or count < least):
            raise ValueError(f"{name}={count!r}: give an integer, at least {least}")


def check_choices(**options: tuple[Any, tuple[Any, ...]]) -> None:
    """Raise `ValueError` unless each option, given with its choices, is one of them."""
    for name, (given, choices) in options.items():
        if given not in choices:
            raise ValueError(f"{name}={given!r}: give {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}")


def updated_channels(
    update: bool | Sequence[int], in_channels: int, out_features: int | None, out_channels: int | None
) -> list[int] | None:
    """The input channels that outputs are added to. Raises `ValueError` unless there is one for each output channel."""
    if update is False:
        return None
    updated = list(range(out_channels or 0)) if update is True else list(update)
    if out_channels is None:
        raise ValueError(f"update adds the output to the input: give out_channels, not out_features={out_features}")
    if len(updated) != out_channels or not all(0 <= channel < in_channels for channel in updated):
        raise ValueError(
            f"update={update!r} with out_channels={out_channels}: give the numbers of {out_channels} of the "
            f"{in_channels} input channels, from 0, or True for the first"
        )
    return updated
