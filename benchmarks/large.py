"""GPT-2 small as one point of a weight space: peak memory and time of a layer and of a metanetwork.

`python -m benchmarks.large` measures everything, each case in a process of its own, and needs some 20 GB of memory;
`--divisor 4` makes every width of the network a quarter. `python -m benchmarks.large one CASE` measures one case.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.machine import machine, machine_text
from benchmarks.memory import peak_bytes
from benchmarks.spaces import gpt2
from layergen import EquivariantLinear
from layergen.nn import Metanet
from symmetry import WeightSpace

__all__ = ["CASES", "divided", "measured"]

CHANNELS = 4
CASES: dict[str, Callable[[WeightSpace], nn.Module]] = {
    "layer": lambda space: EquivariantLinear(space, CHANNELS, CHANNELS),
    "layer, checkpoint": lambda space: EquivariantLinear(space, CHANNELS, CHANNELS, checkpoint=True),
    "local layer, checkpoint": lambda space: EquivariantLinear(
        space, CHANNELS, CHANNELS, terms="local", checkpoint=True
    ),
    "metanet": lambda space: Metanet(space, out_features=1, hidden=CHANNELS, layers=2),
    "metanet, checkpoint": lambda space: Metanet(space, out_features=1, hidden=CHANNELS, layers=2, checkpoint=True),
}
"""What is measured: a layer between features of four channels; a network of two blocks that reads weights."""

application = typer.Typer(add_completion=False)
Divisor = Annotated[int, typer.Option(min=1, help="What every width of GPT-2 small is divided by.")]
Threads = Annotated[int, typer.Option(min=1, help="torch's threads.")]


def divided(divisor: int) -> WeightSpace:
    """GPT-2 small with vocabulary, positions, widths and units of heads divided by a number; the heads stay twelve.

    >>> sum(prod(shape) for shape in divided(1).shapes.values())
    124439808
    """
    space = gpt2()
    small = {name: size // divisor for name, size in space.sizes.items() if not name.startswith("head")}
    return space.resized({name: max(1, size) for name, size in small.items()})


def measured(case: str, divisor: int) -> dict[str, float]:
    """Seconds and bytes of a case, run once without gradients and once with those of its features and parameters.

    `forward_bytes` and `backward_bytes` are the most that tensors took at once, inputs counted and weights not;
    `process_bytes` is what the system saw the whole process take.
    """
    space = divided(divisor)
    torch.manual_seed(0)
    module = CASES[case](space)
    layer = isinstance(module, EquivariantLinear)
    x = {
        name: torch.randn(1, *shape, CHANNELS if layer else 1, requires_grad=layer)
        for name, shape in space.shapes.items()
    }
    own = sum(value.nbytes for value in x.values())

    def forward() -> None:
        with torch.no_grad():
            module(x)

    def backward() -> None:
        result = module(x)
        values: list[Tensor] = list(result.values()) if isinstance(result, dict) else [result]
        torch.autograd.backward(values, [torch.ones(()).expand(value.shape) for value in values])
        for value in (*x.values(), *module.parameters()):
            value.grad = None

    found = {
        "weights": sum(map(prod, space.shapes.values())),
        "parameters": sum(p.numel() for p in module.parameters()),
    }
    for name, action in (("forward", forward), ("backward", backward)):
        start = time.perf_counter()
        found[f"{name}_bytes"] = own + peak_bytes(action)
        found[f"{name}_s"] = time.perf_counter() - start
    return found | {"process_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def limit_memory() -> None:
    """Have this process fail before it takes the last of the machine's memory, where the system says what is left."""
    facts = Path("/proc/meminfo")
    lines = dict(line.split(":") for line in facts.read_text().splitlines()) if facts.exists() else {}
    if "MemAvailable" in lines:
        left = 1024 * int(lines["MemAvailable"].split()[0]) - 2**30
        resource.setrlimit(resource.RLIMIT_DATA, (left, left))


@application.command()
def one(case: str, divisor: Divisor = 1, threads: Threads = 1) -> None:
    """Measure one case in this process and print its figures."""
    torch.set_num_threads(threads)
    limit_memory()
    print(json.dumps(measured(case, divisor)))


@application.callback(invoke_without_command=True)
def every(context: typer.Context, divisor: Divisor = 1, threads: Threads = 1) -> None:
    """Measure every case, each in a process of its own, and print a table."""
    if context.invoked_subcommand is not None:
        return
    console = Console(width=120)
    table = Table("case", "parameters", "forward", "peak", "and backward", "peak", "process")
    for case in CASES:
        command = [
            sys.executable,
            "-m",
            "benchmarks.large",
            "one",
            case,
            f"--divisor={divisor}",
            f"--threads={threads}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            table.add_row(case, f"ended with status {done.returncode}: too little memory?")
            continue
        found = json.loads(done.stdout)
        memory = [f"{found[f'{name}_bytes'] / 1e9:.1f} GB" for name in ("forward", "backward", "process")]
        times = [f"{found[f'{name}_s']:.1f} s" for name in ("forward", "backward")]
        table.add_row(case, f"{found['parameters']:,}", times[0], memory[0], times[1], *memory[1:])
    console.print(table)
    facts = machine(memory_kept=False) | {"threads": threads}
    console.print(f"{sum(map(prod, divided(divisor).shapes.values())):,} weights. {machine_text(facts)}.")


if __name__ == "__main__":
    application()
