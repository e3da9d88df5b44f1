"""Set partitions, and their nested form on a forest of index positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from symmetry.space.layout import Position

__all__ = ["Partition", "forest_partitions", "set_partitions"]

Partition = tuple[tuple[int, ...], ...]
"""Blocks of places, each sorted, in the order of their first places."""


def set_partitions(items: Sequence[int], most: int) -> Iterator[Partition]:
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


def forest_partitions(positions: Sequence[Position], places: Sequence[int] | None = None) -> Iterator[Partition]:
    """Partitions of the permuted positions: parents first, then the children inside each block of parents.

    A set of `n` elements has at most `n` blocks, a nested set at most `n` within each block of parents.
    """
    if places is None:
        places = [p for p, position in enumerate(positions) if position.index.permuted and position.parent is None]
    by_set: dict[str, list[int]] = {}
    for place in places:
        by_set.setdefault(positions[place].index.name, []).append(place)
    options = [list(nested_partitions(positions, group)) for group in by_set.values()]
    for chosen in product(*options):
        yield tuple(sorted(block for partition in chosen for block in partition))


def nested_partitions(positions: Sequence[Position], group: Sequence[int]) -> Iterator[Partition]:
    """Partitions of the places of one set, with those of the places nested below each block."""
    if positions[group[0]].index.paired:
        yield (tuple(group),)
        return
    for partition in set_partitions(group, positions[group[0]].index.size):
        below = [
            list(forest_partitions(positions, [p for p, position in enumerate(positions) if position.parent in block]))
            for block in partition
        ]
        for chosen in product(*below):
            yield (*partition, *(block for inner in chosen for block in inner))
