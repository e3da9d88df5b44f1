"""The output of the commands: plain tables, readable numbers, one JSON object."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["every_digit", "facts", "make_console", "make_table", "print_json"]

PIPED = 200
"""The width in characters of a table that is not shown on a terminal."""


def make_console() -> Console:
    """A console that prints names as they are, without reading markup into them.

    Where the process was started without a standard output (`>&-`), the output is dropped.
    """
    if sys.stdout is None:
        return Console(quiet=True, width=PIPED)
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED
    return Console(markup=False, highlight=False, emoji=False, width=width)


def make_table(title: str) -> Table:
    """An empty table in the style of all commands."""
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def facts(rows: Mapping[str, str]) -> Table:
    """Names and values in two columns, without a frame."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


@contextmanager
def every_digit() -> Iterator[None]:
    """Within a `with`, let integers of any length be written in full. By default Python refuses 4300 digits."""
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(most)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object. JSON has no infinity: numbers that are not finite become text."""
    with every_digit():
        finite = json.loads(json.dumps(value), parse_constant=str)
        typer.echo(json.dumps(finite))
