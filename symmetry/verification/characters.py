"""The dimension as a mean of characters: dim Hom_G(V, U) = (1/|G|) Σ_g tr ρ_U(g) tr ρ_V(g), in rational numbers.

The trace of a permutation counts its fixed points. Permutations with equally many fixed points are counted together:
S_n has C(n, m) D(n-m) elements with exactly m, where D are the derangement numbers. For a nested set, the trace of a
position is a sum, over the fixed elements of the parent, of the number of fixed points below each, whose permutations
are independent. An exponential generating function in one variable for each position turns the mean of a product of
these sums into powers of one polynomial. Representation indices contribute the factor of `class_means.py`, a mean in
floating point that is rounded to an integer.

References
----------
Burnside, "Theory of groups of finite order", 1897 (orbits as a mean of fixed points); Serre, "Linear
representations of finite groups", 1977, section 2.3 (the mean of characters); Stanley, "Enumerative combinatorics",
sections 2.2 (derangements) and 5.1 (exponential generating functions).
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
from symmetry.verification.classes import FEW, pair_classes

__all__ = ["MOST", "character_average"]

MOST = 2048
"""The largest size of a set: beyond it the integers have tens of thousands of digits."""

Polynomial = dict[tuple[int, ...], Fraction]


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one position, as far as it differs from others.

    Parameters
    ----------
    index
        The index of the position.
    label
        The label that the index gives the position.
    below
        The traces of the positions nested in it, sorted.
    """

    index: Index
    label: Hashable
    below: tuple[Trace, ...]

    @property
    def rank(self) -> tuple[Any, ...]:
        """The sort key of a trace."""
        return self.index.name, self.label, tuple(trace.rank for trace in self.below)


def character_average(target: Tensor, source: Tensor) -> int | None:
    """The dimension of the maps from `source` to `target`, as a mean of characters.

    Parameters
    ----------
    target, source
        Two tensors.

    Returns
    -------
    int | None
        The exact dimension; None where a set is larger than `MOST`.

    Raises
    ------
    ArithmeticError
        If the mean is no integer, which would be a fault in this library.
    """
    indices = [p.index for tensor in (target, source) for piece in tensor.pieces for p in piece.positions]
    if any(index.joined and index.size > MOST for index in indices):
        return None
    total = sum((average((t, s)) for t in target.pieces for s in source.pieces), Fraction(0))
    if total.denominator != 1:
        raise ArithmeticError(f"the character average of {target.name!r} <- {source.name!r} is {total}, no integer")
    return int(total)


def average(pieces: tuple[Piece, Piece]) -> Fraction:
    """The mean over the group of the product of the characters of a target piece and a source piece."""
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
    """The trace of a position, with the traces of the positions nested in it."""
    position = piece.positions[place]
    nested = (other for other, below in enumerate(piece.positions) if below.parent == place)
    label = position.index.label(position.charge, read=read)
    return Trace(position.index, label, ordered(hanging(piece, other, read=read) for other in nested))


def ordered(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Traces, sorted."""
    return tuple(sorted(traces, key=lambda trace: trace.rank))


@cache
def mean(traces: tuple[Trace, ...]) -> Fraction:
    """The mean of a product of traces; the groups of different indices are independent."""
    result = Fraction(1)
    for index in {trace.index for trace in traces}:
        own = tuple(trace for trace in traces if trace.index == index)
        if index.action is None:
            result *= mean_of_classes(own)
            continue
        whole = index.trace_mean([trace.label for trace in own])
        result *= mean_of_set(own) if whole is None else whole
    return result


def mean_of_classes(traces: tuple[Trace, ...]) -> Fraction:
    """The mean for an index that no group moves: entries are shared within each class of values, so each counts once.

    Two traces are of a value of the target and one of the source. Where the values are equal, the traces nested in them
    are of one group; else of two.
    """
    if len(traces) == 1:
        return mean(traces[0].below)
    together, apart = mean(ordered(child for trace in traces for child in trace.below)), mean(traces[0].below)
    apart *= mean(traces[1].below)
    classes = pair_classes(min(traces[0].index.size, FEW))
    return sum((together if written == read else apart for (written, read), *_ in classes), Fraction(0))


def mean_of_set(traces: tuple[Trace, ...]) -> Fraction:
    """The mean of a product of traces of one index, over its symmetric group and the groups below its elements.

    Each trace is Σ_{e fixed} X(e), where X(e) is the factor of element e times the traces nested in it. With P =
    Σ_S t^S/S! E[Π_S X(e)] for one element, the mean is the coefficient of t^all in Σ_m Pr(m fixed) P^m, times
    factorials; there P^m = Σ_j C(m, j) (P - 1)^j is a finite sum.
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
    """P - 1: for each choice of traces, the mean of their product at one fixed element, divided by factorials."""
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
    """The product of two polynomials, without the exponents above `most`."""
    found: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            exponents = tuple(i + j for i, j in zip(a, b, strict=True))
            if all(e <= m for e, m in zip(exponents, most, strict=True)):
                found[exponents] = found.get(exponents, Fraction(0)) + x * y
    return found


@cache
def mean_choices(size: int, chosen: int) -> Fraction:
    """The mean, over S_size, of the number of ways to choose `chosen` of an element's fixed points."""
    total = sum(
        math.comb(size, fixed) * derangements(size - fixed) * math.comb(fixed, chosen)
        for fixed in range(chosen, size + 1)
    )
    return Fraction(total, math.factorial(size))


@cache
def derangement_numbers(most: int) -> tuple[int, ...]:
    """The numbers of permutations without fixed points of 0, 1, …, most elements.

    >>> derangement_numbers(5)
    (1, 0, 1, 2, 9, 44)
    """
    found = [1, 0]
    for n in range(2, most + 1):
        found.append((n - 1) * (found[-1] + found[-2]))
    return tuple(found[: most + 1])


def derangements(n: int) -> int:
    """The number of permutations of n elements without fixed points."""
    return derangement_numbers(MOST)[n]
