"""The exact number of diagrams of a block, without listing them.

The joined positions of a block form a forest: the position of a nested index hangs below its parent's. A diagram
partitions the positions of each root index into blocks that the kind allows, at most as many as it has room for; then,
within each block of parents, the child positions, and so on down. The number of ways depends only on how many positions
of each shape there are, so the sums below run over multisets of subtrees, never over partitions.

For one set of n elements with k positions the number is B(k, n) = Σ_{j≤n} S(k, j), the restricted Bell number, where
S(k, j) are Stirling numbers of the second kind.

References
----------
Graham, Knuth and Patashnik, "Concrete Mathematics", 1994, section 6.1 (Stirling numbers; the recursion of
`partitions_into` is equation 6.15); Pearce-Crump, "Connecting permutation equivariant neural networks and partition
diagrams", arXiv:2212.08648, 2022 (at most n blocks, for small sets).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Piece

__all__ = ["Multiset", "Tree", "block_count", "count", "forest"]

MOST_SHAPES = 10_000
"""The largest number of sub-multisets of one index's trees. The time to count grows with it; equal trees make few."""
LARGE = 2**62
"""A size at which there is room for any number of blocks."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A position as far as counting distinguishes it from others.

    Parameters
    ----------
    index
        Its index; where sets count as large, at a size at which it is.
    label
        Its label, by which the kind decides which blocks are allowed.
    below
        The trees of the positions nested in it, sorted.
    """

    index: Index
    label: Hashable = ()
    below: tuple[Tree, ...] = ()

    @property
    def rank(self) -> tuple[Any, ...]:
        """The sort key of a tree."""
        return self.index.name, self.label, tuple(tree.rank for tree in self.below)


Multiset = tuple[tuple[Tree, int], ...]
"""Distinct trees, sorted, each with its multiplicity."""


def forest(piece: Piece, *, read: bool = False, bounded: bool = True) -> Multiset:
    """The joined positions of a piece as trees.

    Parameters
    ----------
    piece
        A piece of a target, or of a source.
    read
        Whether it is a piece of a source.
    bounded
        Whether sets have their declared sizes; else there is room for any number of blocks.

    Returns
    -------
    Multiset
        The trees of the positions that are not nested.
    """
    children: dict[int | None, list[int]] = {}
    for place in piece.joined:
        children.setdefault(piece.positions[place].parent, []).append(place)

    def tree(place: int) -> Tree:
        index = piece.positions[place].index
        below = sorted((tree(child) for child in children.get(place, ())), key=lambda child: child.rank)
        label = index.label(piece.positions[place].charge, read=read)
        return Tree(index if bounded else replace(index, size=LARGE), label, tuple(below))

    return gather((tree(place), 1) for place in children.get(None, ()))


def gather(trees: Iterable[tuple[Tree, int]]) -> Multiset:
    """The multiset of trees with multiplicities."""
    total: Counter[Tree] = Counter()
    for tree, times in trees:
        total[tree] += times
    return tuple(sorted(total.items(), key=lambda item: item[0].rank))


@cache
def count(trees: Multiset) -> int:
    """The number of diagrams on a forest.

    For `k` positions of one set of size `n` it is B(k, n), the number of set partitions into at most `n` blocks:

    >>> from symmetry.kinds.sets import SetIndex
    >>> [count(((Tree(SetIndex("h", n)), 4),)) for n in (1, 2, 3, 4, 5)]
    [1, 8, 14, 15, 15]

    Raises `SpecificationError` where nested positions are of too many shapes.
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
        sum(arranged(tuple(items), blocks) for blocks in range(1, bound(items) + 1)) for items in by_index.values()
    )


def arranged(items: Multiset, blocks: int) -> int:
    """The number of partitions into `blocks` blocks, with a relation between the values of each two blocks."""
    return len(items[0][0].index.relations) ** math.comb(blocks, 2) * partitions_into(items, blocks)


def bound(items: Sequence[tuple[Tree, int]]) -> int:
    """The largest number of blocks: at most the number of positions, and the room of the index."""
    return int(min(items[0][0].index.room, sum(times for _, times in items)))


@cache
def partitions_into(items: Multiset, blocks: int) -> int:
    """The number of partitions of one index's positions into `blocks` blocks, with all positions nested in them.

    This is the recursion S(k, j) = Σ_m C(k-1, m-1) S(k-m, j-1) over the size m of the block that holds the first
    position, on multisets of trees, without the blocks that the kind forbids.
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
    """The number of diagrams on the positions nested in one block of parents."""
    return count(gather((child, times) for tree, times in block for child in tree.below))


def block_count(pieces: tuple[Piece, Piece], *, bounded: bool = True) -> int:
    """The number of diagrams of a pair of pieces, first the target's, then the source's; free values are left open."""
    target, source = pieces
    written, read = forest(target, bounded=bounded), forest(source, read=True, bounded=bounded)
    return count(gather((*written, *read)))
