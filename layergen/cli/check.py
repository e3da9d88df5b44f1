"""`layergen check`: whether somebody's function on features has the symmetry that a specification declares."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer

from layergen.cli.console import print_json
from layergen.cli.objects import failure, loaded
from layergen.cli.parameters import AsJson, Invariant, Object, Spec, Target, read_maps
from symmetry.errors import SpecificationError
from symmetry.maps import EquivariantMaps
from symmetry.weight_space import SCALAR

__all__ = ["check"]

Channels = Annotated[
    int | None,
    typer.Option(
        "--channels",
        min=1,
        metavar="N",
        help="Channels of the features; by default what the object has as in_channels, else 1.",
        show_default=False,
    ),
]


def check(
    function: Object,
    spec: Spec,
    target: Target = None,
    invariant: Invariant = False,
    channels: Channels = None,
    as_json: AsJson = False,
) -> None:
    """Test that a metanetwork commutes with the permutations of a weight space."""
    maps = read_maps(spec, target, invariant)
    # Whatever the checked code prints goes to stderr: stdout is for the verdict.
    with contextlib.redirect_stdout(sys.stderr):
        verdict = verdict_on(function, maps, channels)
    if as_json:
        print_json(verdict.to_json())
    else:
        typer.echo(verdict.message)
    if not verdict.passed:
        raise typer.Exit(1)


def verdict_on(reference: str, maps: EquivariantMaps, channels: int | None) -> Any:
    """The verdict on the object that a reference names. Raises `SpecificationError` where its code raises."""
    from torch import nn

    from layergen.testing import check as checked

    invariant = maps.target == SCALAR
    with loaded(reference, channels or 1) as function:
        if isinstance(function, nn.Module):
            function.eval()
        own = getattr(function, "in_channels", 1)
        try:
            return checked(
                function,
                maps.source,
                target=None if invariant else maps.target,
                invariant=invariant,
                channels=channels or (own if isinstance(own, int) else 1),
            )
        except SpecificationError:
            raise
        except (Exception, SystemExit) as error:
            raise failure(f"calling {reference!r} on features", error) from None
