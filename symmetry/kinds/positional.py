"""Positional indices: 784 pixels, 50,000 tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symmetry.kinds.permuted import PermutedIndex

__all__ = ["PositionalIndex"]


@dataclass(frozen=True, slots=True)
class PositionalIndex(PermutedIndex):
    """An index whose values share parameters and are told apart by a learned embedding.

    The derivation treats it as a set; the embedding, added at a metanetwork's input, breaks that symmetry.
    """

    section: ClassVar[str] = "positional"
    noun: ClassVar[str] = "positional"
    embedded: ClassVar[bool] = True

    @property
    def acted_on_by(self) -> str:
        return f"{self.action.symbol} in the derivation, an embedding breaks it"
