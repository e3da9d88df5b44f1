"""`layergen report`: a weight space, its maps and the layer as one page to explore."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from layergen.cli.console import facts, make_console
from layergen.cli.files import check_output, write_whole
from layergen.cli.inputs import read_inputs
from layergen.cli.objects import blaming, loaded_module
from layergen.cli.parameters import INPUT, Invariant, Output, Rank, Target, Terms, maps_of
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import readable
from symmetry.space.comparison import differences
from symmetry.space.specification import load

__all__ = ["report"]

OwnSpec = Annotated[
    Path | None,
    typer.Argument(metavar="[SPEC]", help="A specification; without it that of the module.", show_default=False),
]
Module = Annotated[
    str | None,
    typer.Option(
        "--module",
        metavar="OBJECT",
        help="MODULE:OBJECT or FILE.py:OBJECT, an nn.Module that is traced: what is frozen and why, what was tried.",
        show_default=False,
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="INPUT", help=f"An input of the module: {INPUT}; once for each.", show_default=False
    ),
]
NoProof = Annotated[bool, typer.Option("--no-proof", help="Do not prove the dimensions.")]


def report(
    output: Output,
    spec: OwnSpec = None,
    module: Module = None,
    inputs: Input = None,
    target: Target = None,
    invariant: Invariant = False,
    terms: Terms = "all",
    rank: Rank = None,
    no_proof: NoProof = False,
) -> None:
    """Write one HTML file that shows what permutes, every block with its diagrams, and the lines that they became.

    It needs no network. With a module it also says what is frozen and why, and where SPEC differs from what is found.
    """
    check_output(output, (".html",), inputs=[path for path in (spec, target) if path is not None])
    if (module is None) != (not inputs):
        given, missing = ("--input", "--module") if module is None else ("--module", "--input")
        raise SpecificationError(f"{given} is given without {missing}", remedy="a module is traced on its inputs")
    if spec is None and module is None:
        raise SpecificationError("there is nothing to report on", remedy="give a SPEC, or --module with --input")
    declared = None if spec is None else load(spec)
    found: Any = None if module is None else traced(module, inputs or [])
    space = found.space if declared is None else declared
    maps = maps_of(space, target, invariant, terms=terms, rank=rank)
    from layergen.report import page

    name = module if spec is None else spec.name
    title = f"{name}: {len(maps.source)} tensors, {readable(maps.dimension)} equivariant maps"
    differing = [] if found is None or declared is None else differences(declared, found.space)
    html = page(maps, title=title, trace=found, differences=differing, prove=not no_proof)
    wrote = write_whole(output, html.encode())
    make_console().print(facts({"wrote": wrote, "size": f"{len(html.encode()):,} bytes"}))


def traced(reference: str, inputs: list[str]) -> Any:
    """The trace of the module that a reference names; what its code prints goes to stderr.

    Raises `SpecificationError` where there is no such module.
    """
    arguments, options = read_inputs(inputs)
    from layergen.tracing import trace

    with contextlib.redirect_stdout(sys.stderr), loaded_module(reference) as module, blaming(f"tracing {reference!r}"):
        return trace(module, arguments, options)
