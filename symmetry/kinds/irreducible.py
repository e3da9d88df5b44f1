"""Indices of irreducible representations, into which tensors over representation indices are decomposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from symmetry.kinds.index import Index

__all__ = ["IrrepIndex"]


@dataclass(frozen=True, slots=True)
class IrrepIndex(Index):
    """The index of an irreducible representation, into which tensors over representation indices are decomposed.

    By Schur's lemma an equivariant map joins it to one of the same irreducible representation and to nothing else.
    It is never declared.
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
