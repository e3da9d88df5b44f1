"""Vector indices, on which O(n) or GL(n) acts: the rank of a LoRA, the units of a query and its key."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symmetry.groups.tableaux import mean_trace, mean_trace_pairs
from symmetry.kinds.action import Action, Copies, Part
from symmetry.kinds.index import Index, Invariant
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name, check_size
from symmetry.language.tables import check_table, print_table

__all__ = ["LinearMaps", "VectorIndex"]

Matrix = NDArray[np.float64]


def orthogonal(shape: tuple[int, ...], rng: np.random.Generator) -> Matrix:
    """Random orthogonal matrices, uniform over the group."""
    q, r = np.linalg.qr(rng.normal(size=shape))
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return np.asarray(q * signs[..., None, :])


def invertible(shape: tuple[int, ...], rng: np.random.Generator) -> Matrix:
    """Random invertible matrices whose singular values lie between 1/2 and 2, so that products stay accurate."""
    stretched = np.exp2(rng.uniform(-1, 1, size=shape[:-1]))
    return np.asarray(orthogonal(shape, rng) * stretched[..., None, :] @ orthogonal(shape, rng))


SINGULAR = 1e-12
"""Eigenvalues that are smaller in proportion to the largest count as nought."""
SAMPLES: dict[str, Callable[[tuple[int, ...], np.random.Generator], Matrix]] = {"O": orthogonal, "GL": invertible}
"""Random elements of the groups by the word that declares them."""


@dataclass(frozen=True, slots=True)
class LinearMaps(Action):
    """The orthogonal or the general linear group. A part holds matrices, axes `(*parents, value, value)`."""

    name: str
    size: int
    group: str

    def identity(self, copies: Copies) -> Matrix:
        return np.broadcast_to(np.eye(self.size), (*copies, self.size, self.size)).copy()

    def sample(self, copies: Copies, rng: np.random.Generator) -> Matrix:
        return SAMPLES[self.group]((*copies, self.size, self.size), rng)

    def generators(self, copies: Copies) -> Iterator[Matrix]:
        """A reflection and two random matrices.

        With probability 1 they generate a dense subgroup (of GL(n) in the topology of Zariski).
        """
        rng = np.random.default_rng(0)
        mirror = np.diag(np.r_[-1.0, np.ones(self.size - 1)])
        for matrix in (mirror, self.sample((), rng), self.sample((), rng)):
            part = self.identity(copies)
            part[(0,) * len(copies)] = matrix
            yield part

    def simple_count(self, copies: Copies) -> int:
        return math.prod(copies) * (self.size + math.comb(self.size, 2))

    def simple(self, copies: Copies, number: int) -> Matrix:
        """One coordinate multiplied by -1 (by 2 in GL), then rotations of the plane of two coordinates."""
        copy, kind = divmod(number, self.size + math.comb(self.size, 2))
        part = self.identity(copies)
        matrix = part.reshape(-1, self.size, self.size)[copy]
        if kind < self.size:
            matrix[kind, kind] = 2 if self.group == "GL" else -1
            return part
        first, second = [pair[kind - self.size] for pair in np.triu_indices(self.size, 1)]
        cosine, sine = 0.8, 0.6
        matrix[first, first] = matrix[second, second] = cosine
        matrix[first, second], matrix[second, first] = -sine, sine
        return part

    def inverse(self, part: Part) -> Matrix:
        return np.linalg.inv(part)

    def compose(self, after: Part, before: Part) -> Matrix:
        return np.asarray(after @ before)

    def equal(self, part: Part, other: Part) -> bool:
        return np.allclose(part, other, rtol=1e-9, atol=1e-9)

    def read(self, value: Any, copies: Copies) -> Matrix:
        shape = (*copies, self.size, self.size)
        try:
            part = np.array(value, dtype=float)
        except (TypeError, ValueError):
            part = np.zeros(0)
        if part.shape != shape or not np.isfinite(part).all() or not self.holds(part):
            kind = "orthogonal" if self.group == "O" else "invertible"
            raise SpecificationError(
                f"the part for {self.name!r} is no {kind} matrix", remedy=f"give an array of shape {shape}"
            )
        return part

    def holds(self, part: Matrix) -> bool:
        """Whether matrices are elements of the group."""
        if self.group == "O":
            return np.allclose(part @ np.swapaxes(part, -1, -2), np.eye(self.size), atol=1e-6)
        return bool((np.linalg.cond(part) < 1e12).all())

    def described(self, part: Part) -> Any:
        return part.tolist()

    def deed(self, part: Part) -> str:
        """Name the coordinate that is multiplied, or the plane that is turned, where there is but one."""
        places = np.argwhere(np.abs(part - self.identity(part.shape[:-2])) > 1e-12)
        coordinates = sorted({int(value) for *_, row, column in places.tolist() for value in (row, column)})
        if len({tuple(copy) for *copy, _, _ in places.tolist()}) == 1 and len(coordinates) <= 2:
            within = f" of copy {tuple(places[0, :-2].tolist())}" if places.shape[1] > 2 else ""
            if len(coordinates) == 1:
                factor = float(part[tuple(places[0])])
                return f"multiplying coordinate {coordinates[0]}{within} of {self.name!r} by {factor:g}"
            return f"turning the plane of coordinates {coordinates[0]} and {coordinates[1]}{within} of {self.name!r}"
        return f"acting on {self.name!r} by {'orthogonal' if self.group == 'O' else 'invertible'} matrices"

    def order(self, copies: Copies) -> int | None:
        return 2 ** math.prod(copies) if self.group == "O" and self.size == 1 else None

    @property
    def symbol(self) -> str:
        return f"{self.group}({self.size})"

    @property
    def order_symbol(self) -> str:
        return "2" if self.order(()) else f"∞ ({self.symbol})"

    def simpler(self, part: Part) -> Iterator[Matrix]:
        """Simple parts of the copies that the part changes."""
        for number in range(self.simple_count(part.shape[:-2])):
            yield self.simple(part.shape[:-2], number)

    def canonical(self, entries: Mapping[int, NDArray[np.float64]]) -> Matrix | None:
        """The matrix that makes the Gram matrices of both charges diagonal, for GL equal ones; then signs of rows.

        Where entries of one charge only are given, or fewer directions of one than there are coordinates, those of the
        other become orthonormal (`leveraged`).
        """
        shape = next(iter(entries.values())).shape[:-2]
        turns = np.empty((*shape, self.size, self.size))
        for place in np.ndindex(shape):
            own = {charge: values[place] for charge, values in entries.items()}
            turns[place] = eigenbasis(own) if self.group == "O" else balancing(own)
        return turns


def eigenbasis(entries: Mapping[int, Matrix]) -> Matrix:
    """The orthogonal matrix that makes the Gram matrix of all entries diagonal, largest eigenvalue first."""
    rows = np.concatenate([*entries.values()], axis=-1)
    return upright(np.linalg.eigh(rows @ rows.T)[1].T[::-1], rows)


def balancing(entries: Mapping[int, Matrix]) -> Matrix:
    """The matrix g with g S gᵀ = g⁻ᵀ T g⁻¹ diagonal, for the Gram matrices S and T of charges 1 and -1."""
    charge = 1 if 1 in entries else -1
    first, second = entries[charge], entries.get(-charge)
    gram = first @ first.T
    values = np.linalg.eigvalsh(gram)
    if values[0] <= SINGULAR * max(values[-1], SINGULAR):
        return np.eye(len(gram))
    root = np.linalg.cholesky(gram)
    found = leveraged(first, root)
    if second is not None:
        squares, vectors = np.linalg.eigh(root.T @ second @ second.T @ root)
        if squares[0] > SINGULAR * squares[-1]:
            found = (squares[::-1, None] ** 0.25) * vectors.T[::-1] @ np.linalg.inv(root)
    found = upright(found, first)
    return np.asarray(found if charge == 1 else np.linalg.inv(found).T)


def leveraged(rows: Matrix, root: Matrix) -> Matrix:
    """The matrix that makes rows orthonormal, and diagonal the sum of their squares weighted by leverage.

    The leverage of a column, its squared length in an orthonormal basis of the rows, is the same for every basis.
    """
    inverse = np.linalg.inv(root)
    orthonormal = inverse @ rows
    weighted = orthonormal * np.square(orthonormal).sum(0)
    return np.asarray(np.linalg.eigh(weighted @ orthonormal.T)[1].T[::-1] @ inverse)


def upright(turn: Matrix, rows: Matrix) -> Matrix:
    """A matrix with the signs of its rows changed so that the sums of the rows that it turns are positive."""
    return np.asarray(turn * np.where((turn @ rows).sum(-1) < 0, -1.0, 1.0)[:, None])


@dataclass(frozen=True, slots=True)
class VectorIndex(Index):
    """An index on which the orthogonal or the general linear group acts by matrices.

    Blocks are pairs of positions; of GL(n), a position with one that transforms against it. With n at least half the
    number of positions the diagrams are a basis, as they are refused below that (Brauer).

    Parameters
    ----------
    name
        Name of the index.
    size
        Number of coordinates.
    group
        `"O"` or `"GL"`.
    within
        Name of the set that the index is nested in: each element has coordinates, and a group, of its own.

    References
    ----------
    Brauer, "On algebras which are connected with the semisimple continuous groups", Annals of Mathematics 38, 1937;
    Pearce-Crump, "Brauer's group equivariant neural networks", ICML 2023.

    Examples
    --------
    >>> index = VectorIndex("r", 8, "GL")
    >>> index.declaration(), index.closes([1, -1]), index.closes([1, 1])
    ('{ size = 8, group = "GL" }', True, False)
    """

    group: str
    within: str | None = None

    section: ClassVar[str] = "vectors"
    noun: ClassVar[str] = "vector"
    joined: ClassVar[bool] = True
    exact_below: ClassVar[bool] = False
    charged: ClassVar[bool] = True

    @property
    def parent(self) -> str | None:
        return self.within

    @classmethod
    def declared(cls, name: str, declaration: Any) -> VectorIndex:
        remedy = f'write {name} = {{ size = 8, group = "GL" }} or "O"'
        check_table(name, declaration, required=["size", "group"], optional=["within"], remedy=remedy)
        group, within = declaration["group"], declaration.get("within")
        if not isinstance(group, str) or group not in SAMPLES:
            raise SpecificationError(f"the group of {name!r} is {group!r}", remedy=remedy)
        return cls(name, check_size(name, declaration["size"]), group, None if within is None else check_name(within))

    @classmethod
    def examples(cls) -> Sequence[Sequence[Any]]:
        """Both groups in two and three dimensions.

        Returns
        -------
        Sequence[Sequence[Any]]
            Rows of one declaration each.
        """
        return [[{"size": size, "group": group}] for group in SAMPLES for size in (2, 3)]

    def _keys(self) -> dict[str, Any]:
        """The declaration as a table, without keys that have their defaults."""
        return {"size": self.size, "group": self.group} | ({} if self.within is None else {"within": self.within})

    def declaration(self) -> str:
        return print_table(self._keys())

    def named(self, name: str, parent: str | None) -> VectorIndex:
        return replace(self, name=name, within=parent)

    def of_size(self, size: int) -> Any:
        return self._keys() | {"size": size}

    def check_charge(self, charge: int) -> None:
        if charge not in (1, -1):
            raise SpecificationError(
                f"{self.name!r} has the charge {charge} here",
                remedy=f"a vector has the charge 1, or -1: {self.name}^-1",
            )

    def opposite(self, charge: int) -> int:
        return -charge

    def order(self, positions: int) -> int:
        return (positions + 1) // 2

    def effective(self, charge: int) -> int:
        """The charge as far as it matters: an orthogonal matrix is its own inverse transpose."""
        return charge if self.group == "GL" else 1

    def label(self, charge: int, *, read: bool) -> Hashable:
        return self.effective(-charge if read else charge)

    def allows(self, labels: Sequence[Any]) -> bool:
        return len(labels) == 2 and (self.group == "O" or sum(labels) == 0)

    def closes(self, charges: Sequence[int]) -> bool:
        return self.allows(charges)

    def keeps(self, charges: Sequence[int]) -> int | None:
        return self.effective(charges[0]) if len(charges) == 1 else None

    @property
    def room(self) -> float:
        return math.inf

    @property
    def action(self) -> LinearMaps:
        return LinearMaps(self.name, self.size, self.group)

    def matrices(self, part: Part, charge: int) -> Matrix:
        return np.asarray(part if charge == 1 else np.swapaxes(np.linalg.inv(part), -1, -2))

    def trace_mean(self, labels: Sequence[Any]) -> Fraction | None:
        """The mean of the product of traces, by Weyl's sum over shapes, exact in every dimension."""
        if self.group == "O":
            return Fraction(mean_trace(self.size, len(labels)))
        with_it = sum(label == 1 for label in labels)
        return Fraction(mean_trace_pairs(self.size, with_it, len(labels) - with_it))

    def invariant(self, charge: int = 1) -> Invariant:
        return Invariant.LENGTH if self.group == "O" else Invariant.CONTRACTION
