"""The arguments and options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from symmetry.errors import SpecificationError
from symmetry.maps import EquivariantMaps
from symmetry.specification import load
from symmetry.weight_space import SCALAR

__all__ = ["AsJson", "Invariant", "Object", "Output", "Spec", "Target", "read_maps"]

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="A specification: a TOML file.", show_default=False)]
Object = Annotated[
    str,
    typer.Argument(
        metavar="OBJECT",
        help="MODULE:OBJECT or FILE.py:OBJECT, an nn.Module or a function on features. "
        "What can be called without arguments (a class, a factory) is called first.",
        show_default=False,
    ),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--target",
        metavar="SPEC",
        help="Maps to this weight space, which shares sets with the first.",
        show_default=False,
    ),
]
Invariant = Annotated[bool, typer.Option("--invariant", help="Invariant maps, to a single scalar.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default=False)]


def read_maps(spec: Path, target: Path | None, invariant: bool) -> EquivariantMaps:
    """The maps that a command is asked about. Raises `SpecificationError` for files that declare none."""
    if invariant and target is not None:
        raise SpecificationError(
            "--target and --invariant are both given", remedy="give one: invariant maps go to a single scalar"
        )
    source = load(spec)
    if invariant:
        return EquivariantMaps(source, SCALAR)
    return EquivariantMaps(source, None if target is None else load(target))
