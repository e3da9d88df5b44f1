"""Positional indices, such as 784 pixels or 50,000 tokens: parameters shared by all values, an embedding for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symmetry.kinds.permuted import PermutedIndex

__all__ = ["PositionalIndex"]


@dataclass(frozen=True, slots=True)
class PositionalIndex(PermutedIndex):
    """An index whose values share parameters and are told apart by a learned embedding.

    The derivation treats it as a set, so that the number of parameters does not depend on its size. The embedding,
    added at a metanetwork's input, breaks that symmetry.

    Parameters
    ----------
    name
        Name of the index.
    size
        Number of its values.

    Examples
    --------
    >>> PositionalIndex("pixel", 784).acted_on_by
    'S_784 in the derivation, an embedding breaks it'
    """

    section: ClassVar[str] = "positional"
    noun: ClassVar[str] = "positional"
    embedded: ClassVar[bool] = True
    parental: ClassVar[bool] = True

    @property
    def acted_on_by(self) -> str:
        return f"{self.action.symbol} in the derivation, an embedding breaks it"
