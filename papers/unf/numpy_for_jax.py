"""The few functions of `jax.numpy` that UNF's `algorithm.py` calls, by numpy, for machines without jax."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["stand_ins"]


class Settable(np.ndarray):  # type: ignore[type-arg]
    """An array with jax's `x.at[index].add(values)`, which gives a new array."""

    @property
    def at(self) -> Any:
        """What takes an index and then `add`."""
        return Places(self)


class Places:
    """`x.at`: where something is added."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> Any:
        def add(values: NDArray[Any]) -> NDArray[Any]:
            found = self.array.copy()
            np.add.at(found, index, values)
            return found

        return SimpleNamespace(add=add)


def zeros(shape: Sequence[int]) -> Settable:
    """Noughts, as `jax.numpy.zeros`."""
    return np.zeros(shape).view(Settable)


def mean(x: NDArray[Any], axis: Sequence[int]) -> NDArray[Any]:
    """The mean over some axes; over none it is the array."""
    found: NDArray[Any] = np.mean(x, axis=tuple(axis))
    return found


def expand_dims(x: NDArray[Any], axis: int | Sequence[int]) -> NDArray[Any]:
    """More axes of length 1."""
    return np.expand_dims(x, axis if isinstance(axis, int) else tuple(axis))


def stand_ins() -> dict[str, ModuleType]:
    """Modules `jax` and `jax.numpy` with these functions, and with those that are numpy's own."""
    found = {name: ModuleType(name) for name in ("jax", "jax.numpy")}
    found["jax"].Array = np.ndarray  # type: ignore[attr-defined]
    found["jax"].numpy = found["jax.numpy"]  # type: ignore[attr-defined]
    own = {"zeros": zeros, "mean": mean, "expand_dims": expand_dims}
    same = {name: getattr(np, name) for name in ("diagonal", "transpose", "arange", "s_")}
    for name, function in (own | same).items():
        setattr(found["jax.numpy"], name, function)
    return found
