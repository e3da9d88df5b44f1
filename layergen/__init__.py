"""Equivariant layers for the weights of neural networks: derived, written out as PyTorch, and tested.

    WeightSpace ─▶ EquivariantMaps ─▶ Plan ─▶ Python source ─▶ nn.Module ─▶ property tests

The names below are fetched at first use, so that importing this package does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import layergen.nn as nn
    import layergen.testing as testing
    from layergen.emission.generate import generate
    from layergen.linear import EquivariantLinear, InvariantLinear
    from layergen.stacking import stack, unstack
    from layergen.tracing.trace import Trace, trace

__version__ = "0.1.0"

__all__ = [
    "EquivariantLinear",
    "InvariantLinear",
    "Trace",
    "__version__",
    "generate",
    "nn",
    "stack",
    "testing",
    "trace",
    "unstack",
]

HOMES = {
    "EquivariantLinear": "layergen.linear",
    "InvariantLinear": "layergen.linear",
    "Trace": "layergen.tracing.trace",
    "generate": "layergen.emission.generate",
    "stack": "layergen.stacking",
    "trace": "layergen.tracing.trace",
    "unstack": "layergen.stacking",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module it lives in."""
    if name in ("nn", "testing"):
        return import_module(f"layergen.{name}")
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module 'layergen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
