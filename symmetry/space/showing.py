"""Who draws and explains: modules that spaces and maps are shown by when asked, named here and not imported before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["drawing", "explaining"]


def drawing() -> Any:
    """The module with `architecture`, `block_matrix` and `partition_diagrams`, which needs matplotlib."""
    return import_module("layergen.drawing")


def explaining() -> Any:
    """The module with `explain`, which plans a layer."""
    return import_module("layergen.plan.explaining")
