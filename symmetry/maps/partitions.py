"""Set partitions, and partitions of index positions in which nested positions are partitioned within their parents.

References
----------
Knuth, "The Art of Computer Programming", volume 4A, section 7.2.1.5 (set partitions by restricted growth);
Banica and Speicher, "Liberation of orthogonal Lie groups", 2009 (a group decides which blocks are allowed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from symmetry.space.layout import Position

__all__ = ["Partition", "forest_partitions", "half_rule", "joint_rule", "set_partitions"]

Partition = tuple[tuple[int, ...], ...]
"""Blocks of numbers of positions, each sorted, in the order of their first positions."""
Rule = Callable[[Sequence[int]], bool]
"""Whether some positions of one index, given by their numbers, may form a block."""


def set_partitions(items: Sequence[int], most: float) -> Iterator[Partition]:
    """The partitions of `items` into at most `most` blocks, by restricted growth.

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
    """The rule for the blocks of whole diagrams, whose first `split` positions are the target's."""

    def allows(block: Sequence[int]) -> bool:
        index = positions[block[0]].index
        return index.allows([index.label(positions[place].charge, read=place >= split) for place in block])

    return allows


def half_rule(positions: Sequence[Position]) -> Rule:
    """The rule for one side of a diagram: a block stands alone, or positions of the other side may join it."""

    def allows(block: Sequence[int]) -> bool:
        index, charges = positions[block[0]].index, [positions[place].charge for place in block]
        return index.closes(charges) or index.keeps(charges) is not None

    return allows


def forest_partitions(
    positions: Sequence[Position], allows: Rule, places: Sequence[int] | None = None
) -> Iterator[Partition]:
    """The partitions of some joined positions into blocks that a rule allows.

    Parents are partitioned first, then the children within each block of parents. An index has at most as many blocks
    as its kind has room for; a nested index, within each block of parents.

    Parameters
    ----------
    positions
        All positions.
    allows
        Whether positions of one index, given by their numbers, may form a block.
    places
        The numbers of the positions to partition, with the positions nested in them; by default all that are not
        nested.

    Yields
    ------
    Partition
        Blocks of numbers of positions, sorted.
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
    """The partitions of the positions of one index, each with the partitions of the positions nested in its blocks."""
    for partition in set_partitions(group, positions[group[0]].index.room):
        if not all(map(allows, partition)):
            continue
        below = [
            list(forest_partitions(positions, allows, [p for p, one in enumerate(positions) if one.parent in block]))
            for block in partition
        ]
        for chosen in product(*below):
            yield (*partition, *(block for inner in chosen for block in inner))
