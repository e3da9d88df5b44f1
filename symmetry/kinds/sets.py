"""Set indices: the neurons of a layer, channels, heads, and sets nested in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from symmetry.kinds.permuted import PermutedIndex
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name, check_size

__all__ = ["SetIndex"]


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

    @property
    def parent(self) -> str | None:
        return self.within

    def named(self, name: str, parent: str | None) -> SetIndex:
        return replace(self, name=name, within=parent)

    @classmethod
    def declared(cls, name: str, declaration: Any) -> SetIndex:
        if not isinstance(declaration, dict):
            return cls(name, check_size(name, declaration))
        unknown = sorted(set(declaration) - {"size", "within"}, key=str)
        if unknown or "size" not in declaration:
            fault = f"unknown key {unknown[0]!r}" if unknown else "no size"
            raise SpecificationError(
                f"{fault} in the declaration of {name!r}", remedy=f'write {name} = {{ size = 16, within = "head" }}'
            )
        within = declaration.get("within")
        return cls(name, check_size(name, declaration["size"]), None if within is None else check_name(within))

    def declaration(self) -> str:
        return str(self.size) if self.within is None else f'{{ size = {self.size}, within = "{self.within}" }}'

    def of_size(self, size: int) -> Any:
        return size if self.within is None else {"size": size, "within": self.within}
