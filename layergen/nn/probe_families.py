"""What probes show of a family's blocks, stacked along the index of the family, as the weights are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from symmetry.language.axes import Atom, atoms, parse_axes, print_axes, substitute
from symmetry.language.families import FamilyName
from symmetry.space.families import Apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["Shown", "shown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A tensor of what probes show.

    Parameters
    ----------
    name
        The path of the module that makes it, with the index of a family in place of the number of a block.
    axes
        Its axes, without those of the family.
    recorded
        The names under which it is recorded: one, or one for each block, row-major.
    lengths
        The lengths of the axes along which blocks are stacked.
    """

    name: FamilyName
    axes: str
    recorded: tuple[str, ...]
    lengths: tuple[int, ...]

    def of(self, values: Mapping[str, Tensor]) -> Tensor:
        """The tensor of one network, `(*axes, probe)`, from what is recorded."""
        parts = [values[name] for name in self.recorded]
        return torch.stack(parts).unflatten(0, self.lengths) if self.lengths else parts[0]


@dataclass(slots=True)
class Group:
    """Values that blocks of one family have under one name, by the places of the blocks."""

    name: FamilyName
    axes: str
    own: bool
    """Whether the values live on sets that each block has for itself."""
    recorded: dict[tuple[int, ...], str] = field(default_factory=dict)


def shown(recorded: Mapping[str, str], space: WeightSpace, apart: Apart) -> list[Shown]:
    """The tensors that values of a module make up.

    Values of blocks that are the members of a family are one tensor, where each block has one. A value on the sets of a
    single block, which no other block has a value like, is left out.

    Parameters
    ----------
    recorded
        By name, the axes of each recorded value, over the indices of `apart.space`.
    space
        The weight space of the networks.
    apart
        The same space with its families written out.

    Returns
    -------
    list of Shown
        In the order of the first values.
    """
    prefixes = family_prefixes(space)
    groups: dict[tuple[str, str], Group] = {}
    for name, axes in recorded.items():
        family, places = block_of(name, prefixes)
        values = dict(zip((print_axes([axis]) for axis in family.axes), places, strict=True))
        copies = [apart.copies[atom.name] for atom in atoms(*parse_axes(axes)) if atom.name]
        held = [pair for copy in copies for pair in copy.places]
        if any(values.get(index) != value for index, value in held):
            continue
        axes = print_axes(substitute(axis, lambda atom: original(atom, apart)) for axis in parse_axes(axes))
        group = groups.setdefault((str(family), axes), Group(family, axes, bool(held)))
        group.recorded[places] = name
    return [one for group in groups.values() for one in whole(group, space)]


def whole(group: Group, space: WeightSpace) -> list[Shown]:
    """The tensor of a group of values; values of a few blocks by themselves, unless they live on these blocks' sets."""
    lengths = tuple(space.sizes[print_axes([axis])] for axis in group.name.axes)
    if len(group.recorded) == math.prod(lengths):
        names = tuple(group.recorded[places] for places in sorted(group.recorded))
        return [Shown(group.name, group.axes, names, lengths)]
    return [] if group.own else [Shown(FamilyName((n,), ()), group.axes, (n,), ()) for n in group.recorded.values()]


def original(atom: Atom, apart: Apart) -> Atom:
    """An occurrence of an index that a copy is of."""
    return Atom(apart.copies[atom.name].index, charge=atom.charge) if atom.name else atom


def family_prefixes(space: WeightSpace) -> list[FamilyName]:
    """The names of the blocks of all families, those inside other blocks first: `blocks.{layer}` and the like."""
    names = [tensor.family for tensor in space if all(isinstance(axis, Atom) for axis in tensor.family.axes)]
    found = {
        str(prefix): prefix
        for name in names
        for count in range(1, len(name.numbers) + 1)
        for prefix in [FamilyName((*name.texts[:count], ""), name.numbers[:count])]
    }
    return sorted(found.values(), key=lambda name: -len(name.numbers))


def block_of(name: str, prefixes: Iterable[FamilyName]) -> tuple[FamilyName, tuple[int, ...]]:
    """The name of a value with family indices in place of the numbers of its block, and the places of the block."""
    ends = [match.start() for match in re.finditer(r"\.|(?<=[0-9])_[0-9]+$|$", name)]  # several values of one module
    for prefix in prefixes:
        for end in ends:
            places = prefix.places(name[:end])
            if places is not None:
                return FamilyName((*prefix.texts[:-1], name[end:]), prefix.numbers), places
    return FamilyName((name,), ()), ()
