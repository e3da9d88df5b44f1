"""Representations as they are declared: sums of named representations, or a matrix for each generator of the group.

The named ones are `irrep(…)`, `trivial`, `standard` (coordinates of the plane or of space), `regular` (the group acting
on its own elements), `quotient(…)` (on the cosets of a subgroup) and `grid(side)` (on the pixels of a square image).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from symmetry.groups.groups import HIGHEST, ROTATIONS_OF_SPACE, Element, Group, Matrix, as_matrix, find_group, quiet
from symmetry.language.errors import SpecificationError

__all__ = ["Given", "Representation", "representation"]

Given = str | tuple[tuple[tuple[float, ...], ...], ...]
"""A declared representation: words, or a matrix for each generator, axes `(generator, value, value)`."""
TERM = re.compile(r"\s*([A-Za-z]+)\s*(?:\(([^()]*)\))?\s*")
ROUNDING = 1e-12
MOST = 1_024
"""The largest dimension of a representation."""


@dataclass(frozen=True, slots=True, eq=False)
class Representation:
    """An orthogonal representation of a group.

    Parameters
    ----------
    group
        The group.
    size
        Number of rows of its matrices.
    frequency
        For a compact group, the highest frequency of the irreducible representations in it.
    matrix
        Gives the matrix of a group element, axes `(value, value)`.
    side
        Rows, and columns, of a pixel grid in pixels; 0 for every other representation.
    """

    group: Group
    size: int
    frequency: int
    matrix: Callable[[Element], Matrix]
    side: int = 0

    @property
    def permutes(self) -> bool:
        """Whether every element of the group permutes the entries."""
        matrices = [self.matrix(g) for g in self.group.generators]
        return all(bool(np.isclose(m, np.round(m)).all() and np.round(m).min() >= 0) for m in matrices)


@cache
def representation(group: str, given: Given) -> Representation:
    """The representation of a group that a declaration stands for.

    Parameters
    ----------
    group
        Name of the group.
    given
        Words, such as `"regular + irrep(1)"`, or a matrix for each generator, axes `(generator, value, value)`.

    Returns
    -------
    Representation
        The representation.

    Raises
    ------
    SpecificationError
        For words that name no representation of the group (the message lists what there is), for a representation that
        is too large, and for matrices that are not orthogonal or do not multiply as the group's elements do.
    """
    found = find_group(group)
    if not isinstance(given, str):
        return by_matrices(found, given)
    terms = [one_term(found, term) for term in given.split("+")]
    sizes = np.cumsum([0, *(term.size for term in terms)])
    if sizes[-1] > MOST:
        raise SpecificationError(f"a representation of {sizes[-1]:,} entries", remedy=f"the most are {MOST:,}")

    def matrix(g: Element) -> Matrix:
        whole = np.zeros((sizes[-1], sizes[-1]))
        for term, start, stop in zip(terms, sizes, sizes[1:], strict=False):
            whole[start:stop, start:stop] = term.matrix(g)
        return whole

    if len(terms) == 1:
        return terms[0]
    return Representation(found, int(sizes[-1]), max(term.frequency for term in terms), matrix)


def one_term(group: Group, text: str) -> Representation:
    """The representation that one summand of a declaration names."""
    match = TERM.fullmatch(text)
    maker = MAKERS.get(match[1]) if match else None
    if match is None or maker is None:
        raise unknown(group, text)
    return maker(group, numbers(group, text, match[2]))


def numbers(group: Group, text: str, inside: str | None) -> tuple[int | None, ...]:
    """The numbers, or None, in the brackets of a summand."""
    words = [word.strip() for word in (inside or "").split(",")] if inside and inside.strip() else []
    if not all(re.fullmatch(r"-?[0-9]{1,6}|None", word) for word in words):
        raise unknown(group, text)
    return tuple(None if word == "None" else int(word) for word in words)


def unknown(group: Group, text: str) -> SpecificationError:
    """The error for a representation that the group does not have."""
    if group.finite:
        every = ", ".join(f"irrep({', '.join(map(str, one.id))})" for one in group.provider.irreps())
        planar = "" if group.name in ROTATIONS_OF_SPACE else ", quotient(subgroup), grid(side)"
        others = f"trivial, standard, regular{planar}"
    else:
        pattern = "irrep(parity, k)" if group.name.startswith("O") else "irrep(k)"
        every, others = f"{pattern} for k up to {HIGHEST[group.name]}", "trivial, standard"
    return SpecificationError(
        f"{text.strip()!r} is not a representation of {group.name}", remedy=f"there are {every}, {others}, sums with +"
    )


def irreducible(group: Group, name: tuple[int | None, ...]) -> Representation:
    """The irreducible representation with a name, such as `(1,)` or `(1, 2)`."""
    text = f"irrep({', '.join(map(str, name))})"
    if group.finite:
        exists = name in [one.id for one in group.provider.irreps()]
    else:
        exists = name in [
            tuple(int(part.replace("m", "-")) for part in one.label.split("_"))
            for one in group.irreps(min(HIGHEST[group.name], abs(name[-1] or 0) if name else 0))
        ]
    if not exists:
        raise unknown(group, text)
    found = group.irrep(*(part for part in name if part is not None))
    return Representation(group, found.size, found.frequency, found.matrix)


def plain(make: Callable[[Group], Representation]) -> Callable[[Group, tuple[int | None, ...]], Representation]:
    """A maker of representations that take nothing in brackets."""

    def maker(group: Group, inside: tuple[int | None, ...]) -> Representation:
        if inside:
            raise unknown(group, f"{make.__name__}({', '.join(map(str, inside))})")
        return make(group)

    return maker


def trivial(group: Group) -> Representation:
    """The representation in which nothing moves."""
    return Representation(group, 1, 0, lambda g: np.ones((1, 1)))


def standard(group: Group) -> Representation:
    """The coordinates of the plane or of space."""
    return Representation(group, 3 if group.name in ROTATIONS_OF_SPACE else 2, 1, group.coordinates)


def regular(group: Group) -> Representation:
    """A finite group acting on its own elements, by multiplication from the left."""
    if not group.finite:
        raise unknown(group, "regular")
    elements = group.elements
    places = {rounded(group.coordinates(g)): place for place, g in enumerate(elements)}

    def matrix(g: Element) -> Matrix:
        whole = np.zeros((len(elements), len(elements)))
        for place, other in enumerate(elements):
            whole[places[rounded(group.coordinates(g @ other))], place] = 1
        return whole

    return Representation(group, len(elements), 0, matrix)


def rounded(matrix: Matrix) -> tuple[float, ...]:
    """A matrix as a dictionary key; matrices of different elements differ by far more than the rounding."""
    return tuple((np.round(matrix, 4) + 0.0).ravel().tolist())


def quotient(group: Group, inside: tuple[int | None, ...]) -> Representation:
    """A finite group acting on the cosets of a subgroup, which escnn names by numbers."""
    text = f"quotient({', '.join(map(str, inside))})"
    if not group.finite or not inside:
        raise unknown(group, text)
    try:
        with quiet():
            found = group.provider.quotient_representation(inside[0] if len(inside) == 1 else inside)
    except Exception:  # escnn checks a subgroup's name by assertions, divisions and look-ups
        raise SpecificationError(
            f"{group.name} has no subgroup {inside}",
            remedy="quotient(2) is by the subgroup of order 2 of a cyclic group; quotient(None, 2) and quotient(0, 1) "
            "are by two rotations and by the first mirror of a dihedral group",
        ) from None
    return Representation(group, int(found.size), 0, lambda g: np.asarray(found(g)))


def grid(group: Group, inside: tuple[int | None, ...]) -> Representation:
    """The pixels of a square image, row by row; a rotation turns the image counter-clockwise, as `torch.rot90` does."""
    side = inside[0] if len(inside) == 1 else None
    if side is None or not 1 <= side <= 32:
        raise unknown(group, f"grid({', '.join(map(str, inside))})")
    if not group.finite or group.name in ROTATIONS_OF_SPACE:
        raise SpecificationError(f"{group.name} does not move pixels to pixels", remedy="C1, C2, C4, D1, D2 and D4 do")
    rows, columns = np.divmod(np.arange(side * side), side)
    middle = (side - 1) / 2
    points = np.stack([columns - middle, middle - rows])

    def matrix(g: Element) -> Matrix:
        across, up = group.coordinates(g) @ points
        places = (middle - up) * side + across + middle
        if not np.allclose(places, np.round(places)) or not np.allclose(across + middle, np.round(across + middle)):
            raise SpecificationError(
                f"{group.name} does not move pixels to pixels", remedy="C1, C2, C4, D1, D2 and D4 do"
            )
        whole = np.zeros((places.size, places.size))
        whole[np.round(places).astype(int), np.arange(places.size)] = 1
        return whole

    for g in group.generators:
        matrix(g)
    return Representation(group, side * side, 0, matrix, side)


MAKERS: dict[str, Callable[[Group, tuple[int | None, ...]], Representation]] = {
    "irrep": irreducible,
    "trivial": plain(trivial),
    "standard": plain(standard),
    "regular": plain(regular),
    "quotient": quotient,
    "grid": grid,
}


def by_matrices(group: Group, given: Iterable[Iterable[Iterable[float]]]) -> Representation:
    """The representation in which the generators of a finite group act by declared matrices."""
    if not group.finite:
        raise SpecificationError(
            f"matrices are given for {group.name}", remedy="they are read for finite groups, one for each generator"
        )
    # A group without generators, C1, has its identity for one.
    names, matrices = group.generators or [group.provider.identity], [as_matrix(matrix) for matrix in given]
    size = len(matrices[0]) if matrices else 0
    if len(matrices) != len(names) or not size or any(m.shape != (size, size) for m in matrices):
        raise SpecificationError(
            f"{len(matrices)} matrices are given for {group.name}",
            remedy=f"give {len(names)} square matrices of one size, for the generators {', '.join(map(str, names))}",
        )
    for name, one in zip(names, matrices, strict=True):
        if not np.allclose(one @ one.T, np.eye(size), rtol=0, atol=ROUNDING):
            raise SpecificationError(
                f"the matrix for {name} is not orthogonal",
                remedy="its transpose has to be its inverse; give entries with 16 digits",
            )
    known = {rounded(group.coordinates(group.provider.identity)): np.eye(size)}
    front = [group.provider.identity]
    while front:
        g = front.pop()
        for name, one in zip(names, matrices, strict=True):
            key, product = rounded(group.coordinates(name @ g)), one @ known[rounded(group.coordinates(g))]
            if key not in known:
                known[key] = product
                front.append(name @ g)
            elif not np.allclose(known[key], product, rtol=0, atol=100 * ROUNDING):
                raise SpecificationError(
                    f"the matrices do not multiply as the elements of {group.name} do",
                    remedy="a product of generators that is the identity has to be the identity matrix, to 10 digits",
                )
    return Representation(group, size, 0, lambda g: known[rounded(group.coordinates(g))])
