"""One form for weight spaces that differ in names only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from symmetry.kinds.indices import FreeIndex
from symmetry.language.axes import Atom, Product, Sum, print_axes, product
from symmetry.space.weight_space import WeightSpace

__all__ = ["canonical"]


def canonical(space: WeightSpace) -> WeightSpace:
    """The same weight space with plain names: tensors by name, sets numbered as they come, free indices as sizes.

    Free neighbours in a product are one.

    Two spaces that differ in the names of indices and the order of tensors have one canonical form.

    >>> first = WeightSpace({"b": "h", "w": "y h"}, sets={"h": 3}, free={"y": 2})
    >>> [str(tensor) for tensor in canonical(first)]
    ['b[s0]', 'w[2 s0]']
    >>> canonical(first) == canonical(WeightSpace({"w": "2 unit", "b": "unit"}, sets={"unit": 3}))
    True
    """
    names: dict[str, str] = {}

    def renamed(axis: Any) -> Any:
        if isinstance(axis, Product):
            return product(merged([renamed(item) for item in axis.items]))
        if isinstance(axis, Sum):
            return replace(axis, terms=tuple(map(renamed, axis.terms)))
        if not axis.name:
            return axis
        index = space.index(axis.name)
        if isinstance(index, FreeIndex):
            return Atom("", index.size)
        return replace(axis, name=names.setdefault(axis.name, f"s{len(names)}"))

    tensors = {
        tensor.name: print_axes(tuple(map(renamed, tensor.axes))) for tensor in sorted(space, key=lambda one: one.name)
    }
    sections: dict[str, dict[str, Any]] = {}
    for index in sorted(space.indices, key=lambda one: names.get(one.name, "")):
        if index.name in names:
            declaration = index.of_size(index.size)
            if index.parent is not None:
                declaration |= {"within": names[index.parent]}
            sections.setdefault(index.section, {})[names[index.name]] = declaration
    return WeightSpace(tensors, **sections)


def merged(items: list[Any]) -> list[Any]:
    """The items of a product, numbers that follow each other multiplied."""
    found: list[Any] = []
    for item in items:
        if found and all(isinstance(one, Atom) and not one.name for one in (found[-1], item)):
            found[-1] = Atom("", found[-1].size * item.size)
        else:
            found.append(item)
    return found
