"""Networks of one architecture and width as the rows of one matrix on disk, which is mapped into memory.

A folder with `weights.npy` (a row for each network), `layout.csv` (which columns are which tensor) and, for the labels,
`metrics.csv`: the form in which Unterthiner et al. (2020), "Predicting Neural Network Accuracy from Weights", publish
their zoos, and in which `Zoo.pack` writes.
"""

from __future__ import annotations

import ast
import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from layergen.data.fitting import Signature
from layergen.data.reading import LAYOUT, MATRIX, first_line
from symmetry.language.errors import SpecificationError

__all__ = ["COLUMNS", "METRICS", "PACKED", "Columns", "Matrix", "open_matrix", "write_layout"]

METRICS = ("metrics.csv", "metrics.csv.gz", "metrics.parquet")
"""The files of which one holds the labels, a row for each row of the matrix."""
PACKED = "packed.json"
"""Checksums, which `Zoo.pack` writes last."""
COLUMNS = ("varname", "start_idx", "end_idx", "size", "shape")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a matrix that hold one tensor, from `start` to below `stop`."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Matrix:
    """Networks that are the rows of one matrix.

    Parameters
    ----------
    folder
        The folder with the files.
    layout
        Where each tensor is.
    """

    folder: Path
    layout: tuple[Columns, ...]

    @cached_property
    def values(self) -> NDArray[Any]:
        """The matrix, `(network, column)`, mapped into memory."""
        return np.load(self.folder / MATRIX, mmap_mode="r", allow_pickle=False)

    def __getstate__(self) -> dict[str, Any]:
        """Without the mapped matrix, which a process that gets a copy maps for itself."""
        return {"folder": self.folder, "layout": self.layout}

    def __len__(self) -> int:
        return len(self.values)

    @property
    def checked(self) -> bool:
        """Whether all weights were found finite when the matrix was packed."""
        return (self.folder / PACKED).is_file()

    @property
    def signature(self) -> Signature:
        """The names, shapes and dtypes of the tensors."""
        dtype = torch.from_numpy(np.empty(0, self.values.dtype)).dtype
        names, count = tuple(one.name for one in self.layout), len(self.layout)
        return Signature(names, tuple(one.shape for one in self.layout), (dtype,) * count, tuple(range(count)))

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> dict[str, Tensor]:
        """The tensors of some networks, `{tensor: (network, *axes)}`: views of one copy of the rows."""
        chosen = torch.from_numpy(self.values[np.asarray(rows)])
        return {one.name: chosen[:, one.start : one.stop].reshape(-1, *one.shape) for one in self.layout}

    def finite(self, chunk: int = 2**22) -> NDArray[np.bool_]:
        """Whether each network has finite weights only; about `chunk` numbers are read at a time."""
        step = max(1, chunk // max(1, self.values.shape[1]))
        parts = [np.isfinite(self.values[at : at + step]).all(1) for at in range(0, len(self), step)]
        return np.concatenate(parts) if parts else np.zeros(0, bool)


def open_matrix(folder: Path) -> Matrix:
    """The matrix in a folder.

    Parameters
    ----------
    folder
        A folder with `weights.npy` and `layout.csv`.

    Returns
    -------
    Matrix
        The networks, not read yet.

    Raises
    ------
    SpecificationError
        If a file cannot be read, or if the layout is not that of the matrix.
    """
    try:
        with (folder / LAYOUT).open(newline="", encoding="utf-8") as file:
            layout = tuple(map(columns, csv.DictReader(file)))
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise unreadable(folder / LAYOUT, f"is no layout: {first_line(error)}") from None
    matrix = Matrix(folder, layout)
    try:
        shape, kind = matrix.values.shape, matrix.values.dtype.kind
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(folder / MATRIX, f"is no matrix: {first_line(error)}") from None
    if len(shape) != 2 or kind != "f":
        raise unreadable(folder / MATRIX, f"has shape {shape} and type {matrix.values.dtype}, no matrix of reals")
    if layout and max(one.stop for one in layout) > shape[1]:
        raise unreadable(folder / LAYOUT, f"has tensors beyond the {shape[1]} columns of {MATRIX}")
    return matrix


def columns(row: Mapping[str, str]) -> Columns:
    """A row of `layout.csv`. Raises `ValueError` where shape and columns do not agree."""
    shape = ast.literal_eval(row["shape"])
    shape = tuple(map(int, shape)) if isinstance(shape, tuple) else (int(shape),)
    one = Columns(row["varname"], int(row["start_idx"]), int(row["end_idx"]), shape)
    if not 0 <= one.start < one.stop or one.stop - one.start != math.prod(shape):
        raise ValueError(f"{one.name!r} has columns {one.start} to {one.stop} and shape {shape}")
    return one


def unreadable(path: Path, fault: str) -> SpecificationError:
    """The error for a file of a matrix that cannot be used."""
    remedy = f"a packed zoo has {MATRIX}, {LAYOUT} ({', '.join(COLUMNS)}) and {METRICS[0]}"
    return SpecificationError(fault, place=str(path), remedy=remedy)


def write_layout(path: Path, layout: Sequence[Columns]) -> None:
    """Write `layout.csv`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([one.name, one.start, one.stop, one.stop - one.start, str(one.shape)] for one in layout)
