"""`layergen explain`: the layer of a specification, one line a core."""

from __future__ import annotations

from dataclasses import asdict

from layergen.cli.console import make_console, make_table, print_json
from layergen.cli.parameters import AsJson, Invariant, Rank, Spec, Target, Terms, read_maps

__all__ = ["explain"]


def explain(
    spec: Spec,
    target: Target = None,
    invariant: Invariant = False,
    terms: Terms = "all",
    rank: Rank = None,
    as_json: AsJson = False,
) -> None:
    """Explain a layer, one line a core: what is pooled, the matrix, what is spread, and how many parameters that has.

    The weights sum up to the dimension.
    """
    maps = read_maps(spec, target, invariant, terms=terms, rank=rank)
    from layergen.plan.explaining import HEAD
    from layergen.plan.explaining import explain as explained

    found = explained(maps)
    if as_json:
        cores = [asdict(line) | {"weights": line.weights} for line in found.lines]
        print_json({"dimension": found.dimension, "bias_dimension": found.bias_dimension, "cores": cores})
        return
    table = make_table(repr(maps))
    for place, heading in enumerate(HEAD):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", justify="right" if place > 3 else "left")
    *lines, total = found.rows
    for line in lines:
        table.add_row(*line)
    table.add_section()
    table.add_row(*total)
    make_console().print(table)
