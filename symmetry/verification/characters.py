"""The character average: dim Hom_G(V, U) = (1/|G|) Σ_g tr ρ_U(g) tr ρ_V(g), exact in rationals for permutations.

A permutation representation's trace counts fixed points, so cycle types with equally many fixed points are
collected: S_n has C(n, m) D(n-m) elements with exactly m, D the derangement numbers. For a nested set the trace of
a position is a sum over the fixed elements of the parent of the fixed points below each, whose own permutations are
independent; an exponential generating function in one variable a position turns the average of a product of
such sums into a power of one polynomial.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from symmetry.groups.representations import Representation
from symmetry.kinds.index import Index
from symmetry.space.layout import Piece
from symmetry.space.weight_space import Tensor
from symmetry.verification.class_means import mean_of_characters

__all__ = ["MOST", "character_average"]

MOST = 2048
"""Sets larger than this are not averaged over: the integers grow to tens of thousands of digits."""

Polynomial = dict[tuple[int, ...], Fraction]


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one position: its index, what tells it from others over that index, the traces nested below it."""

    index: Index
    label: Hashable
    below: tuple[Trace, ...]

    @property
    def rank(self) -> tuple[Any, ...]:
        """What traces are sorted by."""
        return self.index.name, self.label, tuple(trace.rank for trace in self.below)


def character_average(target: Tensor, source: Tensor) -> int | None:
    """Dimension of the maps from `source` to `target` by averaging characters.

    None where a set is larger than `MOST`.
    """
    indices = [p.index for tensor in (target, source) for piece in tensor.pieces for p in piece.positions]
    if any(index.joined and index.size > MOST for index in indices):
        return None
    total = sum((average((t, s)) for t in target.pieces for s in source.pieces), Fraction(0))
    if total.denominator != 1:
        raise ArithmeticError(f"the character average of {target.name!r} <- {source.name!r} is {total}, no integer")
    return int(total)


def average(pieces: tuple[Piece, Piece]) -> Fraction:
    """Mean over the group of the product of the characters of a target piece and a source piece."""
    found: list[Trace] = []
    free = 1
    turned: dict[str, list[Representation]] = {}
    for piece, read in zip(pieces, (False, True), strict=True):
        for place, position in enumerate(piece.positions):
            if (acting := position.index.acting) is not None:
                turned.setdefault(acting.group.name, []).append(acting)
            elif not position.index.joined:
                free *= position.index.size
            elif position.parent is None:
                found.append(hanging(piece, place, read=read))
    others = math.prod(mean_of_characters(tuple(factors)) for factors in turned.values())
    return free * others * mean(ordered(found))


def hanging(piece: Piece, place: int, *, read: bool) -> Trace:
    """The trace of a position, with those of the positions nested below it."""
    position = piece.positions[place]
    nested = (other for other, below in enumerate(piece.positions) if below.parent == place)
    label = position.index.label(position.charge, read=read)
    return Trace(position.index, label, ordered(hanging(piece, other, read=read) for other in nested))


def ordered(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Traces in an order that depends on nothing else."""
    return tuple(sorted(traces, key=lambda trace: trace.rank))


@cache
def mean(traces: tuple[Trace, ...]) -> Fraction:
    """Mean of a product of traces; the groups of different indices are independent."""
    result = Fraction(1)
    for index in {trace.index for trace in traces}:
        result *= mean_of_set(tuple(trace for trace in traces if trace.index == index))
    return result


def mean_of_set(traces: tuple[Trace, ...]) -> Fraction:
    """Mean over one symmetric group, and what acts on its elements and within them, of a product of traces.

    Each trace is Σ_{e fixed} X(e), X(e) being what e is multiplied with times the traces nested in it. With P =
    Σ_S t^S/S! E[Π_S X(e)] for one element, the mean is the coefficient of t^all in Σ_m Pr(m fixed) P^m, times
    factorials, and P^m = Σ_j C(m, j) (P - 1)^j is a finite sum there.
    """
    size = traces[0].index.size
    sorts = Counter(traces)
    whole = tuple(sorts.values())
    one = one_element(tuple(sorts), whole)
    power: Polynomial = {(0,) * len(whole): Fraction(1)}
    total = Fraction(0)
    for j in range(sum(whole) + 1):
        if whole in power:
            total += power[whole] * mean_choices(size, j)
        power = times(power, one, whole)
    return total * math.prod(math.factorial(n) for n in whole)


def one_element(sorts: tuple[Trace, ...], whole: tuple[int, ...]) -> Polynomial:
    """P - 1: for each choice of traces the mean of their product at one fixed element, over factorials."""
    found: Polynomial = {}
    for number in range(1, math.prod(n + 1 for n in whole)):
        exponents = []
        for n in whole:
            number, digit = divmod(number, n + 1)
            exponents.append(digit)
        chosen = [sort for sort, times in zip(sorts, exponents, strict=True) for _ in range(times)]
        scalars = sorts[0].index.scalar_mean([sort.label for sort in chosen])
        below = mean(ordered(child for sort in chosen for child in sort.below))
        found[tuple(exponents)] = scalars * below / math.prod(math.factorial(n) for n in exponents)
    return found


def times(left: Polynomial, right: Polynomial, most: tuple[int, ...]) -> Polynomial:
    """The product of two polynomials, exponents above `most` dropped."""
    found: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            exponents = tuple(i + j for i, j in zip(a, b, strict=True))
            if all(e <= m for e, m in zip(exponents, most, strict=True)):
                found[exponents] = found.get(exponents, Fraction(0)) + x * y
    return found


@cache
def mean_choices(size: int, chosen: int) -> Fraction:
    """Mean over S_size of the number of ways to choose `chosen` of an element's fixed points."""
    total = sum(
        math.comb(size, fixed) * derangements(size - fixed) * math.comb(fixed, chosen)
        for fixed in range(chosen, size + 1)
    )
    return Fraction(total, math.factorial(size))


@cache
def derangement_numbers(most: int) -> tuple[int, ...]:
    """Permutations without fixed points of 0, 1, …, most elements.

    >>> derangement_numbers(5)
    (1, 0, 1, 2, 9, 44)
    """
    found = [1, 0]
    for n in range(2, most + 1):
        found.append((n - 1) * (found[-1] + found[-2]))
    return tuple(found[: most + 1])


def derangements(n: int) -> int:
    return derangement_numbers(MOST)[n]
