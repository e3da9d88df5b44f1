"""How large the initial weights are, so that outputs have unit variance for independent unit-variance inputs.

A pool that averages `p` entries has variance 1/p, so its rows are scaled up by √p. A spread that reaches the
fraction `r` of its piece's entries adds its variance to that fraction. If every weight that feeds a piece has
variance p / (channels · Σ r · rows), the sum over its spreads, the piece's mean variance is one at every width.
"""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

from layergen.plan.steps import Plan
from symmetry.maps.sides import Side
from symmetry.space.layout import Piece

__all__ = ["averaged", "fan_in"]


def block_sizes(side: Side) -> list[int]:
    """The size of each block of a side."""
    return [side.piece.positions[block[0]].index.size for block in side.blocks]


def averaged(side: Side) -> int:
    """The number of entries that a pool averages for each of its values."""
    sizes = block_sizes(side)
    return math.prod(sizes[number] for number in side.dropped)


def reach(side: Side) -> Fraction:
    """The fraction of a piece's entries that a spread reaches: the diagonals that its blocks identify."""
    every = math.prod(side.piece.positions[place].index.size for place in side.piece.joined)
    return Fraction(math.prod(block_sizes(side)), every)


def fan_in(plan: Plan) -> dict[Piece, list[tuple[int, Fraction]]]:
    """For each target piece and each mix that reaches it the rows of the mix, and how often it reaches an entry.

    The sum of their products is the mean number of weights, an input channel, that feed one of the piece's entries. The
    rows of a step have a term of their own: it does not reach the entries at one end.
    """
    found: dict[Piece, list[tuple[int, Fraction]]] = {}
    for mix in (mix for mix in plan.mixes if mix.pools):
        times: dict[Piece, Fraction] = {}
        for side in mix.spreads:
            times[side.piece] = times.get(side.piece, Fraction(0)) + reach(side)
        shares = Counter(math.prod(inside(plan, name) for name, _ in steps) for steps in mix.steps)
        for piece, count in times.items():
            found.setdefault(piece, []).extend((often * mix.width, share * count) for share, often in shares.items())
    return found


def inside(plan: Plan, name: str) -> Fraction:
    """The fraction of the values of an ordered index that have a value before them, which is that with one after."""
    return 1 - Fraction(1, plan.maps.sizes[name])
