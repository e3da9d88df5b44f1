"""Set indices: the neurons of a layer, channels, heads, sets nested in them, and neurons that may be multiplied."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.action import Part
from symmetry.kinds.index import Index, Invariant
from symmetry.kinds.permuted import PermutedIndex
from symmetry.kinds.scalars import SCALARS, Monomials, Scalars
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name, check_size
from symmetry.language.tables import check_table, print_table

__all__ = ["ScaledSetIndex", "SetIndex"]


@dataclass(frozen=True, slots=True)
class SetIndex(PermutedIndex):
    """An index that the symmetric group permutes: the neurons of a layer, channels, heads.

    With `within` it is a nested set: each element of the parent has a set of `size` elements and a symmetric group of
    its own. The wreath product S_size ≀ S_parent acts on parent and children together.

    Parameters
    ----------
    name
        Name of the set.
    size
        Number of its elements; of a nested set, within each element of the parent.
    within
        Name of the parent, if the set is nested.

    Examples
    --------
    >>> SetIndex("dk", 16, within="head").declaration()
    '{ size = 16, within = "head" }'
    """

    within: str | None = None

    section: ClassVar[str] = "sets"
    noun: ClassVar[str] = "set"
    parental: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    @property
    def parent(self) -> str | None:
        return self.within

    def named(self, name: str, parent: str | None) -> SetIndex:
        return replace(self, name=name, within=parent)

    @classmethod
    def declared(cls, name: str, declaration: Any) -> SetIndex:
        if not isinstance(declaration, dict):
            return cls(name, check_size(name, declaration))
        remedy = f'write {name} = {{ size = 16, within = "head" }}'
        check_table(name, declaration, required=["size"], optional=["within", "scaled"], remedy=remedy)
        size, within = check_size(name, declaration["size"]), declaration.get("within")
        parent = None if within is None else check_name(within)
        if "scaled" not in declaration:
            return cls(name, size, parent)
        scaled = declaration["scaled"]
        if not isinstance(scaled, str) or scaled not in SCALARS:
            known = " or ".join(f'"{word}"' for word in SCALARS)
            raise SpecificationError(f"{name!r} is scaled by {scaled!r}", remedy=f"write scaled = {known}")
        return ScaledSetIndex(name, size, parent, scaled)

    def _keys(self) -> dict[str, Any]:
        """The declaration as a table, without keys that have their defaults."""
        return {"size": self.size} | ({} if self.within is None else {"within": self.within})

    def declaration(self) -> str:
        keys = self._keys()
        return str(self.size) if len(keys) == 1 else print_table(keys)

    def of_size(self, size: int) -> Any:
        keys = self._keys()
        return size if len(keys) == 1 else keys | {"size": size}


@dataclass(frozen=True, slots=True)
class ScaledSetIndex(SetIndex):
    """A set each of whose elements may be multiplied by a number: a tanh neuron by -1, a ReLU neuron by any a > 0.

    The wreath product of the scalars and the symmetric group acts. An occurrence of the index has a charge: entries
    are multiplied by that power of their element's number. A block of positions may stand alone where the charges add
    up to zero (signs: to an even number), and joins positions of target and source where their sums are equal.

    Parameters
    ----------
    name, size, within
        As for a `SetIndex`.
    scaled
        `"sign"` or `"positive"`.

    References
    ----------
    Kalogeropoulos, Bouritsas and Panagakis, "Scale equivariant graph metanetworks", NeurIPS 2024; Tran et al.,
    "Monomial matrix group equivariant neural functional networks", NeurIPS 2024.

    Examples
    --------
    >>> index = ScaledSetIndex("h", 32, scaled="sign")
    >>> index.declaration(), index.acted_on_by
    ('{ size = 32, scaled = "sign" }', 'Z_2 ≀ S_32')
    >>> index.closes([1]), index.closes([1, 1]), index.keeps([1, 1, -1])
    (False, True, 1)
    """

    scaled: str = "sign"

    charged: ClassVar[bool] = True

    @property
    def scalars(self) -> Scalars:
        """The group of the numbers."""
        return SCALARS[self.scaled]

    def _keys(self) -> dict[str, Any]:
        return SetIndex._keys(self) | {"scaled": self.scaled}

    def check_charge(self, charge: int) -> None:
        pass

    def opposite(self, charge: int) -> int:
        return -charge

    @property
    def neutral(self) -> int:
        return 0

    def label(self, charge: int, *, read: bool) -> Hashable:
        return self.scalars.exponent(charge), read

    def allows(self, labels: Sequence[Any]) -> bool:
        return Index.allows(self, labels)

    def closes(self, charges: Sequence[int]) -> bool:
        return self.scalars.exponent(sum(charges)) == 0

    def keeps(self, charges: Sequence[int]) -> int:
        return self.scalars.exponent(sum(charges))

    @property
    def action(self) -> Monomials:  # type: ignore[override]
        return Monomials(self.name, self.size, self.scaled)

    def images(self, part: Part) -> NDArray[np.intp]:
        images: NDArray[np.intp] = part["image"]
        return images

    def factors(self, part: Part, charge: int) -> NDArray[np.float64] | None:
        exponent = self.scalars.exponent(charge)
        return part["factor"] ** exponent if exponent else None

    def settling(self, entries: Mapping[int, Any]) -> Any:
        """Factors by which the entries of each value have norm 1; none for signs, which jump where a sum is nought."""
        return None if self.scalars.order else self.scalars.canonical(entries, nought=0)

    def scalar_mean(self, labels: Sequence[Any]) -> Fraction:
        """The mean of the m-th roots of unity to the power of all charges, m above every sum; ±1 for signs."""
        total = sum(-charge if read else charge for charge, read in labels)
        order = self.scalars.order or 1 + sum(abs(charge) for charge, _ in labels)
        return Fraction(total % order == 0)

    def invariant(self, charge: int = 1) -> Invariant:
        return self.scalars.invariant if self.scalars.exponent(charge) else Invariant.ENTRY
