"""Charges that solve a system of linear equations, over the rational numbers or modulo 2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from layergen.tracing.charges.equations import Number, Row

__all__ = ["solutions"]


def solutions(rows: Iterable[Row], wanted: Sequence[int], modulus: int) -> list[dict[int, int]]:
    """A basis of the solutions as far as the wanted unknowns go: whole numbers without a common divisor.

    Each vector begins with a positive number, at an unknown that is 0 in all others.

    >>> solutions([{1: 1, 2: 1}, {2: 1, 3: 2}], [1, 3], 0), solutions([{1: 2}], [1], 2)
    ([{1: 2, 3: 1}], [{1: 1}])
    """
    order = {unknown: place for place, unknown in enumerate(wanted)}
    eliminated = reduced(rows, lambda unknown: order.get(unknown, -1), modulus)  # what is not wanted first
    basis: dict[int, dict[int, Number]] = {}
    for unknown in wanted:
        if unknown not in eliminated:
            basis.setdefault(unknown, {})[unknown] = 1
        for free, factor in eliminated.get(unknown, {}).items():
            if free != unknown:
                basis.setdefault(free, {})[unknown] = -factor
    vectors = reduced(basis.values(), order.__getitem__, modulus)
    found = [whole(vectors[first]) for first in sorted(vectors, key=order.__getitem__)]
    return [{unknown: vector[unknown] for unknown in wanted if unknown in vector} for vector in found]


def reduced(rows: Iterable[Row], order: Callable[[int], int], modulus: int) -> dict[int, dict[int, Number]]:
    """Rows in reduced echelon form by their first unknown, which has the factor 1 there and is in no other row."""
    found: dict[int, dict[int, Number]] = {}
    for row in rows:
        left = normal(row, modulus)
        for unknown in [one for one in left if one in found]:
            left = less(left, found[unknown], unknown, modulus)
        if left:
            first = min(left, key=order)
            left = normal(times(left, 1 / Fraction(left[first])), modulus)
            for unknown, other in found.items():
                if first in other:
                    found[unknown] = less(other, left, first, modulus)
            found[first] = left
    return found


def less(row: Row, other: Row, unknown: int, modulus: int) -> dict[int, Number]:
    """A row less a multiple of another, without an unknown that has the factor 1 in the other."""
    factor, left = row[unknown], dict(row)
    for one, taken in other.items():
        left[one] = left.get(one, 0) - factor * taken
    return normal(left, modulus)


def times(row: Row, factor: Fraction) -> Row:
    """A row times a number; whole numbers stay whole where that is whole."""
    by = factor.numerator if factor.denominator == 1 else factor
    return {one: by * own for one, own in row.items()} if by != 1 else row


def normal(row: Row, modulus: int) -> dict[int, Number]:
    """A row without nought, of factors below the modulus."""
    factors = {one: factor % modulus if modulus else factor for one, factor in row.items()}
    return {one: factor for one, factor in factors.items() if factor}


def whole(vector: Row) -> dict[int, int]:
    """A vector times the number that makes its entries whole and without a common divisor."""
    scale = Fraction(
        math.lcm(*(factor.denominator for factor in vector.values())),
        math.gcd(*(factor.numerator for factor in vector.values())),
    )
    return {one: int(factor * scale) for one, factor in vector.items()}
