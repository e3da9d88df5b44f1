"""`layergen draw`: a picture of a block matrix, of the diagrams of one block, or of the architecture."""

from __future__ import annotations

from typing import Annotated

import typer

from layergen.cli.console import facts, make_console
from layergen.cli.files import check_output, write_whole
from layergen.cli.parameters import Invariant, Output, Spec, Target, read_maps
from symmetry.language.errors import SpecificationError

__all__ = ["draw"]

Block = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--block", metavar="TARGET SOURCE", help="The partition diagrams of this block instead.", show_default=False
    ),
]
Graph = Annotated[bool, typer.Option("--graph", help="The architecture graph and the parameter graph instead.")]


def draw(
    spec: Spec,
    output: Output,
    target: Target = None,
    invariant: Invariant = False,
    block: Block = None,
    graph: Graph = False,
) -> None:
    """Draw which entries of the block matrix share a parameter, the diagrams of one block, or the architecture.

    Large sets are drawn smaller; the caption says at which sizes.
    """
    if graph and (target is not None or invariant or block is not None):
        raise SpecificationError("--graph draws one weight space", remedy="leave out --target, --invariant and --block")
    maps = read_maps(spec, target, invariant)
    check_output(output, (".png", ".svg"), inputs=[path for path in (spec, target) if path is not None])
    from layergen.drawing import architecture, block_matrix, partition_diagrams, picture

    if graph:
        figure = architecture(maps.source)
    else:
        figure = block_matrix(maps) if block is None else partition_diagrams(maps.block(*block))
    wrote = write_whole(output, picture(figure, output.suffix.lower().removeprefix(".")))
    make_console().print(facts({"wrote": wrote}))
