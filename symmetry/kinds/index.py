"""What a kind of index says of itself: the one interface that everything else asks.

A kind says how it is declared, which blocks of positions a diagram may have, what acts on it and how that moves the
entries along an axis, and what of an entry the action leaves alone. The rule for blocks is that of a category of
partitions (Banica and Speicher, "Liberation of orthogonal Lie groups", 2009).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.representations import Representation
from symmetry.kinds.action import Action, Part
from symmetry.language.names import check_size

__all__ = ["Index", "Invariant"]


class Invariant(Enum):
    """What a kind's action leaves alone of a tensor's entries: functions may be made of it."""

    ENTRY = "the entry itself"
    MAGNITUDE = "the absolute value of the entry"
    LENGTH = "the length along the index"


@dataclass(frozen=True, slots=True)
class Index:
    """A named index of a given size. Subclasses are the kinds; what is here says that nothing acts on it."""

    name: str
    size: int

    section: ClassVar[str]
    """Section of the specification in which the kind is declared."""
    noun: ClassVar[str]
    """What an index of the kind is called."""
    joined: ClassVar[bool] = False
    """Whether a diagram's blocks join its positions."""
    free: ClassVar[bool] = False
    """Whether each of its values has parameters of its own, so that a diagram gives a value to each position."""
    embedded: ClassVar[bool] = False
    """Whether a learned embedding tells its values apart, which breaks the symmetry that the derivation assumes."""
    parental: ClassVar[bool] = False
    """Whether other indices may be nested within it."""

    # How it is declared and printed.

    @property
    def parent(self) -> str | None:
        """Name of the set that this index is nested in, if any."""
        return None

    @classmethod
    def declared(cls, name: str, declaration: Any) -> Index:
        """The index that `name = declaration` declares in the kind's section."""
        return cls(name, check_size(name, declaration))

    @classmethod
    def examples(cls) -> Sequence[Sequence[Any]]:
        """Declarations for property tests to draw from; those in one row are acted on together. None where sizes do."""
        return ()

    def declaration(self) -> str:
        """The right-hand side of the declaration, as TOML."""
        return str(self.size)

    def named(self, name: str, parent: str | None) -> Index:
        """The same index under another name, and with its parent under another."""
        return replace(self, name=name)

    def of_size(self, size: int) -> Any:
        """The right-hand side of the declaration, as Python, for another size."""
        return size

    @property
    def stored(self) -> tuple[int, ...]:
        """The sizes that an axis over this index has in a network."""
        return (self.size,)

    @property
    def group_name(self) -> str | None:
        """Name of the group that acts on it together with the other indices of that group, if there is one."""
        return None if self.action is None or self.action.name == self.name else self.action.name

    # Which blocks of positions a diagram may have.

    def label(self, charge: int, *, read: bool) -> Hashable:
        """What `allows` sees of a position: positions with equal labels are counted together."""
        return charge, read

    def allows(self, labels: Sequence[Any]) -> bool:
        """Whether positions of target and source with these labels may be one block."""
        written, read = ([charge for charge, of_source in labels if of_source is side] for side in (False, True))
        if not written or not read:
            return self.closes(written or read)
        kept = self.keeps(written)
        return kept is not None and kept == self.keeps(read)

    def closes(self, charges: Sequence[int]) -> bool:
        """Whether positions of one side alone, with these charges, may be a block."""
        return True

    def keeps(self, charges: Sequence[int]) -> int | None:
        """The charge that a core keeps of one side's positions of a block; None where the other side may have none.

        Positions of both sides may be a block where their cores' charges are equal.
        """
        return 0

    @property
    def room(self) -> float:
        """The most blocks that its positions may be in."""
        return self.size

    @property
    def acting(self) -> Representation | None:
        """The representation by which a tensor over this index is taken apart before diagrams join its positions."""
        return None

    # What acts on it, and how.

    @property
    def action(self) -> Action | None:
        """The group that acts on it; indices with an action of one name are acted on together."""
        return None

    @property
    def acted_on_by(self) -> str:
        """What acts on it, in words, without what is nested in it."""
        return "nothing" if self.action is None else self.action.symbol

    def images(self, part: Part) -> NDArray[np.intp] | None:
        """Where an element takes each value, axes `(*parents, value)`; None where it stays."""
        return None

    def factors(self, part: Part, charge: int) -> NDArray[np.float64] | None:
        """What an element multiplies the entries at each value with, axes `(*parents, value)`, before it moves them."""
        return None

    def matrices(self, part: Part, charge: int) -> NDArray[np.float64] | None:
        """By which matrices an element acts along the index, axes `(*parents, value, value)`; None without."""
        return None

    def scalar_mean(self, labels: Sequence[Any]) -> Fraction:
        """The mean, over what an element multiplies one value with, of its product at positions with these labels."""
        return Fraction(1)

    def invariant(self, charge: int = 1) -> Invariant:
        """What the action along an occurrence of that charge leaves alone of the entries."""
        return Invariant.ENTRY
