"""Positional indices, such as 784 pixels or 50,000 tokens: parameters shared by all values, an embedding for each.

The values of an ordered one, such as the layers of a network, have neighbours, which maps tell from the other values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from symmetry.kinds.permuted import PermutedIndex
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_size
from symmetry.language.tables import check_table, print_table

__all__ = ["OrderedIndex", "PositionalIndex"]


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

    @classmethod
    def declared(cls, name: str, declaration: Any) -> PositionalIndex:
        if not isinstance(declaration, dict):
            return PositionalIndex(name, check_size(name, declaration))
        remedy = f"write {name} = {{ size = 12, ordered = true }}"
        check_table(name, declaration, required=["size"], optional=["ordered"], remedy=remedy)
        size, ordered = check_size(name, declaration["size"]), declaration.get("ordered", False)
        if not isinstance(ordered, bool):
            raise SpecificationError(f"{name!r} has ordered = {ordered!r}", remedy=f"{remedy}, or false")
        return (OrderedIndex if ordered else PositionalIndex)(name, size)

    @property
    def acted_on_by(self) -> str:
        return f"S_{self.size} in the derivation, an embedding breaks it"


@dataclass(frozen=True, slots=True)
class OrderedIndex(PositionalIndex):
    """A positional index whose values have neighbours: the layers of a network.

    Maps tell three cases of two different values apart: the target's value comes right after the source's, right
    before it, or neither. No group acts: what is shared is shared by declaration. A tensor has the index once.

    Parameters
    ----------
    name
        Name of the index.
    size
        Number of its values.

    Examples
    --------
    >>> index = OrderedIndex("layer", 12)
    >>> index.declaration(), index.relations, index.acted_on_by
    ('{ size = 12, ordered = true }', (0, 1, -1), 'nothing, neighbours are told apart')
    >>> OrderedIndex("layer", 2).relations, OrderedIndex("layer", 1).relations
    ((1, -1), ())
    """

    noun: ClassVar[str] = "ordered"
    single: ClassVar[bool] = True

    @property
    def relations(self) -> tuple[int, ...]:
        """Any other value, the value after, the value before; of two values, each is a neighbour of the other."""
        return (0, 1, -1) if self.size > 2 else (1, -1)[: 2 * (self.size - 1)]

    def order(self, positions: int) -> int:
        return 3 if positions > 1 else positions

    def declaration(self) -> str:
        return print_table({"size": self.size, "ordered": True})

    def of_size(self, size: int) -> Any:
        return {"size": size, "ordered": True}

    @property
    def action(self) -> None:  # type: ignore[override]
        return None

    @property
    def acted_on_by(self) -> str:
        return "nothing, neighbours are told apart"
