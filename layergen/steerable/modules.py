"""The modules of an escnn network in the order in which they are applied."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from torch import nn

from symmetry.groups.groups import INSTALL
from symmetry.language.errors import SpecificationError

__all__ = ["FIELDWISE", "GATED", "LAYERS", "Module", "fault", "is_a", "modules_of"]

LAYERS = ("R2Conv", "R3Conv", "R2ConvTransposed", "R3ConvTransposed", "Linear")
"""The classes that mix fields, with coefficients in blocks of representations."""

FIELDWISE = (
    *("ReLU", "ELU", "LeakyReLU", "PointwiseNonLinearity", "FourierPointwise", "QuotientFourierPointwise"),
    *("PointwiseDropout", "FieldDropout", "IdentityModule", "MaskModule", "R2Upsampling", "R3Upsampling"),
    *("PointwiseMaxPool2D", "PointwiseMaxPool3D", "PointwiseMaxPoolAntialiased2D", "PointwiseMaxPoolAntialiased3D"),
    *("PointwiseAvgPool2D", "PointwiseAvgPool3D", "PointwiseAvgPoolAntialiased2D", "PointwiseAvgPoolAntialiased3D"),
    *("PointwiseAdaptiveAvgPool2D", "PointwiseAdaptiveAvgPool3D", "PointwiseAdaptiveMaxPool2D"),
    *("PointwiseAdaptiveMaxPool3D", "NormMaxPool", "GroupPooling", "NormPool"),
)
"""The classes without parameters that make one field of each field, alike for all fields of one representation."""

GATED = "GatedNonLinearity1"
"""The class that multiplies fields by other fields, their gates."""

Module = tuple[str, Any]
"""The path of a module of escnn, and the module."""


def escnn_nn() -> Any:
    """The module `escnn.nn`. Raises `SpecificationError` where escnn is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escnn warns that py3nj is missing, which nothing here needs
            return import_module("escnn.nn")
    except ImportError:
        raise SpecificationError("escnn is not installed", remedy=INSTALL) from None


def is_a(module: Any, names: Iterable[str]) -> bool:
    """Whether a module is an instance of one of the classes of `escnn.nn` that have these names."""
    return isinstance(module, tuple(getattr(escnn_nn(), name, ()) for name in names))


def modules_of(network: nn.Module, path: str = "") -> Iterator[Module]:
    """The modules of nested sequences in the order in which they are applied.

    Raises `SpecificationError` where the network is no sequence.
    """
    if not isinstance(network, nn.Sequential) and not is_a(network, ["SequentialModule"]):
        raise SpecificationError(
            f"a {type(network).__name__} given", remedy="give an escnn.nn.SequentialModule or a torch.nn.Sequential"
        )
    children: dict[str, Any] = network._modules  # not `named_children`, as in `Steerable.forward`
    for name, module in children.items():
        below = f"{path}.{name}" if path else name
        if isinstance(module, nn.Sequential) or is_a(module, ["SequentialModule"]):
            yield from modules_of(module, below)
        else:
            yield below, module


def fault(path: str, text: str, remedy: str) -> SpecificationError:
    """The error for the module at a path of the network."""
    return SpecificationError(text, part=f'module "{path}"', remedy=remedy)
