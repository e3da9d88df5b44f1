"""Repeated blocks of a weight space folded into families: tensors whose names differ in a number only.

Blocks are alike where they have the same tensors over the same axes, up to the names of indices that no other block
has. Blocks of which that holds, one after the other, become one: their numbers are the values of a positional index,
and the sets of each block are nested in it. Inner blocks are folded before outer ones, so that the experts of a layer
are one family when layers are compared. Written out again (`without_families`), the space is the one that was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symmetry.kinds.positional import PositionalIndex
from symmetry.language.axes import Atom, Expression, atoms, print_axes, substitute
from symmetry.language.families import FamilyName, Number
from symmetry.language.names import fresh_name
from symmetry.space.declarations import Tensor
from symmetry.space.weight_space import WeightSpace

__all__ = ["Repeated", "in_families"]

COMPONENT = re.compile(r"(?:(?<=\.)|^)(?:0|[1-9][0-9]{0,5})(?=\.|$)")
"""A number that stands by itself between the dots of a name, as modules in a list have it."""
Improve = Callable[[WeightSpace, "Repeated"], WeightSpace]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Blocks that were folded.

    Parameters
    ----------
    prefix
        The name of the list of blocks, up to and with its last dot.
    index
        The name of the index that numbers them.
    """

    prefix: str
    index: str


@dataclass(frozen=True, slots=True)
class Block:
    """The tensors of one block, in the order of their names.

    Parameters
    ----------
    number
        The number in their names.
    tensors
        The tensors, by what is left of the name after the number.
    local
        The indices that no tensor of another block has, in the order of their first use.
    form
        The tensors and declarations with other names for these: equal for blocks that are alike.
    """

    number: int
    tensors: tuple[tuple[FamilyName, Tensor], ...]
    local: tuple[str, ...]
    form: Any


def in_families(space: WeightSpace, improve: Improve = lambda space, found: space) -> WeightSpace:
    """The weight space with repeated blocks as families.

    Parameters
    ----------
    space
        A weight space.
    improve
        Called with the space and each repetition right after it is folded; gives the space to go on with, in which the
        index of the family may be of another kind.

    Returns
    -------
    WeightSpace
        The same weight space, or a symmetric one, if `improve` makes it so.

    Examples
    --------
    >>> tensors = {"0.up": "a d", "0.down": "d a", "1.up": "b d", "1.down": "d b", "out": "y d"}
    >>> print(in_families(WeightSpace(tensors, sets={"a": 8, "b": 8, "d": 4}, free={"y": 2})))
    [sets]
    a = { size = 8, within = "block" }
    d = 4
    [free]
    y = 2
    [positional]
    block = 2
    [tensors]
    "{block}.up" = "a d"
    "{block}.down" = "d a"
    "out" = "y d"
    <BLANKLINE>
    """
    done: set[str] = set()
    while (prefix := next_prefix(space, done)) is not None:
        done.add(prefix)
        while (run := first_run(space, prefix)) is not None:
            space, found = folded(space, prefix, run)
            space = improve(space, found)
    return space


def next_prefix(space: WeightSpace, done: set[str]) -> str | None:
    """The first of the deepest lists of blocks that were not looked at yet."""
    found = {prefix: None for tensor in space for prefix, _, _ in split_names(tensor.family) if prefix not in done}
    return max(found, key=lambda prefix: prefix.count("."), default=None)


def split_names(name: FamilyName) -> Iterator[tuple[str, int, FamilyName]]:
    """Each way to take a name apart at a number of its first text: what is before it, the number, and the rest."""
    for match in COMPONENT.finditer(name.texts[0]):
        rest = FamilyName((name.texts[0][match.end() :], *name.texts[1:]), name.numbers)
        yield name.texts[0][: match.start()], int(match.group()), rest


def blocks_at(space: WeightSpace, prefix: str) -> list[Block]:
    """The blocks with a number after a prefix, in the order of their numbers."""
    parts: dict[int, dict[FamilyName, Tensor]] = {}
    for tensor in space:
        for before, number, rest in split_names(tensor.family):
            if before == prefix:
                parts.setdefault(number, {})[rest] = tensor
    return [make_block(space, number, parts[number]) for number in sorted(parts)]


def make_block(space: WeightSpace, number: int, parts: Mapping[FamilyName, Tensor]) -> Block:
    """A block with its local indices and its form."""
    own = {tensor.name for tensor in parts.values()}
    shared = {name for tensor in space if tensor.name not in own for name in names_in(tensor.axes)}
    tensors = tuple(sorted(parts.items(), key=lambda item: (item[0].texts, print_axes(item[1].own_axes))))
    local = dict.fromkeys(name for _, tensor in tensors for name in names_in(tensor.axes) if name not in shared)
    names = {name: f"#{place}" for place, name in enumerate(local)}

    def renamed(axes: Sequence[Expression]) -> str:
        return print_axes(renamed_axis(axis, names) for axis in axes)

    declared = []
    for name in local:
        index = space.index(name)
        parent = None if index.parent is None else names.get(index.parent, index.parent)
        declared.append((index.section, str(index.named("", parent).of_size(index.size))))
    spelled = [
        (rest.texts, [(one.first, one.step) for one in rest.numbers], renamed(rest.axes), renamed(tensor.own_axes))
        for rest, tensor in tensors
    ]
    return Block(number, tensors, tuple(local), (str(spelled), tuple(declared)))


def names_in(axes: Sequence[Expression]) -> Iterator[str]:
    """The names of the indices in some axes."""
    return (atom.name for atom in atoms(*axes) if atom.name)


def first_run(space: WeightSpace, prefix: str) -> list[Block] | None:
    """The first blocks after a prefix that are alike, one after the other, with numbers at one distance."""
    blocks = blocks_at(space, prefix)
    start = 0
    while start < len(blocks):
        stop = start + 1
        while stop < len(blocks) and alike(space, blocks[start : stop + 1]):
            stop += 1
        if stop - start > 1:
            return blocks[start:stop]
        start = stop
    return None


def alike(space: WeightSpace, blocks: Sequence[Block]) -> bool:
    """Whether blocks, of which all but the last are known to be alike, can be one family."""
    first, second, last = blocks[0], blocks[1], blocks[-1]
    evenly = last.number - blocks[-2].number == second.number - first.number
    return evenly and last.form == first.form and all(nestable(space, name, last.local) for name in last.local)


def nestable(space: WeightSpace, name: str, local: Collection[str]) -> bool:
    """Whether a block's own index is nested in that of the blocks, can be, or needs not be since no group moves it."""
    index = space.index(name)
    if index.parent is not None:  # a set has one parent
        outermost = space.lineage(index)[0]
        return index.parent in local and outermost.named(outermost.name, "parent").parent == "parent"
    moves = index.action is not None and index.action.name == index.name and not index.embedded
    return not moves or index.named(index.name, "parent").parent == "parent"


def folded(space: WeightSpace, prefix: str, run: Sequence[Block]) -> tuple[WeightSpace, Repeated]:
    """The space with a run of blocks as families, over an index of its own."""
    gone = {name for block in run[1:] for name in block.local}
    kept = [index.name for index in space.indices if index.name not in gone]
    own = fresh_name(index_wish(prefix), kept)
    merged = merged_names(run[0], {*kept, own})
    number = Number(Atom(own), run[0].number, run[1].number - run[0].number)
    rows = {tensor.name: (rest, tensor) for rest, tensor in run[0].tensors}
    dropped = {tensor.name for block in run[1:] for _, tensor in block.tensors}
    tensors: dict[str, str] = {}
    for tensor in space:
        name, axes = tensor.family, tensor.own_axes
        if tensor.name in rows:
            rest, _ = rows[tensor.name]
            rest = rest.over(renamed_axis(axis, merged) for axis in rest.axes)
            name = FamilyName((prefix, *rest.texts), (number, *rest.numbers))
            axes = tuple(renamed_axis(axis, merged) for axis in axes)
        if tensor.name not in dropped:
            tensors[str(name)] = print_axes(axes)
    sections: dict[str, dict[str, Any]] = {}
    for index in space.indices:
        if index.name not in gone:
            parent = merged.get(index.parent, index.parent) if index.parent else None
            if index.name in merged and parent is None:
                parent = own
            made = index.named(merged.get(index.name, index.name), parent)
            sections.setdefault(index.section, {})[made.name] = made.of_size(made.size)
    sections.setdefault(PositionalIndex.section, {})[own] = len(run)
    return WeightSpace(tensors, **sections), Repeated(prefix, own)


def renamed_axis(axis: Expression, names: Mapping[str, str]) -> Expression:
    """An axis over indices of other names."""
    return substitute(axis, lambda atom: replace(atom, name=names.get(atom.name, atom.name)))


def index_wish(prefix: str) -> str:
    """A name for the index of blocks, after the list that they are in."""
    last = prefix.rstrip(".").rpartition(".")[2]
    return last if last.isidentifier() else "block"


def merged_names(block: Block, taken: set[str]) -> dict[str, str]:
    """Names for the indices that blocks have in common, after those of the first block without its number."""
    found: dict[str, str] = {}
    for name in block.local:
        wish = re.sub(rf"(?:^|(?<=_)){block.number}(?:_|$)", "", name, count=1).rstrip("_")
        found[name] = fresh_name(wish if wish.isidentifier() else name, (taken - {*block.local}) | {*found.values()})
    return found
