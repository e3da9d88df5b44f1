"""`python -m papers NAME`: what came out for a published system, measured anew and printed in Markdown."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from papers.page import Setting, lines
from papers.published import VARIABLE, Published
from papers.systems import NAMES, find

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@application.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…", help=f"Of {', '.join(NAMES)}.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All systems, one after the other.")] = False,
    full: Annotated[bool, typer.Option("--full/--quick", help="Everything, or what takes some seconds each.")] = False,
    code: Annotated[
        Path | None,
        typer.Option(
            envvar=VARIABLE,
            exists=True,
            file_okay=False,
            help="A folder with clones of the public repositories, each under its own name; their layers are judged.",
        ),
    ] = None,
) -> None:
    """Print the tables of published systems."""
    chosen = NAMES if every else tuple(names or ())
    if not chosen or (every and names):
        raise typer.BadParameter(f"give names of systems ({', '.join(NAMES)}), or --all")
    if unknown := [name for name in chosen if name not in NAMES]:
        raise typer.BadParameter(f"no system {', '.join(unknown)}; there are {', '.join(NAMES)}")
    torch.set_num_threads(1)
    setting = Setting(full, Published(code))
    for name in chosen:
        start = time.process_time()
        for text in lines(find(name), setting):
            print(text, flush=True)
        print(f"\n({time.process_time() - start:.0f} s of processor time)\n", flush=True)


if __name__ == "__main__":
    application(prog_name="python -m papers")
