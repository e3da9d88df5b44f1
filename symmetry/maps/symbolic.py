"""Dimensions as polynomials in the free sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sympy

from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.maps.isotypic import sources, targets
from symmetry.space.layout import Piece

if TYPE_CHECKING:
    from symmetry.maps.equivariant_maps import EquivariantMaps

__all__ = ["symbolic_dimension"]

MOST = 30_000
"""The largest number of monomials of a polynomial."""


def symbolic_dimension(maps: EquivariantMaps) -> sympy.Expr:
    """The number of diagrams where every set is large, as a polynomial in the free sizes.

    Named free sizes are symbols, anonymous ones numbers. Raises `SpecificationError` where the polynomial would have
    too many monomials.
    """
    written, read = targets(*maps.target), sources(*maps.source)
    count = len(set(map(free_names, written))) * len(set(map(free_names, read)))
    if count > MOST:
        raise SpecificationError(
            f"the dimension in the free sizes has up to {count:,} monomials, more than {MOST:,}",
            remedy="take the dimension in figures, or give free indices that are alike one name",
        )
    names = sorted({name for piece in (*written, *read) for name in free_names(piece)})
    ring, *symbols = sympy.ring([sympy.Symbol(name, integer=True, positive=True) for name in names], sympy.ZZ)
    symbol_of = dict(zip(names, symbols, strict=True))

    def monomial(piece: Piece) -> Any:
        anonymous = math.prod(index.size for index in free_indices(piece) if not index.name)
        return math.prod((symbol_of[name] for name in free_names(piece)), start=ring(anonymous))

    return ring(maps.total(monomial, bounded=False)).as_expr()


def free_indices(piece: Piece) -> Iterator[Index]:
    """The index of each free position."""
    return (piece.positions[place].index for place in piece.free)


def free_names(piece: Piece) -> tuple[str, ...]:
    """The names of the free indices of a piece, sorted."""
    return tuple(sorted(index.name for index in free_indices(piece) if index.name))
