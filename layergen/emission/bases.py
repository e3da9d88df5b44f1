"""Printing the constants of representation indices: bases in which a group's action falls apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from layergen.emission.text import bracketed
from layergen.plan.operations import Basis

__all__ = ["print_basis"]

MOST = 512
"""The largest square of a column's length that is looked for."""


def print_basis(basis: Basis) -> Iterator[str]:
    """A basis as a constant in double precision: whole numbers over the roots of whole numbers where it can be."""
    parts = basis.decomposition
    copies = zip(parts.irreps, parts.multiplicities, strict=True)
    summands = " + ".join(f"{count} x irrep {irrep.label}" for irrep, count in copies)
    kind = "each copy once for each map that commutes with it (Schur)" if basis.reading else "copy after copy"
    matrix = parts.reading if basis.reading else parts.basis
    squares = [square_length(column) for column in matrix.T]
    yield f"# {parts.irreps[0].group}: {summands}, {kind}."
    yield f"{basis.name} = torch.tensor("
    yield "    ["
    for row in matrix:
        entries = [
            str(round(entry * square**0.5)) if square else repr(float(entry))
            for entry, square in zip(row, squares, strict=True)
        ]
        yield from bracketed("[", entries, "],", "        ")
    yield "    ],"
    yield "    dtype=torch.float64,"
    yield ")"
    lengths = [str(square or 1) for square in squares]
    if set(lengths) != {"1"}:
        yield from bracketed(f"{basis.name} /= torch.tensor([", lengths, "], dtype=torch.float64).sqrt()", "")
    yield ""


def square_length(column: NDArray[np.float64]) -> int | None:
    """The least number by whose square root a unit column becomes whole numbers; None where there is none."""
    for square in range(1, MOST + 1):
        scaled = column * square**0.5
        if np.abs(scaled - np.round(scaled)).max() < 1e-9:
            return square
    return None
