"""The kinds of index that specifications may declare, by the name of their section.

>>> list(KINDS)
['sets', 'free', 'positional', 'representations', 'vectors']
"""

from __future__ import annotations

from symmetry.kinds.free import FreeIndex
from symmetry.kinds.index import Index
from symmetry.kinds.positional import PositionalIndex
from symmetry.kinds.representation import RepresentationIndex
from symmetry.kinds.sets import SetIndex
from symmetry.kinds.vectors import VectorIndex

__all__ = ["KINDS"]

KINDS: dict[str, type[Index]] = {
    kind.section: kind for kind in (SetIndex, FreeIndex, PositionalIndex, RepresentationIndex, VectorIndex)
}
"""The kinds by section. Printed specifications have their sections in this order."""
