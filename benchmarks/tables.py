"""The figures as tables: on the terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from benchmarks.contenders import FLOOR, OURS
from benchmarks.results import MEMORY_TARGET, MODES, RATIOS, SWEEP_RATIOS, Measured, Ratio

__all__ = ["Cell", "Grid", "case_grids", "legend", "markdown", "pieces_grid", "sweep_grid", "terminal"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and whether it reaches its target (None where there is none)."""

    text: str
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; the first `labels` columns are words."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    labels: int = 1


def number(value: float | None) -> str:
    """The digits that matter; a dash for what was not measured.

    >>> number(123.4), number(12.34), number(1.234), number(0.1234), number(None)
    ('123', '12.3', '1.23', '0.12', '–')
    """
    if value is None:
        return "–"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}" if value >= 0.095 else f"{value:.2g}"


def case_grids(measured: Sequence[Measured]) -> list[Grid]:
    """A table a mode: a column a case, a row a ratio with its target beside it. Memory is of forward and backward."""
    names = [one.case.name for one in measured]
    grids = []
    for mode, words in MODES.items():
        floors = [Cell(number(one.milliseconds(mode, FLOOR))) for one in measured]
        work = [Cell(number(one.work)) for one in measured]
        rows = [(Cell("floor, ms"), Cell(""), *floors), (Cell("multiplications / floor's"), Cell(""), *work)]
        rows += [(Cell(ratio.title), Cell(ratio.target), *ratio_cells(measured, mode, ratio)) for ratio in RATIOS]
        if mode == "forward_backward":
            peaks = [Cell(number(one.memory[OURS]), one.memory[OURS] <= MEMORY_TARGET) for one in measured]
            rows.append((Cell("peak memory / features"), Cell(f"≤ {MEMORY_TARGET:g}"), *peaks))
        grids.append(Grid(f"one layer, {words}", ("", "target", *names), tuple(rows), labels=2))
    return grids


def ratio_cells(measured: Sequence[Measured], mode: str, ratio: Ratio) -> list[Cell]:
    """A ratio for each case."""
    values = [one.ratio(mode, ratio) for one in measured]
    return [Cell(number(value), None if value is None else ratio.met(value)) for value in values]


def legend(measured: Sequence[Measured]) -> str:
    """What the cases are, a line each."""
    return "\n".join(
        f"- {one.case.name}: {one.case.title}, {len(one.case.space)} tensors, {one.case.weights:,} weights, "
        f"batch {one.case.batch}, {one.case.channels} channels"
        for one in measured
    )


def sweep_grid(name: str, points: Sequence[Measured]) -> Grid:
    """A row a point of a sweep."""
    headings, columns = [name, "tensors", "weights", "work / floor's"], []
    for mode, words in MODES.items():
        headings += [
            f"floor, {words}, ms",
            *(f"{ratio.title}, {words} {ratio.target}".strip() for ratio in SWEEP_RATIOS),
        ]
        columns += [[Cell(number(one.milliseconds(mode, FLOOR))) for one in points]]
        columns += [ratio_cells(points, mode, ratio) for ratio in SWEEP_RATIOS]
    facts = [(one.case.title, str(len(one.case.space)), f"{one.case.weights:,}", number(one.work)) for one in points]
    rows = tuple((*map(Cell, fact), *cells) for fact, *cells in zip(facts, *columns, strict=True))
    return Grid(f"{name} of a perceptron", tuple(headings), rows)


def pieces_grid(pieces: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Grid:
    """Start-up times and derivations, a line each."""
    starts = {f"{name} (process)": f"{number(one['median_ms'])} ms" for name, one in pieces["starts"].items()}
    build, gpt2, deep, kit = (pieces["fresh"][name] for name in ("build", "gpt2", "deep", "kit"))
    lines = starts | {
        "layer for an INR, first": f"{number(1e3 * build['cold_s'])} ms",
        "layer for an INR, again": f"{number(1e3 * build['cached_s'])} ms",
        **derivation_lines("GPT-2 small", gpt2),
        **derivation_lines("64-layer perceptron", deep),
        **{f"INR, 64 channels: {name.removesuffix('_s')}": f"{number(took)} s" for name, took in kit.items()},
    }
    rows = tuple((Cell(name), Cell(text)) for name, text in lines.items())
    return Grid("starting and deriving", ("what", "cost"), rows)


def derivation_lines(name: str, one: Mapping[str, float]) -> dict[str, str]:
    """A derivation in a few lines."""
    return {
        f"{name}: dimension": f"{one['dimension']:,} from {one['tensors']} tensors in {number(one['dimension_s'])} s",
        f"{name}: plain plan": f"{number(one['plan_s'])} s",
        f"{name}: source": f"{one['lines']:,} lines in {number(one['source_s'])} s",
        f"{name}: peak memory": f"{one['peak_mib']:.0f} MiB",
    }


def terminal(grid: Grid) -> Table:
    """For rich: green reaches its target, red does not."""
    table = Table(title=grid.title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(grid.headings):
        table.add_column(heading, justify="left" if place < grid.labels else "right")
    colours = {True: "green", False: "red", None: ""}
    for row in grid.rows:
        table.add_row(*(f"[{colours[c.met]}]{c.text}[/]" if colours[c.met] else c.text for c in row))
    return table


def markdown(grid: Grid) -> str:
    """The same as a Markdown table; what misses its target is in italics."""
    marks = ["---" if place < grid.labels else "---:" for place in range(len(grid.headings))]
    rows = [[f"*{cell.text}*" if cell.met is False else cell.text for cell in row] for row in grid.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(grid.headings), marks, *rows]) + "\n"
