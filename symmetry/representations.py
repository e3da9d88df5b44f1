"""Finite and compact groups and their real representations, provided by escnn (Cesa, Lang and Weiler 2022).

The one module that imports escnn, when a representation is first asked for. Representations are orthogonal.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.errors import SpecificationError

__all__ = ["Element", "Given", "Group", "Irrep", "Representation", "find_group", "representation"]

Matrix = NDArray[np.float64]
Element = Any
"""An element of one of escnn's groups; `@` composes, `~` inverts."""
Given = str | tuple[tuple[tuple[float, ...], ...], ...]
"""A representation as it is declared: in words, or a matrix for each generator of the group."""

GROUPS = "C4 and D4 (or another number), SO(2), O(2), SO(3), O(3), octahedral, icosahedral"
ROTATIONS_OF_SPACE = ("SO(3)", "O(3)", "octahedral", "icosahedral")
HIGHEST = {"SO(2)": 12, "O(2)": 12, "SO(3)": 4, "O(3)": 4}
"""The highest frequency of a compact group's irreducible representations."""
LARGEST = 64
"""The most rotations of a cyclic or dihedral group."""
TERM = re.compile(r"\s*([A-Za-z]+)\s*(?:\(([^()]*)\))?\s*")
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Irrep:
    """A real irreducible representation: its size, and an orthogonal basis of the maps that commute with it.

    `commuting` has one matrix for the real type, two for the complex, four for the quaternionic (Schur's lemma over
    the reals); the first is the identity.
    """

    group: str
    label: str
    size: int
    frequency: int
    matrix: Callable[[Element], Matrix]
    commuting: tuple[Matrix, ...]

    @property
    def trivial(self) -> bool:
        """Whether the group leaves it alone."""
        return self.label in ("0", "0_0")


@dataclass(frozen=True, slots=True, eq=False)
class Representation:
    """A representation of a group: its matrix for each element. `side` is that of a pixel grid, else 0."""

    group: Group
    size: int
    frequency: int
    matrix: Callable[[Element], Matrix]
    side: int = 0

    @property
    def permutes(self) -> bool:
        """Whether every element permutes the entries."""
        if not self.group.finite:
            return self.frequency == 0
        matrices = [self.matrix(g) for g in self.group.generators]
        return all(bool(np.isclose(m, np.round(m)).all() and np.round(m).min() >= 0) for m in matrices)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A finite group, or a compact one: SO(2), O(2), SO(3), O(3)."""

    name: str
    provider: Any

    @property
    def finite(self) -> bool:
        return self.name not in HIGHEST

    @property
    def elements(self) -> list[Element]:
        """Every element of a finite group, the identity first."""
        return every_element(self)

    @property
    def generators(self) -> list[Element]:
        """Elements that generate a finite group, or a subgroup of a compact one that is dense in it."""
        if self.finite:
            return list(self.provider.generators)
        rng = np.random.default_rng(0)
        return [self.sample(rng), self.sample(rng), *(self.element(mirror) for mirror in self.mirrors[1:])]

    @property
    def mirrors(self) -> list[Matrix]:
        """The identity on coordinates, and for O(2) and O(3) what together with rotations makes every element."""
        size = 3 if self.name in ROTATIONS_OF_SPACE else 2
        mirror = -np.eye(3) if size == 3 else np.diag([1.0, -1.0])
        return [np.eye(size), *([] if self.name.startswith("SO") else [mirror])]

    def coordinates(self, g: Element) -> Matrix:
        """How an element moves the coordinates of the plane or of space."""
        value = g.to("MAT")
        if not isinstance(value, tuple):
            return np.asarray(value)
        flipped, rotation = value
        return np.asarray(rotation) @ self.mirrors[int(flipped)]

    def element(self, matrix: Matrix) -> Element:
        """The element of a compact group that moves coordinates by an orthogonal matrix."""
        if self.name.startswith("SO"):
            return self.provider.element(matrix, "MAT")
        flipped = int(np.linalg.det(matrix) < 0)
        return self.provider.element((flipped, matrix @ self.mirrors[flipped]), "MAT")

    def described(self, g: Element) -> Any:
        """An element in plain values: of a finite group its number, of a compact one its matrix on coordinates."""
        return self.elements.index(g) if self.finite else self.coordinates(g).tolist()

    def described_by(self, value: Any) -> Element:
        """The element that plain values describe; an element is itself. Raises `SpecificationError` for others."""
        if isinstance(value, (int, np.integer)) and 0 <= value < (len(self.elements) if self.finite else 1):
            return self.elements[value] if self.finite else self.provider.identity
        if isinstance(value, (list, tuple, np.ndarray)) and not self.finite:
            matrix, size = np.asarray(value, dtype=np.float64), len(self.mirrors[0])
            orthogonal = matrix.shape == (size, size) and np.allclose(matrix @ matrix.T, np.eye(size))
            if orthogonal and (np.linalg.det(matrix) > 0 or len(self.mirrors) > 1):
                return self.element(matrix)
        elif getattr(value, "group", None) is self.provider:
            return value
        kind = f"its number, from 0 to {len(self.elements) - 1}" if self.finite else "an orthogonal matrix"
        raise SpecificationError(f"{value!r} is no element of {self.name}", remedy=f"give {kind}")

    def sample(self, rng: np.random.Generator) -> Element:
        """An element drawn uniformly."""
        if self.finite:
            return self.elements[rng.integers(len(self.elements))]
        size = 3 if self.name in ROTATIONS_OF_SPACE else 2
        orthogonal, upper = np.linalg.qr(rng.normal(size=(size, size)))
        orthogonal = orthogonal * np.sign(np.diag(upper))
        if self.name.startswith("SO") and np.linalg.det(orthogonal) < 0:
            orthogonal[:, 0] *= -1
        return self.element(orthogonal)

    def weighted(self, frequency: int) -> Iterator[tuple[Element, float]]:
        """Elements with weights, whose weighted sum is the mean over the group up to a frequency.

        All elements of a finite group; equal angles in the plane; in space equal Euler angles, and for the middle one
        the nodes of Gauss and Legendre.
        """
        if self.finite:
            yield from ((g, 1 / len(self.elements)) for g in self.elements)
            return
        angles = 2 * np.pi * np.arange(frequency + 1) / (frequency + 1)
        turns = [(turn(angle), 1 / len(angles)) for angle in angles]
        if self.name in ROTATIONS_OF_SPACE:
            nodes, weights = np.polynomial.legendre.leggauss(frequency // 2 + 1)
            about_z = [(spatial(matrix), weight) for matrix, weight in turns]
            tilts = [(tilt(np.arccos(node)), weight / 2) for node, weight in zip(nodes, weights, strict=True)]
            turns = [(a @ b @ c, u * v * w) for a, u in about_z for b, v in tilts for c, w in about_z]
        for mirror in self.mirrors:
            yield from ((self.element(matrix @ mirror), weight / len(self.mirrors)) for matrix, weight in turns)

    def irreps(self, frequency: int) -> list[Irrep]:
        """The irreducible representations up to a frequency; of a finite group all."""
        if self.finite:
            return [self.irrep(*one.id) for one in self.provider.irreps()]
        parities = (0, 1) if self.name.startswith("O") else (None,)
        names: list[tuple[int, ...]] = [
            (k,) if parity is None else (parity, k) for k in range(frequency + 1) for parity in parities
        ]
        if self.name == "O(2)":  # (0, k) is not irreducible beyond k = 0
            names = [name for name in names if name[0] == 1 or name[1] == 0]
        return [self.irrep(*name) for name in names]

    def irrep(self, *name: int) -> Irrep:
        """The irreducible representation of that name, as escnn has it."""
        return make_irrep(self.name, name)


@cache
def every_element(group: Group) -> list[Element]:
    identity = group.provider.identity
    return [identity, *(g for g in group.provider.elements if g != identity)]


def turn(angle: float) -> Matrix:
    """The rotation of the plane by an angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def spatial(planar: Matrix) -> Matrix:
    """A rotation of the plane as one of space about the third axis."""
    return np.block([[planar, np.zeros((2, 1))], [np.zeros((1, 2)), np.ones((1, 1))]])


def tilt(angle: float) -> Matrix:
    """The rotation of space about the second axis by an angle."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """escnn prints what it caches, and warns of a faster library for coefficients that are not used here."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def provider() -> Any:
    """escnn's groups. Raises `SpecificationError` where it is not installed, or does not work."""
    try:
        with quiet():
            import escnn.group
    except ImportError as error:
        raise SpecificationError(
            f"representations need escnn, which cannot be imported: {error}",
            remedy="pip install 'layergen[escnn]'; where py3nj does not build: "
            "pip install 'numpy<2' scipy requests joblib && pip install --no-deps escnn==1.0.11 lie_learn==0.0.2",
        ) from None
    return escnn.group


def canonical_name(name: Any) -> str:
    """A group's name as it is printed. Raises `SpecificationError` for one that is not known."""
    if isinstance(name, str):
        if match := re.fullmatch(r"([CD])([1-9][0-9]*)", name):
            if int(match[2]) <= LARGEST:
                return name
            raise SpecificationError(
                f"{name!r} has more rotations than are supported", remedy=f"at most {LARGEST}; or use SO(2) or O(2)"
            )
        if match := re.fullmatch(r"(S?O)\(?([23])\)?", name):
            return f"{match[1]}({match[2]})"
        if name in ("octahedral", "icosahedral"):
            return name
    raise SpecificationError(f"{name!r} is not a group", remedy=f"groups: {GROUPS}")


def find_group(name: Any) -> Group:
    """The group of that name. Raises `SpecificationError` where there is none, or no escnn."""
    return make_group(canonical_name(name))


@cache
def make_group(name: str) -> Group:
    groups = provider()
    makers: dict[str, Callable[[], Any]] = {
        "SO(2)": lambda: groups.so2_group(HIGHEST["SO(2)"]),
        "O(2)": lambda: groups.o2_group(HIGHEST["O(2)"]),
        "SO(3)": lambda: groups.so3_group(1),
        "O(3)": lambda: groups.o3_group(1),
        "octahedral": groups.octa_group,
        "icosahedral": groups.ico_group,
    }
    with quiet():
        if name in makers:
            return Group(name, makers[name]())
        make = groups.cyclic_group if name.startswith("C") else groups.dihedral_group
        return Group(name, make(int(name[1:])))


@cache
def make_irrep(group: str, name: tuple[int, ...]) -> Irrep:
    with quiet():
        found = make_group(group).provider.irrep(*name)
        commuting = tuple(np.asarray(one) for one in found.endomorphism_basis())

    def matrix(g: Element) -> Matrix:
        return np.asarray(found(g))

    label = "_".join(map(str, name)).replace("-", "m")
    return Irrep(group, label, int(found.size), name[-1], matrix, commuting)


@cache
def representation(group: str, given: Given) -> Representation:
    """The representation of a group that is declared so.

    Raises `SpecificationError` listing what there is for one that is not known, and for matrices that are not
    orthogonal or do not multiply as the group's elements do.
    """
    found = find_group(group)
    if not isinstance(given, str):
        return by_matrices(found, given)
    terms = [one_term(found, term) for term in given.split("+")]
    sizes = np.cumsum([0, *(term.size for term in terms)])

    def matrix(g: Element) -> Matrix:
        whole = np.zeros((sizes[-1], sizes[-1]))
        for term, start, stop in zip(terms, sizes, sizes[1:], strict=False):
            whole[start:stop, start:stop] = term.matrix(g)
        return whole

    if len(terms) == 1:
        return terms[0]
    return Representation(found, int(sizes[-1]), max(term.frequency for term in terms), matrix)


def one_term(group: Group, text: str) -> Representation:
    """One summand of a representation."""
    match = TERM.fullmatch(text)
    maker = MAKERS.get(match[1]) if match else None
    if match is None or maker is None:
        raise unknown(group, text)
    return maker(group, numbers(group, text, match[2]))


def numbers(group: Group, text: str, inside: str | None) -> tuple[int | None, ...]:
    """What stands in the brackets of a summand."""
    words = [word.strip() for word in (inside or "").split(",")] if inside and inside.strip() else []
    if not all(re.fullmatch(r"-?[0-9]{1,6}|None", word) for word in words):
        raise unknown(group, text)
    return tuple(None if word == "None" else int(word) for word in words)


def unknown(group: Group, text: str) -> SpecificationError:
    """The error for a representation that the group does not have."""
    if group.finite:
        every = ", ".join(f"irrep({', '.join(map(str, one.id))})" for one in group.provider.irreps())
        others = "trivial, standard, regular, quotient(subgroup), grid(side)"
    else:
        pattern = "irrep(parity, k)" if group.name.startswith("O") else "irrep(k)"
        every, others = f"{pattern} for k up to {HIGHEST[group.name]}", "trivial, standard"
    return SpecificationError(
        f"{text.strip()!r} is not a representation of {group.name}", remedy=f"there are {every}, {others}, sums with +"
    )


def irreducible(group: Group, name: tuple[int | None, ...]) -> Representation:
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
    """A summand without brackets."""

    def maker(group: Group, inside: tuple[int | None, ...]) -> Representation:
        if inside:
            raise unknown(group, f"{make.__name__}({', '.join(map(str, inside))})")
        return make(group)

    return maker


def trivial(group: Group) -> Representation:
    return Representation(group, 1, 0, lambda g: np.ones((1, 1)))


def standard(group: Group) -> Representation:
    return Representation(group, 3 if group.name in ROTATIONS_OF_SPACE else 2, 1, group.coordinates)


def regular(group: Group) -> Representation:
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
    """A matrix as a key; entries of different elements differ by far more."""
    return tuple((np.round(matrix, 4) + 0.0).ravel().tolist())


def quotient(group: Group, inside: tuple[int | None, ...]) -> Representation:
    """The cosets of a subgroup, which escnn names by numbers."""
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
    """The pixels of a square image, row by row, which turns counter-clockwise as `torch.rot90` does."""
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
    """The representation in which the group's generators act by some matrices."""
    if not group.finite:
        raise SpecificationError(
            f"matrices are given for {group.name}", remedy="they are read for finite groups, one for each generator"
        )
    names, matrices = group.generators, [np.array(matrix, dtype=np.float64) for matrix in given]
    size = len(matrices[0]) if matrices else 0
    if len(matrices) != len(names) or not size or any(m.shape != (size, size) for m in matrices):
        raise SpecificationError(
            f"{len(matrices)} matrices are given for {group.name}",
            remedy=f"give {len(names)} square matrices of one size, for the generators {', '.join(map(str, names))}",
        )
    for name, one in zip(names, matrices, strict=True):
        if not np.allclose(one @ one.T, np.eye(size), atol=ROUNDING):
            raise SpecificationError(
                f"the matrix for {name} is not orthogonal", remedy="its transpose has to be its inverse"
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
            elif not np.allclose(known[key], product, atol=1e-7):
                raise SpecificationError(
                    f"the matrices do not multiply as the elements of {group.name} do",
                    remedy="a product of generators that is the identity has to be the identity matrix",
                )
    return Representation(group, size, 0, lambda g: known[rounded(group.coordinates(g))])
