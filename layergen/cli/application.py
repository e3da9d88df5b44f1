"""All commands together, and the answer to bad input: one message on stderr and exit status 2."""

from __future__ import annotations

import errno
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from layergen.cli.check import check
from layergen.cli.coverage import coverage
from layergen.cli.diff import diff
from layergen.cli.dims import dims
from layergen.cli.draw import draw
from layergen.cli.explain import explain
from layergen.cli.generate import generate
from layergen.cli.predict import predict
from layergen.cli.report import report
from layergen.cli.show import show
from layergen.cli.trace import trace
from layergen.cli.train import train
from symmetry.language.errors import SpecificationError

__all__ = ["app", "run"]


class Commands(TyperGroup):
    """The group of all commands; a `SpecificationError` from any of them becomes its message."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except SpecificationError as error:
            message = str(error)
        except (RecursionError, MemoryError) as error:
            message = f"the specification is too large to work with ({type(error).__name__})"
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of the output has closed the pipe
            message = f"the system refused: {error}"
        typer.echo(message, err=True)
        raise typer.Exit(2)


app = typer.Typer(
    cls=Commands,
    help="Equivariant layers for the weights of neural networks: derived, written out as PyTorch, and tested.",
    epilog="Exit status: 0 as asked; 1 the answer is no (a check failed); 2 bad input.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (show, dims, explain, generate, check, coverage, trace, diff, draw, report, train, predict):
    app.command()(command)


def print_version(asked: bool) -> None:
    """Print the version and stop, where `--version` is given."""
    if asked:
        from layergen import __version__

        typer.echo(f"layergen {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options before the command."""


def run() -> None:
    """Run `layergen` with the process's arguments. Characters that the terminal lacks are written escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="layergen")
