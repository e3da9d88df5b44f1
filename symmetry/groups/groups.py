"""Finite and compact groups and their irreducible representations, provided by escnn.

The only module that imports escnn, at the first use of a group. All representations are real and orthogonal.

References
----------
Cesa, Lang and Weiler, "A program to build E(N)-equivariant steerable CNNs", ICLR 2022.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.language.errors import SpecificationError

__all__ = [
    "GROUPS",
    "HIGHEST",
    "INSTALL",
    "ROTATIONS_OF_SPACE",
    "Element",
    "Group",
    "Irrep",
    "Matrix",
    "as_matrix",
    "find_group",
    "quiet",
]

Matrix = NDArray[np.float64]
Element = Any
"""An element of one of escnn's groups; `@` composes, `~` inverts."""
GROUPS = "C4 and D4 (or another number), SO(2), O(2), SO(3), O(3), octahedral, icosahedral"
ROTATIONS_OF_SPACE = ("SO(3)", "O(3)", "octahedral", "icosahedral")
HIGHEST = {"SO(2)": 12, "O(2)": 12, "SO(3)": 4, "O(3)": 4}
"""For each compact group, the highest frequency of the irreducible representations that can be declared."""
INSTALL = (
    "install it: pip install escnn==1.0.11 'numpy<2'; where py3nj, a part it can do without, does not build: "
    "pip install 'numpy<2' scipy requests joblib && pip install --no-deps escnn==1.0.11 lie_learn==0.0.2"
)
LARGEST = 64
"""The largest number of rotations of a cyclic or dihedral group."""


@dataclass(frozen=True, slots=True, eq=False)
class Irrep:
    """A real irreducible representation of a group, with a basis of the matrices that commute with it.

    Parameters
    ----------
    group
        Name of the group.
    label
        Name of the representation, escnn's numbers joined by underscores: "0" or "0_0" for the trivial one.
    size
        Number of rows of its matrices.
    frequency
        The highest frequency in its matrix entries, as functions on the group.
    matrix
        Gives the orthogonal matrix of a group element, axes `(value, value)`.
    commuting
        Orthogonal matrices, one for the real type, two for the complex, four for the quaternionic (Schur's lemma over
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
        """Whether every element of the group acts as the identity."""
        return self.label in ("0", "0_0")


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A finite group, or one of the compact groups SO(2), O(2), SO(3), O(3).

    Parameters
    ----------
    name
        Name of the group as it is printed, such as "C4" or "SO(2)".
    provider
        The group of escnn that makes its elements.
    """

    name: str
    provider: Any

    @property
    def finite(self) -> bool:
        """Whether the group is finite."""
        return self.name not in HIGHEST

    @property
    def elements(self) -> list[Element]:
        """Every element of a finite group, the identity first."""
        return every_element(self)

    @property
    def generators(self) -> list[Element]:
        """Elements that generate a finite group, or a dense subgroup of a compact one."""
        if self.finite:
            return list(self.provider.generators)
        rng = np.random.default_rng(0)
        return [self.sample(rng), self.sample(rng), *(self.element(mirror) for mirror in self.mirrors[1:])]

    @property
    def mirrors(self) -> list[Matrix]:
        """The identity matrix on coordinates and, for O(2) and O(3), a reflection."""
        size = 3 if self.name in ROTATIONS_OF_SPACE else 2
        mirror = -np.eye(3) if size == 3 else np.diag([1.0, -1.0])
        return [np.eye(size), *([] if self.name.startswith("SO") else [mirror])]

    def coordinates(self, g: Element) -> Matrix:
        """The orthogonal matrix by which an element moves coordinates of the plane `(2, 2)` or of space `(3, 3)`."""
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
        """A plain value for an element: its number in a finite group, its matrix on coordinates in a compact one."""
        return self.elements.index(g) if self.finite else self.coordinates(g).tolist()

    def described_by(self, value: Any) -> Element:
        """The element that a plain value describes; an element of the group describes itself.

        Raises `SpecificationError` for a value that describes no element.
        """
        if (
            isinstance(value, (int, np.integer))
            and not isinstance(value, bool)
            and 0 <= value < (len(self.elements) if self.finite else 1)
        ):
            return self.elements[value] if self.finite else self.provider.identity
        if isinstance(value, (list, tuple, np.ndarray)) and not self.finite:
            matrix, size = as_matrix(value), len(self.mirrors[0])
            orthogonal = matrix.shape == (size, size) and np.allclose(matrix @ matrix.T, np.eye(size), rtol=0)
            if orthogonal and (np.linalg.det(matrix) > 0 or len(self.mirrors) > 1):
                return self.element(matrix)
        elif getattr(value, "group", None) is self.provider:
            return value
        kind = f"its number, from 0 to {len(self.elements) - 1}" if self.finite else "an orthogonal matrix"
        raise SpecificationError(f"{value!r} is no element of {self.name}", remedy=f"give {kind}")

    def sample(self, rng: np.random.Generator) -> Element:
        """Draw an element, uniformly.

        For a compact group the orthogonal factor of a Gaussian matrix is uniform once the signs of the triangular
        factor's diagonal are multiplied in (Mezzadri, "How to generate random matrices from the classical compact
        groups", 2007).
        """
        if self.finite:
            return self.elements[rng.integers(len(self.elements))]
        size = 3 if self.name in ROTATIONS_OF_SPACE else 2
        orthogonal, upper = np.linalg.qr(rng.normal(size=(size, size)))
        orthogonal = orthogonal * np.sign(np.diag(upper))
        if self.name.startswith("SO") and np.linalg.det(orthogonal) < 0:
            orthogonal[:, 0] *= -1
        return self.element(orthogonal)

    def stages(self, frequency: int) -> list[list[tuple[Element, float]]]:
        """Sets of weighted elements: means over each set, one after the other, make the mean over the group.

        The mean is exact for matrix entries of representations up to `frequency`. A finite group has one set, of all
        its elements. In the plane the elements are rotations by equal angles; in space the three Euler angles come one
        after the other, at equal angles, at the nodes of Gauss and Legendre, at equal angles. Reflections make a set of
        their own.
        """
        if self.finite:
            return [[(g, 1 / len(self.elements)) for g in self.elements]]
        angles = 2 * np.pi * np.arange(frequency + 1) / (frequency + 1)
        spatial = self.name in ROTATIONS_OF_SPACE
        turns = [(self.element(turn(angle, spatial=spatial)), 1 / len(angles)) for angle in angles]
        stages = [turns]
        if spatial:
            nodes, weights = np.polynomial.legendre.leggauss(frequency // 2 + 1)
            tilts = zip(map(tilt, np.arccos(nodes)), weights / 2, strict=True)
            stages += [[(self.element(matrix), float(weight)) for matrix, weight in tilts], turns]
        return [*stages, [(self.element(mirror), 1 / len(self.mirrors)) for mirror in self.mirrors]]

    def irreps(self, frequency: int) -> list[Irrep]:
        """The irreducible representations up to a frequency; all of them for a finite group."""
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
        """The irreducible representation that escnn calls by these numbers."""
        return make_irrep(self.name, name)


@cache
def every_element(group: Group) -> list[Element]:
    """Every element of a finite group, the identity first."""
    identity = group.provider.identity
    return [identity, *(g for g in group.provider.elements if g != identity)]


def turn(angle: float, *, spatial: bool) -> Matrix:
    """The matrix of a rotation by an angle, in radians, of the plane, or of space about the third axis."""
    matrix = np.eye(3 if spatial else 2)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def as_matrix(value: Any) -> Matrix:
    """Rows of numbers as a matrix; for a value that is no matrix of numbers, the matrix of shape `(0, 0)`."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.zeros((0, 0))


def tilt(angle: float) -> Matrix:
    """The matrix of a rotation of space by an angle, in radians, about the second axis."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence escnn, which prints what it caches and warns that a faster library, not used here, is missing."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def provider() -> Any:
    """escnn's module of groups. Raises `SpecificationError` where it cannot be imported."""
    try:
        with quiet():
            import escnn.group
    except ImportError as error:
        raise SpecificationError(
            f"representations need escnn, which cannot be imported: {error}",
            remedy=INSTALL,
        ) from None
    return escnn.group


def canonical_name(name: Any) -> str:
    """The name of a group as it is printed. Raises `SpecificationError` for an unknown group."""
    if isinstance(name, str):
        if match := re.fullmatch(r"([CD])([1-9][0-9]{0,3})", name):
            if int(match[2]) <= LARGEST:
                return name
            raise SpecificationError(
                f"{name!r} has more rotations than are supported", remedy=f"at most {LARGEST}; or use SO(2) or O(2)"
            )
        if match := re.fullmatch(r"(S?O)\(?([23])\)?", name):
            return f"{match[1]}({match[2]})"
        if name in ("octahedral", "icosahedral"):
            return name
    raise SpecificationError(f"{str(name)[:40]!r} is not a group", remedy=f"groups: {GROUPS}")


def find_group(name: Any) -> Group:
    """The group with a name. Raises `SpecificationError` for an unknown group, or without escnn."""
    return make_group(canonical_name(name))


@cache
def make_group(name: str) -> Group:
    """The group with a canonical name."""
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
    """The irreducible representation of a group that escnn calls by the numbers `name`."""
    with quiet():
        found = make_group(group).provider.irrep(*name)
        commuting = tuple(np.asarray(one) for one in found.endomorphism_basis())

    def matrix(g: Element) -> Matrix:
        return np.asarray(found(g))

    label = "_".join(map(str, name)).replace("-", "m")
    return Irrep(group, label, int(found.size), name[-1], matrix, commuting)
