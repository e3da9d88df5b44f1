"""Where a layer's time goes: `python -m benchmarks.operators`, by operator and by passes over memory.

Times are the processor's, not the clock's: what else the machine does is not counted. Of operators they are taken one
by one, forwards and backwards apart, the lowest quartile of many runs, with the floors and ours measured in turn; the
last row is the whole, with what is between the operators. Bytes are what every operator reads and writes, whatever a
cache may save of them; a *pass* is the features once, read or written. A product alone needs six: forwards it reads its
input and writes its output, backwards it reads the gradient of the output and writes that of the input, and reads both
once more for that of the weight.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.allocator import keep_memory
from benchmarks.contenders import OURS, SWIFT_FLOOR, Case, Contender, contenders
from benchmarks.floors import FreeMixing
from benchmarks.machine import machine, machine_text
from benchmarks.measuring import all_cases
from benchmarks.spaces import perceptron
from benchmarks.tables import Cell, Grid, markdown, number, terminal
from benchmarks.timing import interleaved

__all__ = ["FREE_SWIFT_FLOOR", "KINDS", "WHOLE", "Share", "Traffic", "kind", "measured", "operator_cases"]

FREE_SWIFT_FLOOR = "free floor as ours"

KINDS: Mapping[str, frozenset[str]] = {
    "product": frozenset(
        ["mm", "addmm", "bmm", "baddbmm", "mkldnn_convolution", "convolution", "convolution_backward"]
    ),
    "add": frozenset(["add", "add_", "mul", "mul_", "div", "div_"]),
    "sum": frozenset(["sum", "mean"]),
    "copy": frozenset(["copy_", "cat", "constant_pad_nd", "fill_", "zero_", "clone", "slice_backward"]),
}
"""Operators that move numbers, by kind. What is left are views and the making of empty tensors."""
VIEWS, WHOLE = "views", "whole"
PHASES = ("forward", "backward")
WHAT = ("µs", "calls", "passes")


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
    """Counts calls of operators, the seconds that they take of the processor, and the bytes that they read and write.

    What a stride of zero repeats counts once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        start = time.process_time()
        result = func(*args, **(kwargs or {}))
        name = kind(func.name())
        self.seconds[name] += time.process_time() - start
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


def sides(case: Case) -> dict[str, Contender]:
    """The floor, the floor that mixes free values too where there are any, and ours, all with our product."""
    every = contenders(case)
    floor, ours = every[SWIFT_FLOOR], every[OURS]
    if not any(piece.free_size > 1 for piece in case.space.pieces):
        return {SWIFT_FLOOR: floor, OURS: ours}
    product = vars(sys.modules[ours.module.emitted.layer.__module__])["_product"]
    free = FreeMixing(case.space, case.channels, case.channels, product)
    return {SWIFT_FLOOR: floor, FREE_SWIFT_FLOOR: Contender(free, free, ours.features), OURS: ours}


def measured(case: Case, runs: int) -> dict[str, dict[str, dict[str, Share]]]:
    """For the floors with our product and for ours, by phase and kind of operator, what it takes; and the whole."""
    field = sides(case)
    times: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for number_of_run in range(runs + 2):
        for name, one in field.items():
            for phase, counted in traffic(one).items():
                for operator in (*KINDS, VIEWS):
                    times[name, phase, operator] += [counted.seconds[operator]] if number_of_run >= 2 else []
    wholes = whole(field, runs)
    found: dict[str, dict[str, dict[str, Share]]] = {}
    for name, one in field.items():
        counted = traffic(one)
        found[name] = {
            phase: {
                operator: Share(
                    1e6 * lowest_quartile(times[name, phase, operator]),
                    counted[phase].calls[operator],
                    2 * counted[phase].bytes[operator] / case.feature_bytes,
                )
                for operator in (*KINDS, VIEWS)
            }
            for phase in PHASES
        }
        for phase, shares in found[name].items():
            calls, passes = (sum(getattr(one, what) for one in shares.values()) for what in ("calls", "passes"))
            shares[WHOLE] = Share(1e6 * wholes[name, phase], calls, passes)
    return found


def whole(field: Mapping[str, Contender], runs: int) -> dict[tuple[str, str], float]:
    """Seconds of the processor that a side takes, by phase: forwards, with a graph, and the rest of both together."""
    actions = {(name, "forward"): partial(one.call, one.features) for name, one in field.items()}
    actions |= {(name, "backward"): one.forward_backward for name, one in field.items()}
    timings = interleaved(actions, 0, least=runs, clock=time.process_time)
    quartiles = {key: lowest_quartile(list(timing.samples)) for key, timing in timings.items()}
    return {
        (name, phase): quartiles[name, phase] - (quartiles[name, "forward"] if phase == "backward" else 0)
        for name, phase in quartiles
    }


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


def grid(case: Case, found: Mapping[str, Mapping[str, Mapping[str, Share]]]) -> Grid:
    """A table of one case: time and passes of each kind of operator, the floor beside ours."""
    headings = ["", *(f"{phase}, {name}, {what}" for phase in PHASES for name in found for what in WHAT)]
    return Grid(
        f"{case.name}: {case.title}, batch {case.batch}, {case.channels} channels", tuple(headings), (*rows(found),)
    )


def rows(found: Mapping[str, Mapping[str, Mapping[str, Share]]]) -> Iterator[tuple[Cell, ...]]:
    """A row a kind, the whole, and the whole in floors, forwards and both together."""
    for operator in (*KINDS, VIEWS, WHOLE):
        shares = [one[phase][operator] for phase in PHASES for one in found.values()]
        cells = [(number(one.microseconds), str(one.calls), number(one.passes)) for one in shares]
        yield Cell(operator), *(Cell(text) for texts in cells for text in texts)
    sums = {
        name: (one["forward"][WHOLE].microseconds, sum(one[phase][WHOLE].microseconds for phase in PHASES))
        for name, one in found.items()
    }
    ratios = [number(sums[name][place] / sums[SWIFT_FLOOR][place]) for place in range(len(PHASES)) for name in found]
    yield Cell("forward, and both, in floors"), *(Cell(text) for ratio in ratios for text in (ratio, "", ""))


def main(
    only: Annotated[str, typer.Option(help="Some of the cases, with commas.")] = "",
    runs: Annotated[int, typer.Option(min=1, help="Runs of each side.")] = 30,
    plain: Annotated[bool, typer.Option("--markdown", help="Markdown, for a page.")] = False,
) -> None:
    """Time by operator and passes over memory, of the floors with our product and of ours."""
    torch.set_num_threads(1)
    kept, console = keep_memory(), Console()
    console.print(machine_text(machine(memory_kept=kept)), highlight=False, soft_wrap=True)
    for case in operator_cases():
        if not only or case.name in only.split(","):
            table = grid(case, measured(case, runs))
            print(f"{table.title}\n\n{markdown(table)}") if plain else console.print(terminal(table))


if __name__ == "__main__":
    typer.run(main)
