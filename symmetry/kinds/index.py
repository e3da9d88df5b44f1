"""The interface of a kind of index, which every other module asks.

A kind of index says how it is declared, which blocks of positions a diagram may have, which group acts on it, how an
element of the group moves the entries along an axis, and which function of an entry no element changes. The rule for
blocks is that of a category of partitions.

References
----------
Banica and Speicher, "Liberation of orthogonal Lie groups", Advances in Mathematics 222, 2009: categories of partitions
for S_n (every block), the hyperoctahedral group (blocks of even size), O(n) (pairs).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.representations import Representation
from symmetry.kinds.action import Action, Part
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_size

__all__ = ["Index", "Invariant"]


class Invariant(Enum):
    """A function of a tensor's entries that the action of a kind leaves unchanged; nonlinearities may use it."""

    ENTRY = "the entry itself"
    MAGNITUDE = "the absolute value of the entry"
    DIRECTION = "the entry over the norm of its channels"
    LENGTH = "the length along the index"
    CONTRACTION = "only its products with entries that transform against it"


@dataclass(frozen=True, slots=True)
class Index:
    """A named index of a given size; its subclasses are the kinds of index.

    The methods below give the defaults of the interface, which describe an index on which no group acts.

    Parameters
    ----------
    name
        Name of the index, a Python identifier.
    size
        Number of its values.

    Examples
    --------
    >>> from symmetry import FreeIndex, SetIndex
    >>> index = SetIndex("h", 32)
    >>> index.declaration(), index.action.symbol, FreeIndex("x", 2).action
    ('32', 'S_32', None)
    """

    name: str
    size: int

    section: ClassVar[str]
    """Section of the specification in which the kind is declared."""
    noun: ClassVar[str]
    """The word for an index of the kind, in messages."""
    joined: ClassVar[bool] = False
    """Whether the blocks of a diagram join its positions."""
    free: ClassVar[bool] = False
    """Whether each value has parameters of its own, so that a diagram gives a value to each position of the index."""
    embedded: ClassVar[bool] = False
    """Whether a learned embedding tells the values apart, which breaks the symmetry that the derivation assumes."""
    parental: ClassVar[bool] = False
    """Whether other indices may be nested within the index."""
    repeatable: ClassVar[bool] = False
    """Whether there may be copies of an element, as there may be of a neuron: a wider network has more of them."""
    charged: ClassVar[bool] = False
    """Whether an occurrence of the index may have a charge other than 1."""
    single: ClassVar[bool] = False
    """Whether a piece of a tensor may have one position of the index only."""
    exact_below: ClassVar[bool] = True
    """Whether the diagrams with room for their blocks are a basis at every size, below the `order` too."""

    # How an index is declared and printed.

    @property
    def parent(self) -> str | None:
        """Name of the set that this index is nested in; None for an index that is not nested."""
        return None

    @classmethod
    def declared(cls, name: str, declaration: Any) -> Index:
        """The index that `name = declaration` declares in the section of the kind.

        Parameters
        ----------
        name
            Name of the index.
        declaration
            The right-hand side, a plain value: by default the size.

        Returns
        -------
        Index
            The index.

        Raises
        ------
        SpecificationError
            If the declaration cannot be used.
        """
        return cls(name, check_size(name, declaration))

    @classmethod
    def examples(cls) -> Sequence[Sequence[Any]]:
        """Declarations for property tests to draw from; none for a kind that is drawn by size.

        Returns
        -------
        Sequence[Sequence[Any]]
            Rows of declarations; one group acts on the indices of one row together.
        """
        return ()

    def declaration(self) -> str:
        """The right-hand side of the declaration, as TOML.

        Returns
        -------
        str
            TOML that, read as a plain value, `declared` takes.
        """
        return str(self.size)

    def named(self, name: str, parent: str | None) -> Index:
        """The same index under another name.

        Parameters
        ----------
        name
            The new name.
        parent
            The new name of the set that it is nested in; None for an index that is not nested.

        Returns
        -------
        Index
            A copy.
        """
        return replace(self, name=name)

    def of_size(self, size: int) -> Any:
        """The right-hand side of the declaration at another size, as a plain value.

        Parameters
        ----------
        size
            Number of values.

        Returns
        -------
        Any
            A value that `declared` takes.
        """
        return size

    @property
    def stored(self) -> tuple[int, ...]:
        """The sizes of the axes that the index takes in a network's own tensor."""
        return (self.size,)

    @property
    def group_name(self) -> str | None:
        """Name of the group that acts on this index together with others; None for an index without one."""
        return None if self.action is None or self.action.name == self.name else self.action.name

    # Charges of occurrences.

    def check_charge(self, charge: int) -> None:
        """Raise `SpecificationError` for a charge that an occurrence of the index cannot have.

        Parameters
        ----------
        charge
            Exponent with which the group acts at the occurrence.

        Raises
        ------
        SpecificationError
            By default for every charge but 1.
        """
        if charge != 1:
            raise SpecificationError(
                f"{self.name!r} has no charges",
                remedy=f'write {self.name}, or declare it with scaled = "sign" or "positive", or in [vectors]',
            )

    def opposite(self, charge: int) -> int:
        """The charge of a position that transforms against another.

        Parameters
        ----------
        charge
            Exponent with which the group acts at the other position.

        Returns
        -------
        int
            The charge for which a sum over both positions does not change; by default the same.
        """
        return charge

    @property
    def neutral(self) -> int | None:
        """The charge at which entries are only moved, or None.

        The group of an index without such a charge leaves nothing alone but what does not depend on the index.
        """
        return None

    # Which blocks of positions a diagram may have.

    def order(self, positions: int) -> int:
        """The size from which on the number of diagrams does not depend on it.

        Parameters
        ----------
        positions
            The largest number of positions of the index in one diagram.

        Returns
        -------
        int
            By default the number of positions.
        """
        return positions

    def label(self, charge: int, *, read: bool) -> Hashable:
        """The label of a position, by which `allows` decides; positions with equal labels are counted together.

        Parameters
        ----------
        charge
            Exponent with which the group acts at the position.
        read
            Whether the position is one of the source; else it is one of the target.

        Returns
        -------
        Hashable
            By default the pair of both.
        """
        return charge, read

    def allows(self, labels: Sequence[Any]) -> bool:
        """Whether positions of target and source may form one block.

        Parameters
        ----------
        labels
            The `label` of each position.

        Returns
        -------
        bool
            By default: positions of one side only have to satisfy `closes`, and `keeps` has to agree between two sides.
        """
        written, read = ([charge for charge, of_source in labels if of_source is side] for side in (False, True))
        if not written or not read:
            return self.closes(written or read)
        kept = self.keeps(written)
        return kept is not None and kept == self.keeps(read)

    def closes(self, charges: Sequence[int]) -> bool:
        """Whether positions of one side alone may form a block.

        Parameters
        ----------
        charges
            The charge of each position.

        Returns
        -------
        bool
            True where the block needs no positions on the other side.
        """
        return True

    def keeps(self, charges: Sequence[int]) -> int | None:
        """The charge that a block keeps in a core, from the positions of one side.

        Positions of both sides may form a block where the two sides keep equal charges.

        Parameters
        ----------
        charges
            The charge of each position.

        Returns
        -------
        int | None
            The charge; None where these positions cannot share a block with any of the other side.
        """
        return 0

    @property
    def room(self) -> float:
        """The largest number of blocks that the positions of one index may form."""
        return self.size

    @property
    def relations(self) -> tuple[int, ...]:
        """How the values of two blocks, one of the target and one of the source, may stand to each other.

        A number k other than 0 demands that the target's value is k places after the source's; 0 demands nothing, and
        is left out where it is the sum of the others.
        """
        return (0,)

    @property
    def acting(self) -> Representation | None:
        """The representation by which a group acts, for an index whose tensors are decomposed first; else None.

        Diagrams then join the positions of the irreducible representations (`symmetry.maps.isotypic`).
        """
        return None

    # The group that acts on an index, and how its elements act.

    @property
    def action(self) -> Action | None:
        """The group that acts on the index, or None; one group acts on all indices whose actions have one name."""
        return None

    @property
    def acted_on_by(self) -> str:
        """The group that acts on the index, in words, without the groups of indices nested in it."""
        return "nothing" if self.action is None else self.action.symbol

    def images(self, part: Part) -> NDArray[np.intp] | None:
        """Where an element of the group takes each value.

        Parameters
        ----------
        part
            An element of the group `action`.

        Returns
        -------
        NDArray[np.intp] | None
            Axes `(*parents, value)`; None where every value stays.
        """
        return None

    def factors(self, part: Part, charge: int) -> NDArray[np.float64] | None:
        """The numbers by which an element of the group multiplies the entries at each value, before it moves them.

        Parameters
        ----------
        part
            An element of the group `action`.
        charge
            Exponent with which the group acts at the position.

        Returns
        -------
        NDArray[np.float64] | None
            Axes `(*parents, value)`; None where entries are not multiplied.
        """
        return None

    def settling(self, entries: Mapping[int, Any]) -> Any:
        """The numbers by which values are multiplied so that entries take a canonical form.

        Parameters
        ----------
        entries
            By charge, arrays of numpy or torch, axes `(…, value, entry)`, on which other groups only permute.

        Returns
        -------
        Any
            An array `(…, value)`, a continuous function of the entries, nought where all entries are; None where there
            is no such function.
        """
        return None

    def matrices(self, part: Part, charge: int) -> NDArray[np.float64] | None:
        """The matrices by which an element of the group acts along the index.

        Parameters
        ----------
        part
            An element of the group `action`.
        charge
            Exponent with which the group acts at the position.

        Returns
        -------
        NDArray[np.float64] | None
            Axes `(*parents, value, value)`; None where the group acts by no matrices.
        """
        return None

    def scalar_mean(self, labels: Sequence[Any]) -> Fraction:
        """The group mean of the product of the factors of one value, for the character average.

        Parameters
        ----------
        labels
            The `label` of each position whose factor is in the product.

        Returns
        -------
        Fraction
            The mean over the group of Π factors; 1 where entries are not multiplied.
        """
        return Fraction(1)

    def trace_mean(self, labels: Sequence[Any]) -> Fraction | None:
        """The group mean of the product of traces, for the character average.

        Parameters
        ----------
        labels
            The `label` of each position whose trace is in the product.

        Returns
        -------
        Fraction | None
            The mean; None where it follows from the fixed values of permutations and from `scalar_mean`.
        """
        return None

    def invariant(self, charge: int = 1) -> Invariant:
        """The function of an entry that the action along one occurrence of the index leaves unchanged.

        Parameters
        ----------
        charge
            Exponent with which the group acts at the occurrence.

        Returns
        -------
        Invariant
            The entry itself, or what is left of it.
        """
        return Invariant.ENTRY
