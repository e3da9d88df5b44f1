"""The networks of a folder with their labels, not looked into yet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from layergen.data.faults import Fault
from layergen.data.labels import FILE, labels_from_names, polars, read_table, repeated
from layergen.data.matrix import METRICS, Matrix, open_matrix
from layergen.data.reading import MATRIX, file_names, matrix_folders, read_state
from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    from polars import DataFrame

__all__ = ["Files", "Listing", "Source", "check_columns", "listed", "matching", "unlabelled"]

TABLES = ("labels.csv", "labels.parquet")
"""The tables of labels that a folder may have."""


@dataclass(frozen=True, slots=True)
class Files:
    """Networks in files of their own.

    Parameters
    ----------
    folder
        The folder of the zoo.
    names
        The files, relative to the folder.
    """

    folder: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, rows: Iterable[int]) -> list[dict[str, Tensor]]:
        """The tensors of some networks, one dictionary each."""
        return [read_state(self.folder / self.names[row]) for row in rows]


Source = Files | Matrix


@dataclass(frozen=True, slots=True)
class Listing:
    """The networks of a folder, not looked into yet.

    Parameters
    ----------
    sources
        Where they are.
    names
        Their names.
    places
        For each network the number of its source and its row there, `(network, 2)`.
    labels
        The labels, a row for each network; None where there are none.
    """

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    places: NDArray[np.int64]
    labels: DataFrame | None

    def only(self, kept: NDArray[np.bool_]) -> Listing:
        """Some of the networks, given by a truth value for each."""
        names = tuple(name for name, keep in zip(self.names, kept, strict=True) if keep)
        return Listing(
            self.sources, names, self.places[kept], None if self.labels is None else self.labels.filter(kept)
        )


def listed(folder: Path, labels: str | Path | re.Pattern[str] | None) -> tuple[Listing, list[Fault]]:
    """The networks in a folder with their labels, and what is wrong with their names."""
    if not folder.is_dir():
        fault = "it is a file" if folder.exists() else "there is no such folder"
        raise SpecificationError(fault, place=str(folder), remedy="give a folder of networks")
    files = Files(folder, tuple(file_names(folder)))
    matrices = [open_matrix(path) for path in matrix_folders(folder)]
    sources: tuple[Source, ...] = (*([files] if files.names else []), *matrices)
    if not sources:
        remedy = "networks are .safetensors, .pt and .pth files, folders of Hugging Face's, or weights.npy + layout.csv"
        raise SpecificationError("there are no networks in this folder", place=str(folder), remedy=remedy)
    metrics = [own_labels(matrix, folder) for matrix in matrices]
    names = files.names + tuple(name for _, own in metrics for name in own)
    counts = [len(source) for source in sources]
    places = np.concatenate([np.stack([np.full(n, at), np.arange(n)], 1) for at, n in enumerate(counts)])
    table, faults = labels_of(folder, labels, names, [own for own, _ in metrics if own is not None])
    if len(set(names)) < len(names):
        faults += [Fault(name, f"{n} networks have this name") for name, n in Counter(names).items() if n > 1]
    return Listing(sources, names, places, table), faults


def own_labels(matrix: Matrix, folder: Path) -> tuple[DataFrame | None, list[str]]:
    """The labels beside a matrix, and the names of its networks: those in the column `file`, else their rows."""
    inside = (matrix.folder / MATRIX).relative_to(folder).as_posix()
    path = next((matrix.folder / name for name in METRICS if (matrix.folder / name).is_file()), None)
    rows = [f"{inside}[{row}]" for row in range(len(matrix))]
    if path is None:
        return None, rows
    table = read_table(path, named=False)
    if len(table) != len(matrix):
        fault = f"has {len(table)} rows, {MATRIX} has {len(matrix)}"
        raise SpecificationError(fault, place=str(path), remedy="give a row of labels for each row of the matrix")
    if FILE not in table.columns:
        table = table.with_columns(polars().Series(FILE, rows))
    return table, table[FILE].to_list()


def labels_of(
    folder: Path, labels: str | Path | re.Pattern[str] | None, names: Sequence[str], own: Sequence[DataFrame]
) -> tuple[DataFrame | None, list[Fault]]:
    """A row of labels for each network, nulls where there are none, and the networks that have several rows."""
    if isinstance(labels, re.Pattern):
        table = labels_from_names(names, labels)
    elif labels is not None:
        beside = folder / labels
        table = read_table(beside if beside.is_file() else Path(labels))
    elif path := next((folder / name for name in TABLES if (folder / name).is_file()), None):
        table = read_table(path)
    elif own:
        table = polars().concat(own, how="diagonal_relaxed")
    else:
        return None, []
    twice = set(repeated(table))
    faults = [Fault(name, "more than one row of labels") for name in names if name in twice]
    whole = polars().DataFrame({FILE: names}, schema={FILE: polars().String})
    return whole.join(table.unique(FILE, keep="first"), on=FILE, how="left", maintain_order="left"), faults


def matching(listing: Listing, where: Mapping[str, Any]) -> Listing:
    """The networks whose labels have given values, compared as text."""
    for column, value in where.items():
        check_columns(listing.labels, [column])
        texts = listing.labels[column].cast(polars().String)  # type: ignore[index]
        listing = listing.only((texts == str(value)).fill_null(False).to_numpy())
    return listing


def check_columns(labels: DataFrame | None, columns: Iterable[str]) -> None:
    """Raise `SpecificationError` for a column of labels that there is not."""
    known = [] if labels is None else [name for name in labels.columns if name != FILE]
    for column in columns:
        if column not in known:
            remedy = f"columns: {', '.join(known)}" if known else "give a table with labels=, a row for each file"
            raise SpecificationError(f"there are no labels {column!r}", remedy=remedy)


def unlabelled(listing: Listing, columns: Iterable[str]) -> Iterator[Fault]:
    """The networks without a value, or with one that is not finite, in columns that must have one."""
    for column in columns:
        values = listing.labels[column]  # type: ignore[index]
        missing = values.is_null().to_numpy()
        bad = missing | ~values.is_finite().fill_null(True).to_numpy() if values.dtype.is_float() else missing
        for row in np.flatnonzero(bad):
            reason = f"there is no label {column!r}" if missing[row] else f"the label {column!r} is {values[int(row)]}"
            yield Fault(listing.names[row], reason)
