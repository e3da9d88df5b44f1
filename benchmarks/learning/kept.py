"""What takes minutes to fit is fitted once and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable

from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.learning.tasks import FITTED
from layergen import Features

__all__ = ["kept", "kept_with_targets"]


def kept(name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that an earlier run left in a file of the cache, else made and left there.

    Parameters
    ----------
    name
        The name of the file, without its ending; it says all that the tensors depend on.
    make
        Makes the tensors.

    Returns
    -------
    dict of Tensor
        The tensors, by the alphabet if they come from a file.
    """
    path = FITTED / f"{name}.safetensors"
    if not path.exists():
        FITTED.mkdir(parents=True, exist_ok=True)
        save_file(make(), path.with_suffix(".unfinished"))
        path.with_suffix(".unfinished").replace(path)
    return load_file(path)


def kept_with_targets(name: str, targets: str, make: Callable[[], tuple[Features, Tensor]]) -> tuple[Features, Tensor]:
    """Features and targets that an earlier run left in a file, the targets under a name there; else made and left."""

    def together() -> Features:
        features, asked = make()
        return {**features, targets: asked}

    found = kept(name, together)
    return found, found.pop(targets)
