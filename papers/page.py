"""What a page of a published system is made of: tables that are measured when they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from layergen.testing import Coverage, Form, Verdict, check, sensitivity
from papers.published import Published
from symmetry import WeightSpace

__all__ = ["DASH", "Setting", "System", "Table", "attempted", "both", "further", "holds", "lines", "missing", "reached"]

DASH = "–"
"""What stands in a cell that says nothing."""
MOST = 2
"""More diagrams or symmetries than these are only counted."""

Row = tuple[str, ...]
NOWHERE = Published()


@dataclass(frozen=True, slots=True)
class Setting:
    """How a page is printed.

    Parameters
    ----------
    full
        Whether everything is measured, instead of what takes a few seconds.
    published
        Where the public code of the systems is found.
    """

    full: bool = False
    published: Published = NOWHERE


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a page.

    Parameters
    ----------
    title
        What the table says, in a line.
    columns
        The heads of its columns.
    rows
        Measures the rows, one after the other, for a setting; cells that a row leaves out at its end say nothing.
    repository
        The public repository whose code the table judges, `owner/name`; None where it needs no code but ours.
    """

    title: str
    columns: Row
    rows: Callable[[Setting], Iterable[Row]]
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """A published system: its paper, and the tables of its page.

    Parameters
    ----------
    title
        The system and its paper.
    tables
        What is measured of it.
    """

    title: str
    tables: tuple[Table, ...]


def line(cells: Iterable[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def lines(system: System, setting: Setting) -> Iterator[str]:
    """The page's tables in Markdown, each line when it is measured.

    A table that judges public code which is not at hand says so in one line instead.
    """
    yield f"# {system.title}"
    for table in system.tables:
        yield f"\n## {table.title}\n"
        reason = None if table.repository is None else setting.published.reason(table.repository)
        if reason is not None:
            yield f"Not judged: {reason}."
            continue
        yield line(table.columns)
        yield line("---" for _ in table.columns)
        for cells in table.rows(setting):
            yield line((*cells, *[DASH] * (len(table.columns) - len(cells))))


def both(f: Any, space: WeightSpace, form: str | Form, channels: int) -> tuple[Verdict, Verdict]:
    """Whether a function on features of a space is equivariant, and which further symmetry it has."""
    return check(f, space, form=form, channels=channels), sensitivity(f, space, form=form, channels=channels)


def holds(verdict: Verdict) -> str:
    """Yes, or the first thing that is wrong, without the numbers."""
    if verdict.passed:
        return "yes"
    first = verdict.message.splitlines()[0]
    if not verdict.moved:
        return f"no: {first.partition(' (')[0]}"
    return f"no: {first.partition(': ')[2].split(' does')[0].split(' changes')[0]}"


def attempted(judge: Callable[[], Row]) -> Row:
    """What a judgement gives in cells, or what the judged code raises."""
    try:
        return judge()
    except Exception as error:  # foreign code may raise anything, and that it does is part of the judgement
        told = str(error).splitlines()
        return (f"raises `{type(error).__name__}`{f': {told[0]}' if told else ''}",)


def further(verdict: Verdict) -> str:
    """What `layergen.testing.sensitivity` found, in a cell."""
    if verdict.passed:
        return "none found"
    return counted(verdict.message.removeprefix("more symmetric than declared: ").split("\n    and "))


def reached(found: Coverage) -> str:
    """How many of the linear maps are reached."""
    return f"{found.linear.rank} / {found.linear.dimension}"


def missing(found: Coverage) -> str:
    """The diagrams that are not reached."""
    return counted([f"`{diagram}`" for diagram in (*found.linear.missing, *found.bias.missing)]) or DASH


def counted(texts: list[str]) -> str:
    """The first texts, and how many more there are."""
    more = [f"{len(texts) - MOST} more"] if len(texts) > MOST else []
    return "; ".join((*texts[:MOST], *more))
