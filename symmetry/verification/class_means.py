"""Means of products of characters over a finite or compact group, for the character average.

A finite group is summed over all its elements. A compact group is summed over one element of each conjugacy class: a
rotation of the plane is given by its angle, one of space by its angle with the weight 1 − cos (Weyl's integration
formula). Characters are trigonometric polynomials in the angle, so the mean over enough equal angles is exact.

References
----------
Bröcker and tom Dieck, "Representations of compact Lie groups", 1985, chapter IV (Weyl's integration formula).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from symmetry.groups.groups import Element, find_group
from symmetry.groups.representations import Representation

__all__ = ["mean_of_characters"]

ANGLES = 128
"""The number of angles; means are exact for products of characters of frequencies below twice that number."""
ROUNDING = 1e-6


def classes(name: str) -> Iterator[tuple[Element, float]]:
    """Elements with weights: the weighted sum of a character over them is its mean over the group."""
    group = find_group(name)
    if group.finite:
        yield from ((g, 1 / len(group.elements)) for g in group.elements)
        return
    planar = name in ("SO(2)", "O(2)")
    for angle in np.pi * (2 * np.arange(ANGLES) + 1) / (2 * ANGLES):
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        matrix = turn if planar else np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        weight = (1.0 if planar else 1 - cosine) / ANGLES
        if name == "SO(2)":
            yield from ((group.element(matrix), weight / 2), (group.element(matrix.T), weight / 2))
        elif name == "O(2)":  # a rotation is conjugate to its inverse, all mirrors are conjugate
            yield from ((group.element(matrix), weight / 2), (group.element(np.diag([1.0, -1.0])), weight / 2))
        elif name == "SO(3)":
            yield group.element(matrix), weight
        else:
            yield from ((group.element(matrix), weight / 2), (group.element(-matrix), weight / 2))


@cache
def characters(acting: Representation) -> tuple[float, ...]:
    """The character of a representation at each element of `classes`."""
    return tuple(float(np.trace(acting.matrix(g))) for g, _ in classes(acting.group.name))


@cache
def weights(group: str) -> tuple[float, ...]:
    """The weight of each element of `classes`."""
    return tuple(weight for _, weight in classes(group))


def mean_of_characters(factors: tuple[Representation, ...]) -> int:
    """The mean of a product of characters: the dimension of the invariants in the tensor product of `factors`.

    Raises `ArithmeticError` if the mean is not close to an integer.
    """
    product = np.prod([characters(one) for one in factors], axis=0)
    value = float(np.dot(weights(factors[0].group.name), product))
    if abs(value - round(value)) > ROUNDING:
        raise ArithmeticError(f"a mean of characters is {value}, no whole number")
    return round(value)
