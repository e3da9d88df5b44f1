"""`layergen coverage`: the equivariant linear maps that a layer reaches, and those that it does not reach."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from layergen.cli.console import facts, make_console, make_table, print_json
from layergen.cli.files import check_output, write_whole
from layergen.cli.objects import blaming, function_of, loaded, opened, takes
from layergen.cli.parameters import AsJson, Channels, InForm, Invariant, Object, Spec, Target, read_maps
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.weight_space import SCALAR

__all__ = ["coverage"]

Shrink = Annotated[
    bool,
    typer.Option(
        "--shrink",
        help="Use the smallest sizes that show every diagram. OBJECT is a module that takes every size, "
        "or a class or function that makes a layer from a weight space.",
    ),
]
Draw = Annotated[
    Path | None,
    typer.Option(
        "--draw", metavar="FILE", help="Draw the diagrams that are not reached: .png or .svg.", show_default=False
    ),
]


def coverage(
    function: Object,
    spec: Spec,
    target: Target = None,
    invariant: Invariant = False,
    shrink: Shrink = False,
    form: InForm = "features",
    channels: Channels = None,
    draw: Draw = None,
    as_json: AsJson = False,
) -> None:
    """Measure which equivariant linear maps a linear layer reaches, and which it does not.

    The exit status is 1 where the layer misses some, or is not equivariant.
    """
    maps = read_maps(spec, target, invariant)
    if draw is not None:
        check_output(draw, (".png", ".svg"), inputs=[path for path in (spec, target) if path is not None])
    # Whatever the layer's code prints goes to stderr: stdout is for the result.
    with contextlib.redirect_stdout(sys.stderr):
        found = measured(function, maps, form, channels, given_target=target is not None, shrink=shrink)
    drawn = draw is not None and draw_gaps(found, draw)
    if as_json:
        print_json(found.to_json())
    else:
        print_tables(found)
        if draw is not None:
            make_console().print(facts({"wrote": str(draw) if drawn else "nothing: no diagram is left out"}))
    if not found.passed:
        raise typer.Exit(1)


def measured(
    reference: str, maps: EquivariantMaps, form: str, channels: int | None, *, given_target: bool, shrink: bool
) -> Any:
    """The coverage of the layer that a reference names. Raises `SpecificationError` where it cannot be measured."""
    from torch import nn

    from layergen.testing import coverage as covered

    invariant = maps.target == SCALAR
    options: dict[str, Any] = {"invariant": invariant, "form": form, "channels": channels, "shrink": shrink}
    options |= {"target": maps.target if given_target else None, "progress": progress}
    with makers(reference, channels or 1) if shrink else loaded(reference, channels or 1) as layer:
        if isinstance(layer, nn.Module):
            layer.eval()
        with blaming(f"calling {reference!r}"):
            try:
                return covered(layer, maps.source, **options)
            except AssertionError as error:
                raise SpecificationError(f"{reference!r} cannot be judged: {error}") from None


@contextlib.contextmanager
def makers(reference: str, channels: int) -> Iterator[Any]:
    """The layer that a reference names, or the class or function of that name where it takes a weight space."""
    with opened(reference) as found:
        plain = takes(found, {}) or takes(found, {"in_channels": channels, "out_channels": channels})
        yield function_of(found, reference, channels) if plain else found


def progress(numbers: Iterator[int], count: int) -> Iterator[int]:
    """A progress bar on stderr, where that is a terminal."""
    console = Console(file=sys.__stderr__)
    yield from track(numbers, "maps", total=count, console=console, transient=True, disable=not console.is_terminal)


def draw_gaps(found: Any, path: Path) -> bool:
    """Draw the diagrams that are missing or tied, and return whether there are any."""
    from layergen.drawing import diagram_gallery, picture

    gaps = {
        "missing": (*found.linear.missing, *found.bias.missing),
        "only in combination": (*found.linear.tied, *found.bias.tied),
    }
    if not any(gaps.values()):
        return False
    write_whole(path, picture(diagram_gallery(gaps), path.suffix.lower().removeprefix(".")))
    return True


def print_tables(found: Any) -> None:
    """The numbers, the diagrams that are not reached, and the blocks with maps that are not equivariant."""
    console = make_console()
    console.print(number_table(found))
    for title, reaches in (("Missing", "missing"), ("Reached only in combination", "tied")):
        diagrams = [*getattr(found.linear, reaches), *getattr(found.bias, reaches)]
        if diagrams:
            console.print(diagram_table(title, diagrams))
    if found.stray:
        table = make_table("Not equivariant")
        for heading in ("target", "source", "of the norm"):
            table.add_column(heading, overflow="fold")
        for (into, source), share in found.stray.items():
            table.add_row(into, source or "(bias)", f"{share:.3g}")
        console.print(table)
    notes = {"verdict": verdict(found)}
    if not found.linear_in_parameters and found.parameters:
        notes["parameters"] = "enter non-linearly: ranks are those of what the maps span"
    if found.sizes:
        notes["sizes"] = ", ".join(f"{name}={size}" for name, size in found.sizes.items())
    if found.channels != (1, 1):
        notes["channels"] = "{} in, {} out".format(*found.channels)
    console.print(facts(notes))


def number_table(found: Any) -> Table:
    """Dimension, rank, parameters, redundancy."""
    table = make_table("Coverage")
    table.add_column("")
    for heading in ("dimension", "rank", "parameters", "redundant"):
        table.add_column(heading, justify="right")
    for name, reach in (("linear maps", found.linear), ("biases", found.bias)):
        counts = (reach.dimension, reach.rank, reach.parameters, reach.redundancy)
        table.add_row(name, *("?" if count is None else str(count) for count in counts))
    return table


def diagram_table(title: str, diagrams: list[Any]) -> Table:
    """Diagrams block by block."""
    from layergen.testing.reach import diagram_text

    table = make_table(title)
    table.add_column("block", overflow="fold")
    table.add_column("diagram", overflow="fold")
    before = ""
    for diagram in diagrams:
        block = (
            f"{diagram.target.name} <- {'(bias)' if diagram.source.name == SCALAR.names[0] else diagram.source.name}"
        )
        table.add_row(block if block != before else "", diagram_text(diagram))
        before = block
    return table


def verdict(found: Any) -> str:
    """The faults of a layer in one line."""
    wrong = [] if found.is_linear else [f"not linear (off by {found.nonlinearity:.3g} on a sum of two inputs)"]
    wrong += [] if found.is_equivariant else ["not equivariant"]
    short = found.linear.dimension + found.bias.dimension - found.rank
    if found.fits is False and not short:
        wrong.append("incomplete: some equivariant maps of these channels are out of its reach")
    elif short:
        wrong.append(f"incomplete: {short} dimension{'s' * (short != 1)} short")
    elif not found.is_complete:
        wrong.append("what it spans is complete, what it reaches is not known")
    return ", ".join(wrong) or "every equivariant linear map, and nothing else"
