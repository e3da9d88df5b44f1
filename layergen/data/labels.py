"""Labels of networks: a table with a row for each file, or parts of the files' names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    from polars import DataFrame

__all__ = ["FILE", "labels_from_names", "polars", "read_table", "repeated"]

FILE = "file"
"""The column that names the network of a row, relative to the folder of the zoo."""
READERS = {".parquet": "read_parquet", ".pq": "read_parquet", ".json": "read_json", ".jsonl": "read_ndjson"}
"""The function of polars that reads tables of each suffix; others are CSV."""


def polars() -> Any:
    """The package that reads tables, imported when it is needed; a clear message where it is not installed."""
    try:
        import polars
    except ImportError:
        raise ImportError("tables of labels need the package polars: pip install 'layergen[train]'") from None
    return polars


def read_table(path: Path, *, named: bool = True) -> DataFrame:
    """A table of labels.

    Parameters
    ----------
    path
        A CSV file (which may be compressed: `.csv.gz`), a parquet file, or JSON: a list of objects in a file `.json`,
        or an object a line in one `.jsonl`.
    named
        Whether there must be a column `file`.

    Returns
    -------
    DataFrame
        The table.

    Raises
    ------
    SpecificationError
        If the file cannot be read, or has no column `file`.
    """
    library = polars()
    try:
        if path.suffix in READERS:
            table: DataFrame = getattr(library, READERS[path.suffix])(path)
        else:
            table = with_numbers(library.read_csv(path, infer_schema_length=None))
    except (OSError, library.exceptions.PolarsError) as error:
        text = str(getattr(error, "strerror", None) or error).strip()
        reason = text.splitlines()[0] if text else type(error).__name__
        raise SpecificationError(
            f"cannot be read: {reason}", place=str(path), remedy="give a CSV, parquet or JSON file with a column 'file'"
        ) from None
    if named and FILE not in table.columns:
        raise SpecificationError(
            f"there is no column {FILE!r}, only {', '.join(table.columns)}",
            place=str(path),
            remedy="name the file of each row, relative to the folder of the networks",
        )
    return table.with_columns(library.col(FILE).cast(library.String)) if FILE in table.columns else table


def repeated(table: DataFrame) -> list[str]:
    """The names that more than one row of a table has in the column `file`, in order."""
    counts = table.group_by(FILE).len()
    found: list[str] = sorted(counts.filter(counts["len"] > 1)[FILE].drop_nulls().to_list())
    return found


def labels_from_names(names: Sequence[str], pattern: re.Pattern[str]) -> DataFrame:
    """Labels that are parts of the names of the networks' files.

    Parameters
    ----------
    names
        The names.
    pattern
        A regular expression that is searched in each name; its named groups are the columns.

    Returns
    -------
    DataFrame
        A row for each name that the pattern is found in. Columns of integers and numbers have these types.

    Raises
    ------
    SpecificationError
        If the pattern has no named groups.

    Examples
    --------
    >>> labels_from_names(["digit3_a.pt", "digit5_b.pt"], re.compile(r"digit(?P<digit>[0-9])"))["digit"].to_list()
    [3, 5]
    """
    library = polars()
    if not pattern.groupindex:
        raise SpecificationError(
            f"the pattern {pattern.pattern!r} has no named groups", remedy=r"name them, as in digit(?P<digit>\d)"
        )
    rows = [{FILE: name, **match.groupdict()} for name in names if (match := pattern.search(name))]
    table = library.DataFrame(rows, schema=dict.fromkeys([FILE, *pattern.groupindex], library.String))
    return with_numbers(table)


def with_numbers(table: DataFrame) -> DataFrame:
    """A table with numbers in columns of texts that are all numbers: polars takes Python's "nan" for text."""
    library = polars()
    for column in table.columns:
        values = table[column]
        if column == FILE or values.dtype != library.String or values.null_count() == len(values):
            continue
        for kind in (library.Int64, library.Float64):
            cast = values.cast(kind, strict=False)
            if cast.null_count() == values.null_count():
                table = table.with_columns(cast)
                break
    return table
