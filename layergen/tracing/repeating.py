"""Repeated blocks of a traced module as families, and as permuted ones where that preserves what it computes.

That blocks are alike is seen from the specification (`symmetry.space.repetition`), and makes them positions: the group
stays the same. That they may change places, as experts may beside the rows of their gate, is seen from no operator's
rule: it is tried, with each choice of axes that may count the blocks too, and kept where the function is preserved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeAlias

from symmetry.kinds.positional import PositionalIndex
from symmetry.kinds.sets import SetIndex
from symmetry.language.axes import Atom, atoms, print_axes, substitute
from symmetry.space.repetition import Repeated, in_families
from symmetry.space.weight_space import WeightSpace

__all__ = ["repeated_blocks"]

MOST_AXES = 4
"""The most axes, beside those of the blocks, of which every choice is tried."""
Leaf: TypeAlias = tuple[str, int]
"""A leaf of a tensor's axes: the name of the tensor, and the number of the leaf."""


def repeated_blocks(space: WeightSpace, preserved: Callable[[WeightSpace, str], bool] | None = None) -> WeightSpace:
    """A traced weight space with its repeated blocks as families.

    Parameters
    ----------
    space
        The weight space, every tensor by itself.
    preserved
        Whether permuting an index of a space, given by its name, preserves what the module computes; without it no
        family is permuted.

    Returns
    -------
    WeightSpace
        The same tensors, in families.
    """

    if preserved is None:
        return in_families(space)

    def improve(space: WeightSpace, found: Repeated) -> WeightSpace:
        candidates = (as_set(space, found.index, chosen) for chosen in choices(space, found))
        return next((permuted for permuted in candidates if preserved(permuted, found.index)), space)

    return in_families(space, improve)


def choices(space: WeightSpace, found: Repeated) -> Iterator[Sequence[Leaf]]:
    """Choices of anonymous axes that may count the blocks too, those with most axes first: a gate's rows and bias."""
    size, within = space.index(found.index).size, found.prefix.rstrip(".").rpartition(".")[0]
    leaves = [
        (tensor.name, number)
        for tensor in space
        if tensor.name.startswith(f"{within}." if within else "")
        and all(atom.name != found.index for atom in atoms(*tensor.family.axes))
        for number, atom in enumerate(atoms(*tensor.own_axes))
        if not atom.name and atom.size == size
    ]
    if len(leaves) > MOST_AXES:
        yield leaves
        leaves = []
    for count in range(len(leaves), -1, -1):
        yield from combinations(leaves, count)


def as_set(space: WeightSpace, name: str, chosen: Sequence[Leaf]) -> WeightSpace:
    """The space in which a positional index is a set, on some anonymous axes as well."""
    tensors, sections = space.declarations({})
    for tensor in space:
        numbers = iter(range(2**62))

        def leaf(atom: Atom, own: str = tensor.name, numbers: Iterator[int] = numbers) -> Atom:
            return replace(atom, name=name, size=0) if (own, next(numbers)) in chosen else atom

        tensors[tensor.name] = print_axes(substitute(axis, leaf) for axis in tensor.own_axes)
    sections[SetIndex.section][name] = sections[PositionalIndex.section].pop(name)
    return WeightSpace(tensors, **sections)
