"""The canonical form of a weight space, equal for spaces that differ in names only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from symmetry.language.axes import Atom, Expression, concatenation, fold, multiplied, print_axes, product
from symmetry.space.weight_space import WeightSpace

__all__ = ["canonical"]


def canonical(space: WeightSpace) -> WeightSpace:
    """The same weight space under canonical names, to compare architectures that name their indices differently.

    Tensors are sorted by name, indices are called `s0`, `s1`, … in the order of their first use, but free indices are
    replaced by their sizes, and adjacent sizes in a product are multiplied into one.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    WeightSpace
        A space over indices `s0`, `s1`, … of the same kinds and sizes.

    Examples
    --------
    >>> first = WeightSpace({"b": "h", "w": "y h"}, sets={"h": 3}, free={"y": 2})
    >>> [str(tensor) for tensor in canonical(first)]
    ['b[s0]', 'w[2 s0]']
    >>> canonical(first) == canonical(WeightSpace({"w": "2 unit", "b": "unit"}, sets={"unit": 3}))
    True
    """
    names: dict[str, str] = {}

    def plain(atom: Atom) -> Atom:
        if not atom.name:
            return atom
        index = space.index(atom.name)
        return Atom("", index.size) if index.free else replace(atom, name=names.setdefault(atom.name, f"s{len(names)}"))

    def renamed(axis: Expression) -> Expression:
        return fold(axis, leaf=plain, product=lambda items: product(multiplied(items)), concatenation=concatenation)

    tensors = {}
    for tensor in sorted(space, key=lambda one: one.members):
        axes, lead = [*map(renamed, tensor.axes)], len(tensor.family.numbers)
        tensors[str(tensor.family.over(axes[:lead]))] = print_axes(axes[lead:])
    sections: dict[str, dict[str, Any]] = {}
    for index in sorted(space.indices, key=lambda one: names.get(one.name, "")):
        if index.name in names:
            declaration = index.of_size(index.size)
            if index.parent is not None:
                declaration |= {"within": names[index.parent]}
            sections.setdefault(index.section, {})[names[index.name]] = declaration
    return WeightSpace(tensors, **sections)
