"""Set partitions, and their nested form on a forest of index positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from symmetry.space.layout import Position

__all__ = ["Partition", "forest_partitions", "half_rule", "joint_rule", "set_partitions"]

Partition = tuple[tuple[int, ...], ...]
"""Blocks of places, each sorted, in the order of their first places."""
Rule = Callable[[Sequence[int]], bool]
"""Whether some places of one index may be a block."""


def set_partitions(items: Sequence[int], most: float) -> Iterator[Partition]:
    """Partitions of `items` into at most `most` blocks, by restricted growth.

    >>> list(set_partitions((0, 1, 2), 2))
    [((0, 1, 2),), ((0, 1), (2,)), ((0, 2), (1,)), ((0,), (1, 2))]
    """
    if not items:
        yield ()
        return

    def grow(blocks: tuple[tuple[int, ...], ...], rest: Sequence[int]) -> Iterator[Partition]:
        if not rest:
            yield blocks
            return
        for number, block in enumerate(blocks):
            yield from grow((*blocks[:number], (*block, rest[0]), *blocks[number + 1 :]), rest[1:])
        if len(blocks) < most:
            yield from grow((*blocks, (rest[0],)), rest[1:])

    yield from grow((), items)


def joint_rule(positions: Sequence[Position], split: int) -> Rule:
    """The rule for whole diagrams, the first `split` positions being those of the target."""

    def allows(block: Sequence[int]) -> bool:
        index = positions[block[0]].index
        return index.allows([index.label(positions[place].charge, read=place >= split) for place in block])

    return allows


def half_rule(positions: Sequence[Position]) -> Rule:
    """The rule for one side of a diagram: a block is whole, or the other side may complete it."""

    def allows(block: Sequence[int]) -> bool:
        index, charges = positions[block[0]].index, [positions[place].charge for place in block]
        return index.closes(charges) or index.keeps(charges) is not None

    return allows


def forest_partitions(
    positions: Sequence[Position], allows: Rule, places: Sequence[int] | None = None
) -> Iterator[Partition]:
    """Partitions of the joined positions into blocks that a rule allows, within `places` where these are given.

    Parents come first, then the children inside each block of parents. An index has at most as many blocks as it has
    room for, a nested one within each block of parents.
    """
    if places is None:
        places = [p for p, position in enumerate(positions) if position.index.joined and position.parent is None]
    by_index: dict[str, list[int]] = {}
    for place in places:
        by_index.setdefault(positions[place].index.name, []).append(place)
    options = [list(nested_partitions(positions, allows, group)) for group in by_index.values()]
    for chosen in product(*options):
        yield tuple(sorted(block for partition in chosen for block in partition))


def nested_partitions(positions: Sequence[Position], allows: Rule, group: Sequence[int]) -> Iterator[Partition]:
    """Partitions of the places of one index, with those of the places nested below each block."""
    for partition in set_partitions(group, positions[group[0]].index.room):
        if not all(map(allows, partition)):
            continue
        below = [
            list(forest_partitions(positions, allows, [p for p, one in enumerate(positions) if one.parent in block]))
            for block in partition
        ]
        for chosen in product(*below):
            yield (*partition, *(block for inner in chosen for block in inner))
