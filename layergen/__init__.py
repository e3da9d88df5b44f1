"""Equivariant layers for the weights of neural networks: derived, written out as PyTorch, and tested.

    WeightSpace ─▶ EquivariantMaps ─▶ Plan ─▶ text of a module ─▶ nn.Module ─▶ property tests

The names below are fetched at first use, so that importing this package does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layergen import data, drawing, graph, nn, report, steerable, testing, tracing, training
    from layergen.emission.generate import generate
    from layergen.evaluating import functional
    from layergen.features import Features
    from layergen.linear import EquivariantLinear, InvariantLinear
    from layergen.plan.explaining import Explanation, explain
    from layergen.representatives import augment, canonicalise
    from layergen.shared import SharedLinear
    from layergen.stacking import stack, unstack
    from layergen.tracing import Trace, trace
    from layergen.widening import by_fan_in, widen
    from symmetry import __version__

__all__ = [
    "EquivariantLinear",
    "Explanation",
    "Features",
    "InvariantLinear",
    "SharedLinear",
    "Trace",
    "__version__",
    "augment",
    "by_fan_in",
    "canonicalise",
    "data",
    "drawing",
    "explain",
    "functional",
    "generate",
    "graph",
    "nn",
    "report",
    "stack",
    "steerable",
    "testing",
    "trace",
    "tracing",
    "training",
    "unstack",
    "widen",
]

HOMES = {
    "EquivariantLinear": "layergen.linear",
    "Explanation": "layergen.plan.explaining",
    "Features": "layergen.features",
    "InvariantLinear": "layergen.linear",
    "SharedLinear": "layergen.shared",
    "Trace": "layergen.tracing",
    "__version__": "symmetry",
    "augment": "layergen.representatives",
    "by_fan_in": "layergen.widening",
    "canonicalise": "layergen.representatives",
    "explain": "layergen.plan.explaining",
    "functional": "layergen.evaluating",
    "generate": "layergen.emission.generate",
    "stack": "layergen.stacking",
    "trace": "layergen.tracing",
    "unstack": "layergen.stacking",
    "widen": "layergen.widening",
}
"""The module that defines each public name which is not a module itself."""


def __getattr__(name: str) -> Any:
    """A public name, fetched from the module that defines it; names without a row in `HOMES` are modules themselves."""
    if name not in __all__:
        raise AttributeError(f"module 'layergen' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name) if name in HOMES else import_module(f"layergen.{name}")


def __dir__() -> list[str]:
    return __all__
