"""The page of DWSNets."""

from __future__ import annotations

from collections.abc import Iterator

from papers.chains import Chain, dimension_by_formula, hidden_only, inputs_first
from papers.dwsnets.blocks import rows
from papers.dwsnets.published import COLUMNS, COPIED, NONLINEAR, REPOSITORY, copies, linear, nonlinear
from papers.page import Setting, System, Table
from symmetry import SCALAR, EquivariantMaps, WeightSpace, verify
from symmetry.verification.report import PROOFS

__all__ = ["SYSTEM"]

PERCEPTRONS = tuple(map(Chain, ((2, 4, 1), (3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 2), (3, 4, 4, 4, 2), (2, 32, 32, 1))))
DEEP = Chain((3, 4, 5, 6, 5, 4, 2))


def dimensions(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The dimension of perceptrons by the formula and by derivation."""
    for chain in PERCEPTRONS:
        maps = EquivariantMaps(hidden_only(chain))
        invariants = EquivariantMaps(maps.source, SCALAR).dimension
        formula = dimension_by_formula(chain, "HNP")
        numbers = maps.dimension, maps.bias_dimension, invariants
        yield str(chain), str(formula), *map(str, numbers)


def blocks(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The dimension of each block of a deep perceptron."""
    yield from rows(DEEP, inputs_first(DEEP))


def bells(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Invariants of a tensor with several axes over one set, by diagrams and by the mean of traces."""
    for count in range(1, 7):
        cells = []
        for size in range(1, 7):
            maps = EquivariantMaps(WeightSpace({"t": " ".join(["h"] * count)}, sets={"h": size}), SCALAR)
            verify(maps, proofs=PROOFS[:1])  # raises unless the mean of traces is the same
            cells.append(str(maps.dimension))
        yield str(count), *cells


SYSTEM = System(
    'DWSNets (Navon et al., ICML 2023, "Equivariant Architectures for Learning in Deep Weight Spaces")',
    (
        Table(
            "Dimension of the equivariant maps",
            ("widths", "by formula", "derived", "derived biases", "derived invariants"),
            dimensions,
        ),
        Table(
            f"Dimension of each block, at {DEEP}",
            ("blocks", "formula", "how many", "by formula", "derived"),
            blocks,
        ),
        Table(
            "Invariants of a tensor with k axes over one set of n, proved by the mean of traces; B(k) where n ≥ k",
            ("k", *(f"n = {size}" for size in range(1, 7))),
            bells,
        ),
        Table("`DWSLayer` against the hidden neurons' permutations", COLUMNS, linear, REPOSITORY),
        Table("`DWSLayer` in its other settings", NONLINEAR, nonlinear, REPOSITORY),
        Table("Ours with the published weights", COPIED, copies, REPOSITORY),
    ),
)
