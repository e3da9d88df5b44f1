"""Numbers of diagrams summed over all pairs of tensors, in time that grows with the number of tensors, not its square.

The number of diagrams between two pieces is a product over the root indices of their positions (a nested set counts
with the outermost set that it lies in). For a root that only one piece has, the factor is the count of that piece
alone; for a root that both have, write it as (count alone × count alone) + extra. The product over roots then is a sum
over sets of shared roots, in which the sums over targets and over sources come apart: for each set of roots S

    Σ_a Σ_b extra(a, b) · (Σ over targets with a at S of their count at other roots) · (the same for sources and b)

where `a` and `b` are the few ways in which one tensor arranges positions of the roots in S.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, product
from typing import Any

from symmetry.kinds.free import FreeIndex
from symmetry.maps.counting import block_count
from symmetry.maps.isotypic import sources, targets
from symmetry.space.layout import Piece, Position
from symmetry.space.weight_space import Tensor

__all__ = ["free_size", "movers", "one", "roots", "total"]

Root = tuple[str, Piece]
"""The name of a root index, and its positions with all nested positions, as a piece."""
Roots = tuple[Root, ...]
"""The roots of a piece, sorted by name; the number of diagrams depends on nothing else."""
Weight = Callable[[Piece], Any]
Factor = Callable[[Piece, Piece], int]

NOTHING = Piece("", 0, ())
SOMETHING = Piece("", 0, (Position(FreeIndex("", 1)),))


def one(piece: Piece) -> int:
    """The weight for counting diagrams with free values open."""
    return 1


def free_size(piece: Piece) -> int:
    """The weight for counting a diagram once for each combination of free values."""
    return piece.free_size


@lru_cache(maxsize=100_000)
def roots(piece: Piece) -> Roots:
    """The joined positions of a piece, separated by the index at their root and sorted by its name."""
    found: dict[str, list[int]] = {}
    for place in piece.joined:
        top = place
        while (above := piece.positions[top].parent) is not None:
            top = above
        found.setdefault(piece.positions[top].index.name, []).append(place)
    return tuple(sorted(((name, alone(piece, places)) for name, places in found.items()), key=lambda root: root[0]))


def alone(piece: Piece, places: Sequence[int]) -> Piece:
    """Some positions of a piece, with their parents, as a piece that belongs to no tensor."""
    kept = (piece.positions[place] for place in places)
    return Piece(
        "",
        0,
        tuple(
            position if position.parent is None else replace(position, parent=places.index(position.parent))
            for position in kept
        ),
    )


def total(
    into: Iterable[Tensor], out_of: Iterable[Tensor], *, local: bool = False, weight: Weight, bounded: bool = True
) -> int:
    """The number of diagrams between some tensors and others, weighted by the two pieces of each diagram.

    Parameters
    ----------
    into, out_of
        The tensors that maps write, and the tensors that maps read.
    local
        Whether to count only pairs of tensors that share a set or a group, and those with one name.
    weight
        The weight of a piece: `one` for the number of diagrams with free values open, `free_size` for dimensions, a
        monomial in the free sizes for symbolic dimensions.
    bounded
        Whether sets have their declared sizes; else every set is large.

    Returns
    -------
    int
        Σ over pairs of pieces of diagrams × weight of the target piece × weight of the source piece.
    """

    def factor(target: Piece, source: Piece) -> int:
        return diagrams(target, source, bounded=bounded)

    written = [(tensor, weighed(targets(tensor), weight)) for tensor in into]
    read = [(tensor, weighed(sources(tensor), weight)) for tensor in out_of]
    every = sum_over_pairs(merged(one for _, one in written), merged(one for _, one in read), factor)
    if not local:
        return every
    apart = sum_over_pairs(
        by_movers(written, lambda piece: factor(piece, NOTHING)),
        by_movers(read, lambda piece: factor(NOTHING, piece)),
        lambda target, source: int(not (target.positions and source.positions)),
    )
    named = {tensor.name: (tensor, one) for tensor, one in read}
    pairs = ((tensor, one, *named[tensor.name]) for tensor, one in written if tensor.name in named)
    itself = sum(sum_over_pairs(a, b, factor) for target, a, source, b in pairs if not movers(target) & movers(source))
    return every - apart + itself


@lru_cache(maxsize=100_000)
def diagrams(target: Piece, source: Piece, *, bounded: bool) -> int:
    """The number of diagrams between two pieces, with free values open."""
    return block_count((target, source), bounded=bounded)


def weighed(pieces: Iterable[Piece], weight: Weight) -> Counter[Roots]:
    """The sum of the weights of pieces, by their roots."""
    found: Counter[Roots] = Counter()
    for piece in pieces:
        found[roots(piece)] += weight(piece)
    return found


def merged(sides: Iterable[Counter[Roots]]) -> Counter[Roots]:
    """The sum of the weights of the pieces of several tensors, by their roots."""
    found: Counter[Roots] = Counter()
    for side in sides:
        found.update(side)
    return found


@lru_cache(maxsize=100_000)
def movers(tensor: Tensor) -> frozenset[str]:
    """Names of the sets (the outermost of nested ones) and of the groups that move the entries of a tensor."""
    indices = [position.index for piece in tensor.pieces for position in piece.positions]
    groups = {index.group_name for index in indices if index.group_name is not None}
    return frozenset(groups | {name for piece in tensor.pieces for name, _ in roots(piece)})


def by_movers(side: Iterable[tuple[Tensor, Counter[Roots]]], count: Callable[[Piece], int]) -> Counter[Roots]:
    """The diagrams that tensors have with tensors that share no mover, summed over tensors with equal movers."""
    found: Counter[Roots] = Counter()
    for tensor, pieces in side:
        own = sum(times * math.prod(count(piece) for _, piece in one) for one, times in pieces.items())
        found[tuple((name, SOMETHING) for name in sorted(movers(tensor)))] += own
    return found


def sum_over_pairs(written: Mapping[Roots, int], read: Mapping[Roots, int], factor: Factor) -> int:
    """Σ over pairs of weight × weight × Π over roots of `factor`; `NOTHING` stands for a root that one side lacks.

    It is computed by shared roots, or pair by pair where that is less work: for a few tensors over very many sets.
    """
    few = len(written) * len(read) <= sum(2 ** len(one) for one in (*written, *read))
    return pair_by_pair(written, read, factor) if few else by_shared_roots(written, read, factor)


def pair_by_pair(written: Mapping[Roots, int], read: Mapping[Roots, int], factor: Factor) -> int:
    """`sum_over_pairs` by its definition."""
    pairs = product(written.items(), read.items())
    return sum(w * v * whole(dict(one), dict(other), factor) for (one, w), (other, v) in pairs)


def by_shared_roots(written: Mapping[Roots, int], read: Mapping[Roots, int], factor: Factor) -> int:
    """`sum_over_pairs` by the formula at the head of this file."""
    ours = by_roots(written, lambda piece: factor(piece, NOTHING))
    theirs = by_roots(read, lambda piece: factor(NOTHING, piece))
    return sum(
        w * v * math.prod(extra(a, b, factor) for (_, a), (_, b) in zip(one, other, strict=True))
        for names, members in ours.items()
        for (one, w), (other, v) in product(members.items(), theirs.get(names, {}).items())
    )


def whole(one: Mapping[str, Piece], other: Mapping[str, Piece], factor: Factor) -> int:
    """The product of the factors of all roots of two pieces."""
    return math.prod(factor(one.get(name, NOTHING), other.get(name, NOTHING)) for name in one.keys() | other.keys())


def extra(target: Piece, source: Piece, factor: Factor) -> int:
    """The number of diagrams over one root of two pieces that are no pair of diagrams of either piece alone."""
    return factor(target, source) - factor(target, NOTHING) * factor(NOTHING, source)


def by_roots(side: Mapping[Roots, int], count: Callable[[Piece], int]) -> dict[tuple[str, ...], Counter[Roots]]:
    """For every set of roots the arrangements of their positions, each with the weights of the pieces that have it.

    The weight of a piece is multiplied by the count of its other roots.
    """
    found: dict[tuple[str, ...], Counter[Roots]] = {}
    for every, weight in side.items():
        for chosen in (chosen for size in range(len(every) + 1) for chosen in combinations(every, size)):
            others = math.prod(count(piece) for name, piece in every if (name, piece) not in chosen)
            if others:
                found.setdefault(tuple(name for name, _ in chosen), Counter())[chosen] += weight * others
    return found
