"""Who draws: the package that spaces and maps are drawn by when asked. It is named here and not imported before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["drawing"]

DRAWING = "layergen.drawing"


def drawing() -> Any:
    """The module with `architecture`, `block_matrix` and `partition_diagrams`, which needs matplotlib."""
    return import_module(DRAWING)
