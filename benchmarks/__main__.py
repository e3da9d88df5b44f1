"""`python -m benchmarks`: measure, and write the figures to benchmarks/out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from benchmarks.allocator import keep_memory
from benchmarks.contenders import why_not_compiled
from benchmarks.machine import machine, machine_text
from benchmarks.measuring import FULL, QUICK, Effort, all_cases, all_sweeps, measure
from benchmarks.pieces import ROOT, measure_pieces
from benchmarks.plots import save_sweep
from benchmarks.results import Measured
from benchmarks.tables import Grid, case_grids, legend, markdown, pieces_grid, sweep_grid, terminal

OUT = ROOT / "benchmarks" / "out"
application = typer.Typer(add_completion=False)
NAMES = (*(case.name for case in all_cases()), *all_sweeps(), "pieces")


@application.command()
def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, nothing compiled: does it run?")] = False,
    only: Annotated[str, typer.Option(help=f"Some of these, with commas: {', '.join(NAMES)}.")] = "",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch. More than one is for idle machines.")] = 1,
    default_malloc: Annotated[bool, typer.Option("--default-malloc", help="Time page faults too.")] = False,
    out: Annotated[Path, typer.Option(help="The folder for results.")] = OUT,
) -> None:
    """Time and peak memory of the layers, beside a floor, a literal evaluation and the package nfn."""
    chosen = choose(only)
    torch.set_num_threads(threads)
    kept = not default_malloc and keep_memory()
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(ROOT / ".cache" / "torchinductor"))
    out.mkdir(parents=True, exist_ok=True)
    console, start, facts = Console(), time.perf_counter(), machine(memory_kept=kept)
    console.print(machine_text(facts), highlight=False, soft_wrap=True)
    for record, texts in run(chosen, QUICK if quick else FULL, out, console, compiling=not quick):
        seconds = round(time.perf_counter() - start, 1)
        save(out, {"machine": facts, "quick": quick, "seconds": seconds} | record, texts, machine_text(facts))
    taken = time.perf_counter() - start
    console.print(f"{taken:.0f} s; results, tables and plots: {out}", highlight=False, soft_wrap=True)


def choose(only: str) -> list[str]:
    """The names given, or all. Raises `typer.BadParameter` for one that is not known."""
    given = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in given if name not in NAMES]:
        raise typer.BadParameter(f"{', '.join(unknown)}; known are {', '.join(NAMES)}")
    return given or list(NAMES)


def run(
    chosen: list[str], effort: Effort, out: Path, console: Console, *, compiling: bool
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Measure what was chosen and show each table as it is complete; yield the record and the Markdown so far."""
    record: dict[str, Any] = {}
    texts: list[str] = []

    def show(grids: list[Grid]) -> None:
        console.print(*map(terminal, grids), sep="\n")
        texts.extend(f"### {grid.title}\n\n{markdown(grid)}" for grid in grids)

    if cases := measure_cases(chosen, effort, console, compiling=compiling):
        record["cases"] = [one.record() for one in cases]
        show(case_grids(cases))
        texts.append(f"{legend(cases)}\n")
        console.print(legend(cases), highlight=False, soft_wrap=True)
        yield record, texts
    for name in all_sweeps():
        if name in chosen:
            points = measure_sweep(name, effort, console)
            record.setdefault("sweeps", {})[name] = [one.record() for one in points]
            save_sweep(out / f"{name}.png", name, points)
            show([sweep_grid(name, points)])
            yield record, texts
    if "pieces" in chosen:
        with console.status("starting and deriving"):
            record["pieces"] = measure_pieces(effort.starts)
        show([pieces_grid(record["pieces"])])
        yield record, texts


def measure_sweep(name: str, effort: Effort, console: Console) -> list[Measured]:
    """Measure the floor and our layer at every point of a sweep."""
    with console.status(f"{name} of a perceptron"):
        return [
            measure(effort.scaled(case), effort.sweep_budget, effort.least, others=False)
            for case in all_sweeps()[name][: effort.points]
        ]


def measure_cases(chosen: list[str], effort: Effort, console: Console, *, compiling: bool) -> list[Measured]:
    """Measure those of the cases that were chosen, with a line about each."""
    cases = [case for case in all_cases() if case.name in chosen]
    compiling = compiling and bool(cases)
    reason = why_not_compiled() if compiling else "not asked for"
    if reason and compiling:
        console.print(f"without torch.compile, which fails here: {reason}", highlight=False)
    found = []
    for case in cases:
        start = time.perf_counter()
        with console.status(case.title):
            torch.manual_seed(0)
            found.append(measure(effort.scaled(case), effort.case_budget, effort.least, compiled=not reason))
        console.print(f"{case.title}: measured in {time.perf_counter() - start:.0f} s", highlight=False)
    return found


def save(out: Path, record: dict[str, Any], texts: list[str], machine_line: str) -> None:
    """Write `results.json` and `table.md`."""
    (out / "results.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (out / "table.md").write_text("\n".join([*texts, f"Measured on {machine_line}.\n"]), encoding="utf-8")


if __name__ == "__main__":
    application(prog_name="python -m benchmarks")
