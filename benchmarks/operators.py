"""Where a layer's time goes: `python -m benchmarks.operators`, by operator and by passes over memory.

Times are torch's profiler's, forwards and backwards apart, the lowest quartile of many runs, with the floor and ours
measured in turn. Bytes are what every operator reads and writes, whatever a cache may save of them; a *pass* is the
features once, read or written. A product alone needs six: forwards it reads its input and writes its output, backwards
it reads the gradient of the output and writes that of the input, and reads both once more for that of the weight.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.allocator import keep_memory
from benchmarks.contenders import OURS, SWIFT_FLOOR, Case, Contender, contenders
from benchmarks.machine import machine, machine_text
from benchmarks.measuring import all_cases
from benchmarks.spaces import perceptron
from benchmarks.tables import Cell, Grid, markdown, number, terminal

__all__ = ["KINDS", "Share", "Traffic", "kind", "measured", "operator_cases"]

KINDS: Mapping[str, frozenset[str]] = {
    "product": frozenset(
        ["mm", "addmm", "bmm", "baddbmm", "mkldnn_convolution", "convolution", "convolution_backward"]
    ),
    "add": frozenset(["add", "add_", "mul", "mul_", "div", "div_"]),
    "sum": frozenset(["sum", "mean"]),
    "copy": frozenset(["copy_", "cat", "constant_pad_nd", "fill_", "zero_", "clone", "slice_backward"]),
}
"""Operators that move numbers, by kind. What is left are views and the making of empty tensors."""
VIEWS = "views"
PHASES = ("forward", "backward")


def kind(operator: str) -> str:
    """The kind of an operator, by its name.

    >>> kind("aten::add_"), kind("aten::mm"), kind("aten::view")
    ('add', 'product', 'views')
    """
    plain = operator.split("::")[-1].split(".")[0]
    return next((name for name, operators in KINDS.items() if plain in operators), VIEWS)


@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of operator takes in one phase: microseconds, calls, and passes over the features."""

    microseconds: float
    calls: int
    passes: float


class Traffic(TorchDispatchMode):
    """Counts calls of operators, and the bytes that they read and write; what a stride of zero repeats counts once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = kind(func.name())
        self.calls[name] += 1
        if name != VIEWS:
            own = tree_leaves((args, kwargs, result))
            self.bytes[name] += sum(held_bytes(value) for value in own if isinstance(value, Tensor))
        return result


def held_bytes(value: Tensor) -> int:
    """The bytes of a tensor's entries that stand apart in memory."""
    count = 1
    for size, stride in zip(value.shape, value.stride(), strict=True):
        count *= size if stride else 1
    return count * value.element_size()


def operator_cases() -> tuple[Case, ...]:
    """The four spaces of the table, and three at which nothing was tuned: small, wide, and of many tensors."""
    ours = tuple(case for case in all_cases() if case.name != "cnn_plain")
    small = Case("small", "INR 2-48-48-3", perceptron(2, [48] * 2, 3), batch=8, channels=16)
    wide = Case("wide", "perceptron 2-256-256-1", perceptron(2, [256] * 2, 1), batch=4, channels=24)
    many = Case("many", "perceptron, 40 × 12", perceptron(2, [12] * 40, 1), batch=8, channels=8)
    return (*ours, small, wide, many)


def measured(case: Case, runs: int) -> dict[str, dict[str, dict[str, Share]]]:
    """For the floor with our product and for ours, by phase and kind of operator, what it takes."""
    field = {name: one for name, one in contenders(case).items() if name in (SWIFT_FLOOR, OURS)}
    times: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for number_of_run in range(runs + 2):
        for name, one in field.items():
            for (phase, operator), took in profiled(one).items():
                if number_of_run >= 2:
                    times[name, phase, operator].append(took)
    found: dict[str, dict[str, dict[str, Share]]] = {}
    for name, one in field.items():
        counted = traffic(one)
        found[name] = {
            phase: {
                operator: Share(
                    lowest_quartile(times[name, phase, operator]),
                    counted[phase].calls[operator],
                    2 * counted[phase].bytes[operator] / case.feature_bytes,
                )
                for operator in (*KINDS, VIEWS)
            }
            for phase in PHASES
        }
    return found


def lowest_quartile(samples: list[float]) -> float:
    """A quarter of the samples are below it."""
    return quantiles(samples, n=4)[0] if len(samples) > 1 else sum(samples)


def traffic(one: Contender) -> dict[str, Traffic]:
    """The operators of one run, forwards and backwards."""
    with Traffic() as forward:
        out = one.call(one.features)
    with Traffic() as backward:
        torch.autograd.grad(list(out.values()), one.leaves, one.gradients, allow_unused=True)
    return {"forward": forward, "backward": backward}


def profiled(one: Contender) -> Counter[tuple[str, str]]:
    """Microseconds of one run by phase and kind, of operators without those that they call."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as watched:
        with record_function("forward"):
            out = one.call(one.features)
        with record_function("backward"):
            torch.autograd.grad(list(out.values()), one.leaves, one.gradients, allow_unused=True)
    found: Counter[tuple[str, str]] = Counter()
    events = watched.events() or []
    marks = {event.name: event.time_range for event in events if event.name in PHASES}
    for event in events:
        if event.name not in PHASES:
            phase = "forward" if event.time_range.start < marks["forward"].end else "backward"
            found[phase, kind(event.name)] += event.self_cpu_time_total
    return found


def grid(case: Case, found: Mapping[str, Mapping[str, Mapping[str, Share]]]) -> Grid:
    """A table of one case: time and passes of each kind of operator, the floor beside ours."""
    headings = [""]
    for phase in PHASES:
        for name in (SWIFT_FLOOR, OURS):
            headings += [f"{phase}, {name}, µs", "calls", "passes"]
    return Grid(
        f"{case.name}: {case.title}, batch {case.batch}, {case.channels} channels", tuple(headings), (*rows(found),)
    )


def rows(found: Mapping[str, Mapping[str, Mapping[str, Share]]]) -> Iterator[tuple[Cell, ...]]:
    """A row a kind, then their sums."""
    for operator in (*KINDS, VIEWS, "all"):
        cells = [Cell(operator)]
        for phase in PHASES:
            for name in (SWIFT_FLOOR, OURS):
                shares = found[name][phase].values() if operator == "all" else [found[name][phase][operator]]
                cells += [
                    Cell(number(sum(share.microseconds for share in shares))),
                    Cell(str(sum(share.calls for share in shares))),
                    Cell(number(sum(share.passes for share in shares))),
                ]
        yield tuple(cells)


def main(
    only: Annotated[str, typer.Option(help="Some of the cases, with commas.")] = "",
    runs: Annotated[int, typer.Option(min=1, help="Runs of each side.")] = 30,
    plain: Annotated[bool, typer.Option("--markdown", help="Markdown, for a page.")] = False,
) -> None:
    """Time by operator and passes over memory, of the floor with our product and of ours."""
    torch.set_num_threads(1)
    kept, console = keep_memory(), Console()
    console.print(machine_text(machine(memory_kept=kept)), highlight=False, soft_wrap=True)
    for case in operator_cases():
        if not only or case.name in only.split(","):
            table = grid(case, measured(case, runs))
            print(f"{table.title}\n\n{markdown(table)}") if plain else console.print(terminal(table))


if __name__ == "__main__":
    typer.run(main)
