"""`layergen diff`: what two specifications of the same tensors disagree about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layergen.cli.console import print_json
from layergen.cli.parameters import AsJson
from symmetry.space.comparison import differences
from symmetry.space.specification import load

__all__ = ["diff"]

First = Annotated[Path, typer.Argument(metavar="SPEC", help="A specification.", show_default=False)]
Second = Annotated[Path, typer.Argument(metavar="SPEC", help="Another of the same tensors.", show_default=False)]


def diff(first: First, second: Second, as_json: AsJson = False) -> None:
    """Say what two specifications of the same tensors disagree about; names of indices do not matter.

    The exit status is 1 where they disagree.
    """
    found = differences(load(first), load(second))
    if as_json:
        print_json({"same": not found, "differences": found})
    else:
        typer.echo("\n".join(found) or "the two specifications declare the same")
    if found:
        raise typer.Exit(1)
