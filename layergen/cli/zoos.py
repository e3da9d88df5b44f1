"""The arguments and options that commands on folders of networks share."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from layergen.cli.inputs import read_inputs
from layergen.cli.objects import blaming, loaded_module
from layergen.cli.parameters import INPUT
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

if TYPE_CHECKING:
    from layergen.data import Zoo
    from layergen.nn import Probes

__all__ = [
    "Device",
    "Dtype",
    "Inputs",
    "ProbesOf",
    "SkipBad",
    "ZooFolder",
    "answering",
    "bars",
    "check_device",
    "is_first",
    "labels_from",
    "open_zoo",
    "packaged",
    "probes_of",
]

ZooFolder = Annotated[Path, typer.Argument(metavar="ZOO", help="A folder of trained networks.", show_default=False)]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave networks out that cannot be used, and list them on stderr.")
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype", metavar="float32|…", help="Convert all weights to this type; else they must share one.",
        show_default=False,
    ),
]  # fmt: skip
Device = Annotated[
    str | None, typer.Option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1, …", show_default=False)
]
ProbesOf = Annotated[
    str | None,
    typer.Option(
        "--probes",
        metavar="OBJECT",
        help="Run the networks too: MODULE:OBJECT or FILE.py:OBJECT, an nn.Module of their architecture.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="INPUT", help=f"With --probes, where they begin: {INPUT}.", show_default=False),
]


@contextlib.contextmanager
def packaged() -> Iterator[None]:
    """Turn the message about a package that is not installed into a `SpecificationError`."""
    try:
        yield
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        raise SpecificationError(str(error)) from None


@contextlib.contextmanager
def answering(run: Path) -> Iterator[None]:
    """Turn what may go wrong in a run into messages; the exit status is 1 where the input is not to blame.

    `torchrun` sends SIGTERM to the processes that are left where one has died, and so do job schedulers.
    """
    from layergen.training import LostProcess

    before = signal.signal(signal.SIGTERM, leave(run)) if current_thread() is main_thread() else None
    try:
        yield
    except LostProcess as error:
        typer.echo(f"{run}: {error}\n--resume goes on from the last checkpoint", err=True)
        raise typer.Exit(1) from None
    except FloatingPointError as error:
        typer.echo(f"{run}: {error}", err=True)
        raise typer.Exit(1) from None
    except SpecificationError:
        raise
    except ValueError as error:
        raise SpecificationError(str(error)) from None
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def leave(run: Path) -> Callable[..., None]:
    """What SIGTERM does while a run is under way.

    The process ends at once, as if it were killed: an exception could be lost in the middle of a callback, and what a
    run has on the disk is whole at any time.
    """

    def ending(*_: Any) -> None:
        message = f"{run}: stopped from outside (SIGTERM)\n--resume goes on from the last checkpoint\n"
        os.write(2, message.encode())
        os._exit(128 + signal.SIGTERM)

    return ending


def open_zoo(folder: Path, space: WeightSpace, progress: Progress, *, dtype: str | None = None, **options: Any) -> Zoo:
    """The zoo in a folder. Networks that are left out are listed on stderr, by the first of several processes."""
    import torch

    from layergen.data import Zoo

    kind = None if dtype is None else getattr(torch, dtype, None)
    if dtype is not None and not (isinstance(kind, torch.dtype) and kind.is_floating_point):
        raise SpecificationError(f"--dtype {dtype!r}", remedy="one of float32, float64, float16, bfloat16")
    task = progress.add_task("reading networks", total=None)
    with packaged():
        zoo = Zoo(folder, space=space, dtype=kind, step=lambda: progress.advance(task), **options)
    progress.update(task, total=len(zoo), completed=len(zoo))
    if zoo.faults and is_first():
        typer.echo("\n".join(["left out:", *(f"  {fault}" for fault in zoo.faults)]), err=True)
    return zoo


def is_first() -> bool:
    """Whether this is the process that talks to the terminal, the first of those that `torchrun` has started."""
    return os.environ.get("RANK", "0") == "0"


def check_device(device: str | None) -> None:
    """Raise `SpecificationError` for a device that is not there."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SpecificationError(f"--device {device!r}: {reason}", remedy="leave it out, or give cpu") from None


def bars() -> Progress:
    """Progress bars on stderr, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not is_first() or sys.stderr is None or not sys.stderr.isatty()
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=quiet)


def probes_of(reference: str | None, inputs: Sequence[str] | None, space: WeightSpace, count: int) -> Probes | None:
    """The probes that a module and inputs make; None where no module is named."""
    if (reference is None) != (not inputs):
        raise SpecificationError("--probes goes with --input", remedy="give both: --probes nets.py:Net --input 16,2")
    if reference is None:
        return None
    from layergen.nn import Probes

    positional, named = read_inputs(list(inputs or []))
    shielded = contextlib.redirect_stdout(sys.stderr)
    with shielded, loaded_module(reference) as module, blaming(f"running {reference!r}"):
        return Probes(module, positional, count, example_options=named, space=space)


def labels_from(pattern: str | None, table: str | None) -> Any:
    """What `Zoo` takes for labels: a table, or a regular expression for the names of files."""
    if pattern is None:
        return table
    if table is not None:
        raise SpecificationError("--labels and --label-pattern are both given", remedy="give one")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise SpecificationError(
            f"--label-pattern {pattern!r}: {error}", remedy=r"as in 'digit(?P<digit>\d)'"
        ) from None
