"""The symmetry of neural network weights: weight spaces, their groups, and every equivariant linear map between them.

    specification ─▶ WeightSpace ─▶ EquivariantMaps

This file lists the public names of the package. Nothing in the package imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from symmetry.kinds.free import FreeIndex
from symmetry.kinds.index import Index
from symmetry.kinds.positional import PositionalIndex
from symmetry.kinds.representation import RepresentationIndex
from symmetry.kinds.sets import SetIndex
from symmetry.language.errors import SpecificationError
from symmetry.maps.diagrams import Diagram
from symmetry.maps.equivariant_maps import Block, EquivariantMaps
from symmetry.space.canonical import canonical
from symmetry.space.elements import GroupElement, element, generators, group_order, identity, random_element
from symmetry.space.ordering import ordered
from symmetry.space.specification import dumps, load, parse
from symmetry.space.weight_space import SCALAR, Tensor, WeightSpace, joint_space

if TYPE_CHECKING:
    from symmetry.verification.listing import orbit_count
    from symmetry.verification.report import PROOFS, Report, VerificationError, verify

__version__ = "0.1.0"

__all__ = [
    "PROOFS",
    "SCALAR",
    "Block",
    "Diagram",
    "EquivariantMaps",
    "FreeIndex",
    "GroupElement",
    "Index",
    "PositionalIndex",
    "Report",
    "RepresentationIndex",
    "SetIndex",
    "SpecificationError",
    "Tensor",
    "VerificationError",
    "WeightSpace",
    "__version__",
    "canonical",
    "dumps",
    "element",
    "generators",
    "group_order",
    "identity",
    "joint_space",
    "load",
    "orbit_count",
    "ordered",
    "parse",
    "random_element",
    "verify",
]

LAZY = {
    "orbit_count": "symmetry.verification.listing",
    **dict.fromkeys(("PROOFS", "Report", "VerificationError", "verify"), "symmetry.verification.report"),
}


def __getattr__(name: str) -> Any:
    """Names whose modules import heavy libraries, fetched at first use."""
    if name not in LAZY:
        raise AttributeError(f"module 'symmetry' has no attribute {name!r}")
    return getattr(import_module(LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
