"""A weight space, its equivariant maps and the layer that they became, as one HTML file that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from layergen.emission.module import print_module
from layergen.plan.lowering import lower
from layergen.plan.passes import optimised
from layergen.plan.scheduling import schedule
from layergen.report.architecture import laid_out
from layergen.report.colouring import Palette
from layergen.report.flow import Flow, flow
from layergen.report.patterns import SHOWN, Pattern, patterns, tensor_indices
from layergen.tracing import Trace
from symmetry.language.axes import print_axes
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import Block, EquivariantMaps, readable
from symmetry.space.weight_space import Tensor, WeightSpace
from symmetry.verification.report import PROOFS, Finding, agreeing

__all__ = ["page"]

HERE = Path(__file__).parent
CLASS = "EquivariantLayer"
"""The name of the class in the emitted code."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The emitted code, as the parts that come before `forward` and the parts of it; or why there is none."""

    head: str
    flow: Flow
    cores: Mapping[str, Sequence[int]]
    missing: str = ""


def page(
    maps: EquivariantMaps | WeightSpace,
    *,
    title: str = "",
    trace: Trace | None = None,
    differences: Sequence[str] = (),
    prove: bool = True,
) -> str:
    """A weight space and its equivariant maps as one HTML file: what permutes, every block, the emitted code.

    The table of blocks is a grid for the keyboard too. A block opens its diagrams, their index notation, the proofs of
    its dimension and the lines of the emitted layer that it became; an index has one colour throughout.
    The file loads nothing.

    Parameters
    ----------
    maps
        The maps, or a weight space for all of its maps to itself.
    title
        The heading; by default one that says what is shown.
    trace
        What `layergen.trace` found in a module: the page then says what is frozen and why, and what was tried.
    differences
        Where the weight space differs from that of the trace, a sentence each.
    prove
        Whether dimensions are proved, of each pattern of blocks that differ in names alone.

    Returns
    -------
    str
        The text of the file.

    Raises
    ------
    VerificationError
        If a proof disagrees with the formula: a fault in this library.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> html = page(space)
    >>> html.count('class="block'), "://" in html
    (6, False)
    """
    maps = maps if isinstance(maps, EquivariantMaps) else EquivariantMaps(maps)
    indices = {index.name: index for space in (maps.source, maps.target) for index in space.indices}
    palette = Palette.of(indices.values())
    blocks = [*maps.blocks, *maps.bias_blocks]
    found, numbers = patterns(blocks, indices)
    listing = emitted(maps)
    written = {"Tensors of the target": maps.target} if maps.target != maps.source else {}
    return template(palette).render(
        title=title or f"{len(maps.source)} tensors, {readable(maps.dimension)} equivariant maps",
        css=Markup((HERE / "page.css").read_text("utf-8")),
        js=Markup((HERE / "page.js").read_text("utf-8")),
        maps=maps,
        palette=palette,
        indices=list(indices.values()),
        spaces={"Tensors": maps.source} | written,
        architecture=laid_out(maps.source),
        rows=list(rows(maps, blocks, numbers)),
        patterns=found,
        findings=proofs(maps, found) if prove else [],
        shown=SHOWN,
        listing=listing,
        trace=trace,
        differences=differences,
        data=data(maps, palette, listing),
    )


def template(palette: Palette) -> Template:
    """The template of the page; every text that comes into it is escaped."""
    loader = FileSystemLoader(HERE)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"coloured": palette.coloured, "readable": readable, "axes": axes, "slotted": slotted}
    return environment.get_template("page.html")


def axes(tensor: Tensor) -> str:
    """The axes of a tensor as a specification has them."""
    return print_axes(tensor.axes)


def emitted(maps: EquivariantMaps) -> Listing:
    """The layer's code with what runs through it; the reason instead where it has too many diagrams."""
    try:
        plan = optimised(lower(maps))
    except SpecificationError as error:
        return Listing("", Flow((), {}, {}, {}), {}, str(error))
    program = schedule(plan)
    found = flow(program)
    text = print_module(program, CLASS)
    forward = "".join(f"{line}\n" for lines in found.parts for line in lines)
    cores: dict[str, list[int]] = {}
    for number, mix in enumerate(plan.mixes):
        cores.setdefault(" ".join(sorted(mix.core.sets)), []).append(number)
    return Listing(text.removesuffix(forward), found, cores)


def rows(
    maps: EquivariantMaps, blocks: Sequence[Block], numbers: Sequence[int]
) -> Iterator[tuple[str, list[tuple[str, int, int] | None]]]:
    """For each target its name, and for each source, the scalar last, its name, the dimension and the pattern's number.

    A block that `terms` leaves out is None.
    """
    sizes: dict[int, int] = {}
    for block, number in zip(blocks, numbers, strict=True):
        if number not in sizes:
            sizes[number] = block.dimension
    at = {(block.target.name, block.source.name): number for block, number in zip(blocks, numbers, strict=True)}
    biases = dict(zip(maps.target.names, numbers[-len(maps.target) :], strict=True))
    for target in maps.target.names:
        cells = [(source, at[target, source]) if (target, source) in at else None for source in maps.source.names]
        every = [*cells, ("bias", biases[target])]
        yield target, [None if cell is None else (cell[0], sizes[cell[1]], cell[1]) for cell in every]


def proofs(maps: EquivariantMaps, found: Sequence[Pattern]) -> list[list[Finding]]:
    """For each pattern the findings of every proof on its first block."""
    blocks = [pattern.block for pattern in found]
    by_proof = [agreeing(proof(maps, blocks)) for proof in PROOFS]
    return [list(findings) for findings in zip(*by_proof, strict=True)]


def slotted(text: str, slots: Mapping[str, int]) -> Markup:
    """A text as HTML in which the indices of a pattern's first block leave their places to those of another block."""
    parts = re.split(r"(\w+)", text)
    place = Markup('<b data-slot="{}" data-primes=""></b>')
    return Markup("").join(place.format(slots[part]) if part in slots else part for part in parts)


def data(maps: EquivariantMaps, palette: Palette, listing: Listing) -> dict[str, Any]:
    """What the page's script needs: the indices of each tensor, and the parts of the code by tensor, mix and core."""
    declared = frozenset(palette.numbers)
    ran = listing.flow
    return {
        "indices": [[name, number in palette.hues] for name, number in palette.numbers.items()],
        "sources": [
            {
                "name": tensor.name,
                "indices": [palette.numbers[name] for name in tensor_indices(tensor, declared)],
                "parts": ran.reads.get(tensor.name, {}),
            }
            for tensor in maps.source
        ],
        "targets": [
            {
                "name": tensor.name,
                "indices": [palette.numbers[name] for name in tensor_indices(tensor, declared, reading=False)],
                "parts": ran.writes.get(tensor.name, {}),
                "bias": ran.biases.get(tensor.name, ()),
            }
            for tensor in maps.target
        ],
        "cores": listing.cores,
    }
