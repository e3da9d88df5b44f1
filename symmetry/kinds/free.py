"""Free indices, on which no group acts: inputs, outputs, kernel positions, gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symmetry.kinds.index import Index

__all__ = ["FreeIndex"]


@dataclass(frozen=True, slots=True)
class FreeIndex(Index):
    """An index on which no group acts: every value has its own parameters.

    Parameters
    ----------
    name
        Name of the index; "" for an anonymous one, as in `"c_out c_in 3 3"`.
    size
        Number of its values.

    Examples
    --------
    >>> FreeIndex("x", 2).acted_on_by
    'nothing'
    """

    section: ClassVar[str] = "free"
    noun: ClassVar[str] = "free"
    free: ClassVar[bool] = True
