"""How many diagrams a block has, exactly and without listing them.

A block's joined positions form a forest (a nested index's position hangs under its parent's), and a diagram
partitions it: first the positions of each root index into blocks that its kind allows, at most as many as it has room
for, then, within each block of parents, the child positions that fell into it, and so on down. The number of ways
depends only on how many positions of each shape there are, which is what makes counting cheap: the sums below run over
multisets of subtrees, never over partitions. For a set of n elements alone the number is B(k, n), the restricted Bell
number of k positions; in Stirling numbers of the second kind, B(k, n) = Σ_{j≤n} S(k, j).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Piece

__all__ = ["Multiset", "Tree", "block_count", "count", "forest"]

MOST_SHAPES = 10_000
"""Counting takes time in the sub-multisets of one index's positions; positions of equal shape make few of them."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A position as far as counting sees it: its index, its label, the most blocks, the sorted trees nested in it."""

    index: Index
    room: float
    label: Hashable = ()
    below: tuple[Tree, ...] = ()

    @property
    def rank(self) -> tuple[Any, ...]:
        """What trees are sorted by."""
        return self.index.name, self.label, tuple(tree.rank for tree in self.below)


Multiset = tuple[tuple[Tree, int], ...]
"""Distinct trees, sorted, with how often each occurs."""


def forest(piece: Piece, *, read: bool = False, bounded: bool = True) -> Multiset:
    """The joined positions of a piece, written or `read`, as trees; `bounded=False` gives every index room for all."""
    children: dict[int | None, list[int]] = {}
    for place in piece.joined:
        children.setdefault(piece.positions[place].parent, []).append(place)

    def tree(place: int) -> Tree:
        index = piece.positions[place].index
        below = sorted((tree(child) for child in children.get(place, ())), key=lambda child: child.rank)
        label = index.label(piece.positions[place].charge, read=read)
        return Tree(index, index.room if bounded else math.inf, label, tuple(below))

    return gather((tree(place), 1) for place in children.get(None, ()))


def gather(trees: Iterable[tuple[Tree, int]]) -> Multiset:
    """The multiset of some trees with multiplicities."""
    total: Counter[Tree] = Counter()
    for tree, times in trees:
        total[tree] += times
    return tuple(sorted(total.items(), key=lambda item: item[0].rank))


@cache
def count(trees: Multiset) -> int:
    """The number of diagrams on a forest.

    For `k` positions of one set of size `n` it is B(k, n), the number of set partitions into at most `n` blocks:

    >>> from symmetry.kinds.sets import SetIndex
    >>> [count(((Tree(SetIndex("h", n), n), 4),)) for n in (1, 2, 3, 4, 5)]
    [1, 8, 14, 15, 15]

    Raises `SpecificationError` where the nested positions are of too many shapes.
    """
    by_index: dict[str, list[tuple[Tree, int]]] = {}
    for tree, times in trees:
        by_index.setdefault(tree.index.name, []).append((tree, times))
    if any(math.prod(times + 1 for _, times in items) > MOST_SHAPES for items in by_index.values()):
        raise SpecificationError(
            "nested positions of too many kinds to count",
            remedy="use fewer sets nested within the same set in one tensor",
        )
    return math.prod(
        sum(partitions_into(tuple(items), blocks) for blocks in range(1, bound(items) + 1))
        for items in by_index.values()
    )


def bound(items: Sequence[tuple[Tree, int]]) -> int:
    """The largest number of blocks: no more than there are positions, or than the index has room for."""
    return int(min(items[0][0].room, sum(times for _, times in items)))


@cache
def partitions_into(items: Multiset, blocks: int) -> int:
    """Partitions of one index's positions into exactly `blocks` blocks, each with all that hangs below it.

    The recursion S(k, j) = Σ_m C(k-1, m-1) S(k-m, j-1) on the block of a first position, over multisets, the blocks
    that the kind does not allow left out.
    """
    if not items:
        return int(blocks == 0)
    if blocks == 0:
        return 0
    (_, times), others = items[0], items[1:]
    counts = (range(1, times + 1), *(range(other + 1) for _, other in others))
    total = 0
    for taken in product(*counts):
        chosen = tuple((tree, n) for (tree, _), n in zip(items, taken, strict=True) if n)
        if not items[0][0].index.allows([tree.label for tree, n in chosen for _ in range(n)]):
            continue
        rest = tuple((tree, m - n) for (tree, m), n in zip(items, taken, strict=True) if m > n)
        ways = math.comb(times - 1, taken[0] - 1) * math.prod(
            math.comb(m, n) for (_, m), n in zip(others, taken[1:], strict=True)
        )
        total += ways * below(chosen) * partitions_into(rest, blocks - 1)
    return total


def below(block: Multiset) -> int:
    """Diagrams on the positions nested in one block of parents."""
    return count(gather((child, times) for tree, times in block for child in tree.below))


def block_count(pieces: tuple[Piece, Piece], *, bounded: bool = True) -> int:
    """The number of diagrams, free values left aside, of the maps to a target piece from a source piece."""
    target, source = pieces
    written, read = forest(target, bounded=bounded), forest(source, read=True, bounded=bounded)
    return count(gather((*written, *read)))
