"""Free indices: inputs, outputs, kernel positions, gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symmetry.kinds.index import Index

__all__ = ["FreeIndex"]


@dataclass(frozen=True, slots=True)
class FreeIndex(Index):
    """An index nothing acts on: every value has its own parameters. Anonymous ones have the name ''."""

    section: ClassVar[str] = "free"
    noun: ClassVar[str] = "free"
    free: ClassVar[bool] = True
