"""How many diagrams a block has, exactly and without listing them.

A block's permuted positions form a forest (a nested set's position hangs under its parent's), and a diagram
partitions it: first the positions of each root set into at most `size` blocks, then, within each block of
parents, the child positions that fell into it, and so on down. The number of ways depends only on how many
positions of each shape there are, which is what makes counting cheap: the sums below run over multisets of
subtrees, never over partitions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Piece

__all__ = ["Multiset", "Tree", "block_count", "count", "forest", "irreps_match"]

Tree = tuple[str, float, tuple[Any, ...]]
"""A set's name, its size (infinite where the size is to play no part), the sorted subtrees under it."""
Multiset = tuple[tuple[Tree, int], ...]
"""Distinct subtrees, sorted, with how often each occurs."""


MOST_KINDS = 10_000
"""Counting takes time in the sub-multisets of one set's positions; positions with equal subtrees make few of them."""


def forest(piece: Piece, *, bounded: bool = True) -> Multiset:
    """The permuted positions of a piece as a multiset of trees; `bounded=False` makes every set infinite."""
    children: dict[int | None, list[int]] = {}
    for place in piece.permuted:
        if piece.positions[place].index.paired:
            continue
        children.setdefault(piece.positions[place].parent, []).append(place)

    def tree(place: int) -> Tree:
        index = piece.positions[place].index
        below = tuple(sorted(tree(child) for child in children.get(place, ())))
        return index.name, index.size if bounded else math.inf, below

    return gather(tree(place) for place in children.get(None, ()))


def gather(trees: Iterator[Tree]) -> Multiset:
    return tuple(sorted(Counter(trees).items()))


def merge(*multisets: Multiset) -> Multiset:
    """The union of multisets, multiplicities added."""
    total: Counter[Tree] = Counter()
    for multiset in multisets:
        total.update(dict(multiset))
    return tuple(sorted(total.items()))


def by_set(trees: Multiset) -> dict[str, Multiset]:
    """The trees of each set."""
    found: dict[str, list[tuple[Tree, int]]] = {}
    for tree, times in trees:
        found.setdefault(tree[0], []).append((tree, times))
    return {name: tuple(items) for name, items in found.items()}


@cache
def count(trees: Multiset) -> int:
    """The number of diagrams on a forest.

    For `k` positions of one set of size `n` it is B(k, n), the number of set partitions into at most `n` blocks:

    >>> [count(((("h", n, ()), 4),)) for n in (1, 2, 3, 4, 5)]
    [1, 8, 14, 15, 15]
    """
    sets = by_set(trees).values()
    if any(math.prod(times + 1 for _, times in items) > MOST_KINDS for items in sets):
        raise SpecificationError(
            "nested positions of too many kinds to count",
            remedy="use fewer sets nested within the same set in one tensor",
        )
    return math.prod(sum(partitions_into(items, blocks) for blocks in range(1, bound(items) + 1)) for items in sets)


def bound(items: Multiset) -> int:
    """The largest number of blocks: no more than there are positions, or elements of the set."""
    return int(min(items[0][0][1], sum(times for _, times in items)))


@cache
def partitions_into(items: Multiset, blocks: int) -> int:
    """Partitions of one set's positions into exactly `blocks` blocks, each with all that hangs below it.

    The recursion S(k, j) = Σ_m C(k-1, m-1) S(k-m, j-1) on the block of a first position, over multisets.
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
        rest = tuple((tree, m - n) for (tree, m), n in zip(items, taken, strict=True) if m > n)
        ways = math.comb(times - 1, taken[0] - 1) * math.prod(
            math.comb(m, n) for (_, m), n in zip(others, taken[1:], strict=True)
        )
        total += ways * below(chosen) * partitions_into(rest, blocks - 1)
    return total


def below(block: Multiset) -> int:
    """Diagrams on the positions nested in one block of parents."""
    return count(merge(*(tuple((child, n * times) for child, n in Counter(tree[2]).items()) for tree, times in block)))


def block_count(pieces: Sequence[Piece], *, bounded: bool = True) -> int:
    """The number of diagrams, free values left aside, of a block over the positions of all `pieces`."""
    if not irreps_match(pieces):
        return 0
    return count(merge(*(forest(piece, bounded=bounded) for piece in pieces)))


def irreps_match(pieces: Sequence[Piece]) -> bool:
    """Whether every irreducible representation of one piece is on the other as well."""
    names = [sorted(p.index.name for p in piece.positions if p.index.paired) for piece in pieces]
    return all(other == names[0] for other in names[1:])
