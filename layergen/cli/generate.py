"""`layergen generate`: the layer of a specification as a Python file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from layergen.cli.console import facts, make_console
from layergen.cli.files import check_output, write_whole
from layergen.cli.parameters import Invariant, Output, Rank, Spec, Target, Terms, read_maps
from layergen.cli.widths import fixed_sizes
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps, readable

__all__ = ["generate"]

Name = Annotated[str, typer.Option("--name", metavar="CLASS", help="The name of the class.", show_default=False)]
Checkpoint = Annotated[
    bool,
    typer.Option("--checkpoint", help="Compute tensors a group at a time, and again for the gradients: less memory."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Refuse to list more diagrams than this.")]


def generate(
    spec: Spec,
    name: Name,
    output: Output,
    target: Target = None,
    invariant: Invariant = False,
    terms: Terms = "all",
    rank: Rank = None,
    limit: Limit = LIMIT,
    checkpoint: Checkpoint = False,
) -> None:
    """Write a PyTorch module whose parameters reach every equivariant linear map of a weight space.

    The file imports torch and the standard library only.
    """
    from layergen.emission.generate import generate as generated

    maps = read_maps(spec, target, invariant, terms=terms, rank=rank)
    check_output(output, inputs=[path for path in (spec, target) if path is not None])
    options: dict[str, Any] = {"terms": terms, "rank": dict(maps.ranks), "limit": limit, "checkpoint": checkpoint}
    code = generated(maps.source, name, target=maps.target, **options)
    wrote = write_whole(output, code.encode())
    make_console().print(facts({"wrote": wrote, "class": name, **dimensions(maps)}))


def dimensions(maps: EquivariantMaps) -> dict[str, str]:
    """The dimensions of maps and biases, the number of parameters, and the sizes to which the layer is bound."""
    dimension, bias = readable(maps.dimension), readable(maps.bias_dimension)
    found = {"restricted": maps.restriction} if maps.restriction else {}
    found |= {"dimension": f"at most {dimension}" if maps.ranks else dimension, "bias dimension": bias}
    if not maps.ranks:
        found["parameters"] = f"{dimension} · in_channels · out_channels + {bias} · out_channels"
    return found | fixed_sizes(maps)
