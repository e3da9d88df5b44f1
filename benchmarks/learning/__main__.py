"""`python -m benchmarks.learning`: train every method on every task with one budget, and print one table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from benchmarks.learning.every import METHODS, TASKS
from benchmarks.learning.optimisers import Optimising
from benchmarks.learning.tasks import ROOT, Task
from benchmarks.machine import machine, machine_text

OUT = Path(__file__).resolve().parents[1] / "out" / "learning"
application = typer.Typer(add_completion=False)
Run = dict[str, Any]


@application.command()
def main(
    tasks: Annotated[str, typer.Option(help=f"Some of the tasks, with commas: {', '.join(TASKS)}.")] = "A,B,C,D,E",
    methods: Annotated[str, typer.Option(help=f"Some of the methods: {', '.join(METHODS)}.")] = "",
    seconds: Annotated[float, typer.Option(help="Processor time to train one network.")] = 20.0,
    seeds: Annotated[int, typer.Option(min=1, help="All configurations are tried with the first.")] = 3,
    tried: Annotated[int, typer.Option(min=1, max=3, help="How many configurations of a method are tried.")] = 3,
    out: Annotated[Path, typer.Option(help="The folder for results; what is found there is not run again.")] = OUT,
    anew: Annotated[bool, typer.Option("--anew", help="Run again what other sources than these gave.")] = False,
) -> None:
    """Tasks by methods: the score on test networks, mean and deviation over seeds."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    facts = machine_text(machine(memory_kept=False))
    console.print(f"{facts}; {seconds:g} s of processor time to train", highlight=False, soft_wrap=True)
    table: dict[str, dict[str, list[float]]] = {}
    scores, others, kept = {}, 0, Results(out, sources(), anew)
    for letter in chosen(tasks, TASKS, "tasks"):
        task = TASKS[letter]()
        scores[letter] = f"{task.title}, {task.score.name} {'↑' if task.score.rises else '↓'}"
        for name in chosen(methods, METHODS, "methods"):
            if not METHODS[name].applies(task):
                continue
            with console.status(f"{task.title}: {METHODS[name].title}"):
                found = list(runs(task, letter, name, seconds, seeds, tried, kept))
            others += sum(run.get("sources") != kept.sources for run in found)
            table.setdefault(name, {})[letter] = [run["test"] for run in found]
            console.print(f"{letter} {name}: {cell(table[name][letter])} {found[0]['options']}", highlight=False)
    if others:
        console.print(f"{others} of the runs are of other sources than these; --anew runs them again", soft_wrap=True)
    print(markdown(table, scores))


@dataclass(frozen=True, slots=True)
class Results:
    """A folder of results of single runs; those that `sources` did not give count unless all is run anew."""

    folder: Path
    sources: str
    anew: bool

    def found(self, name: str, options: dict[str, Any]) -> Run | None:
        """The result that is kept under a name, if it is of these options."""
        path = self.folder / name
        if not path.exists():
            return None
        run: Run = json.loads(path.read_text())
        stale = self.anew and run.get("sources") != self.sources
        return None if stale or run["options"] != options else run

    def keep(self, name: str, run: Run) -> Run:
        """Leave a result under a name."""
        unfinished = (self.folder / name).with_suffix(".unfinished")
        unfinished.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.folder / name)
        return run


def sources() -> str:
    """A digest of all that results depend on and that is in this repository."""
    digest = blake2b(digest_size=6)
    for folder in ("symmetry", "layergen", "demo", "examples", "benchmarks/learning"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def runs(
    task: Task | Optimising, letter: str, name: str, seconds: float, seeds: int, tried: int, kept: Results
) -> Iterator[Run]:
    """What the best configuration gives, seed by seed; the best is that of the first seed on validation."""
    first = [run(task, letter, name, place, 0, seconds, kept) for place in range(tried)]
    sign = 1 if task.score.rises else -1
    best = max(range(len(first)), key=lambda place: sign * first[place]["validation"])
    yield first[best]
    for seed in range(1, seeds):
        yield run(task, letter, name, best, seed, seconds, kept)


def run(task: Task | Optimising, letter: str, name: str, place: int, seed: int, seconds: float, kept: Results) -> Run:
    """What one configuration gives with one seed, from its file if there is one."""
    file = f"{letter}-{name}-{place}-{seed}-{seconds:g}s.json"
    options = METHODS[name].configurations[place]
    if found := kept.found(file, options):
        return found
    torch.manual_seed(seed)
    outcome = METHODS[name].run(task, seconds, **options)
    facts = {"options": options, "load": machine(memory_kept=False)["load"], "sources": kept.sources}
    return kept.keep(file, facts | asdict(outcome))


def chosen(given: str, known: dict[str, Any], noun: str) -> list[str]:
    """The names given, or all. Raises `typer.BadParameter` for one that is not known."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"{', '.join(unknown)}; known {noun} are {', '.join(known)}")
    return names or list(known)


def cell(found: list[float]) -> str:
    """Mean and deviation of some scores, with as many digits as they have."""
    digits = 4 if abs(mean(found)) < 0.1 else 3
    return f"{mean(found):.{digits}f} ± {stdev(found) if len(found) > 1 else 0.0:.{digits}f}"


def markdown(table: dict[str, dict[str, list[float]]], scores: dict[str, str]) -> str:
    """The table in Markdown, a row for each method and a column for each task."""
    lines = ["| |" + "".join(f" {score} |" for score in scores.values()), "|---|" + "---|" * len(scores)]
    for name, cells in table.items():
        found = [cell(cells[letter]) if letter in cells else "–" for letter in scores]
        lines.append(f"| {METHODS[name].title} | " + " | ".join(found) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    application(prog_name="python -m benchmarks.learning")
