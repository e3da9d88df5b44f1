"""Indices over irreducible representations, into which tensors over representation indices are decomposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from symmetry.kinds.index import Index

__all__ = ["IrrepIndex"]


@dataclass(frozen=True, slots=True)
class IrrepIndex(Index):
    """An index over the values of one copy of an irreducible representation; it is never declared.

    By Schur's lemma an equivariant map joins it to an index of the same irreducible representation on the other side,
    and to nothing else.
    """

    section: ClassVar[str] = ""
    noun: ClassVar[str] = "irreducible representation"
    joined: ClassVar[bool] = True

    def closes(self, charges: Sequence[int]) -> bool:
        return False

    def keeps(self, charges: Sequence[int]) -> int | None:
        return 0 if len(charges) == 1 else None

    @property
    def room(self) -> float:
        return math.inf
