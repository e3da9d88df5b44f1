"""Dimensions as expressions in the free sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import sympy

from symmetry.maps.counting import block_count
from symmetry.space.layout import Piece

__all__ = ["symbolic_dimension"]


def symbolic_dimension(pairs: Iterable[tuple[Piece, Piece]]) -> sympy.Expr:
    """Σ over pairs of pieces of (diagrams, every set large) × (free sizes as symbols, anonymous ones as numbers)."""
    monomials: Counter[tuple[tuple[str, ...], int]] = Counter()
    for pair in pairs:
        names, constant = free_part(pair)
        monomials[names, constant] += block_count(pair, bounded=False)
    return sympy.Add(
        *(
            times * constant * sympy.prod(sympy.Symbol(name, integer=True, positive=True) for name in names)
            for (names, constant), times in monomials.items()
        )
    )


def free_part(pieces: tuple[Piece, ...]) -> tuple[tuple[str, ...], int]:
    """The names of the free indices of some pieces, and the product of the anonymous sizes."""
    free = [piece.positions[place].index for piece in pieces for place in piece.free]
    names = tuple(sorted(index.name for index in free if index.name))
    return names, math.prod(index.size for index in free if not index.name)
