"""Temporary door to the kinds, while what uses them moves."""

from symmetry.kinds.free import FreeIndex
from symmetry.kinds.index import Index, Invariant
from symmetry.kinds.irreducible import IrrepIndex
from symmetry.kinds.positional import PositionalIndex
from symmetry.kinds.registry import KINDS as BY_SECTION
from symmetry.kinds.representation import RepresentationIndex
from symmetry.kinds.sets import SetIndex

__all__ = [
    "KINDS",
    "FreeIndex",
    "Index",
    "Invariant",
    "IrrepIndex",
    "PositionalIndex",
    "RepresentationIndex",
    "SetIndex",
]

KINDS = tuple(BY_SECTION.values())
