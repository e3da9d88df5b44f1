"""`layergen check`: a test that a function on features has the symmetry that a specification declares."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer

from layergen.cli.console import print_json
from layergen.cli.inputs import read_inputs
from layergen.cli.objects import blaming, loaded, loaded_module
from layergen.cli.parameters import INPUT, AsJson, Channels, InForm, Invariant, Object, Spec, Target, read_maps
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.weight_space import SCALAR, WeightSpace

__all__ = ["check"]

Function = Annotated[
    bool,
    typer.Option(
        "--function",
        help="OBJECT is a network, SPEC declares its weights: test that permuting them preserves its function.",
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="INPUT", help=f"With --function: {INPUT}.", show_default=False),
]
Maximal = Annotated[
    bool, typer.Option("--maximal", help="With --function: try also whether more than SPEC declares preserves it.")
]
Sensitivity = Annotated[bool, typer.Option("--sensitivity", help="Test also that OBJECT has no other symmetry.")]


def check(
    function: Object,
    spec: Spec,
    target: Target = None,
    invariant: Invariant = False,
    sensitivity: Sensitivity = False,
    form: InForm = "features",
    channels: Channels = None,
    preserved: Function = False,
    inputs: Inputs = None,
    maximal: Maximal = False,
    as_json: AsJson = False,
) -> None:
    """Test that a metanetwork commutes with the symmetry of a weight space, or that a specification is right.

    A failure shows the simplest permutation found that breaks the symmetry, and code to see it again; the exit status
    is then 1.
    """
    maps = read_maps(spec, target, invariant)
    if bool(inputs) != preserved:
        raise SpecificationError("--function goes with --input", remedy="give both: --function --input 2,3,32,32")
    if maximal and not preserved:
        raise SpecificationError("--maximal goes with --function", remedy="--sensitivity asks it of a metanetwork")
    # Whatever the checked code prints goes to stderr: stdout is for the verdict.
    with contextlib.redirect_stdout(sys.stderr):
        if preserved:
            verdicts = preservation_of(function, maps.source, inputs or [], maximal=maximal)
        else:
            verdicts = verdicts_on(function, maps, form, channels, sensitivity=sensitivity)
    if as_json:
        first, *others = [verdict.to_json() for verdict in verdicts]
        passed = {
            "passed": all(verdict.passed for verdict in verdicts),
            "message": "\n".join(verdict.message for verdict in verdicts),
        }
        print_json(first | passed | further(others, sensitivity=sensitivity, maximal=maximal))
    else:
        typer.echo("\n".join(verdict.message for verdict in verdicts))
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


def further(others: list[Any], *, sensitivity: bool, maximal: bool) -> dict[str, Any]:
    """The verdict on what more there is than is declared, under the name of the option that asks for it."""
    name = "sensitivity" if sensitivity else "maximal"
    return {name: others[0] if others else None} if sensitivity or maximal else {}


def preservation_of(reference: str, space: WeightSpace, inputs: list[str], *, maximal: bool) -> list[Any]:
    """The verdicts on a specification for the module that a reference names.

    With `maximal` the second says whether more than the specification declares preserves the function; it is asked only
    where what is declared does.
    """
    from layergen.preservation import larger_symmetries
    from layergen.testing import assert_function_preserved
    from layergen.testing.verdict import Verdict

    positional, named = read_inputs(inputs)
    with loaded_module(reference) as module, blaming(f"calling {reference!r}"):
        try:
            assert_function_preserved(module, space, positional, options=named)
            more = larger_symmetries(module, space, positional, options=named) if maximal else []
        except AssertionError as error:
            return [Verdict(False, str(error), "not preserved")]
        except ValueError as error:
            raise SpecificationError(str(error)) from None
    preserved = Verdict(True, "the function is preserved", "preserved")
    if more:
        return [preserved, Verdict(False, "so it is by more than is declared: " + "; ".join(more), "not maximal")]
    return [preserved, *([Verdict(True, "nothing more that was tried preserves it", "maximal")] if maximal else [])]


def verdicts_on(
    reference: str, maps: EquivariantMaps, form: str, channels: int | None, *, sensitivity: bool
) -> list[Any]:
    """The verdicts on the object that a reference names. Raises `SpecificationError` where its code raises.

    The test for further symmetry is run only where the declared one holds.
    """
    from torch import nn

    from layergen import testing

    invariant = maps.target == SCALAR
    options: dict[str, Any] = {"target": None if invariant else maps.target, "invariant": invariant, "form": form}
    with loaded(reference, channels or 1) as function:
        if isinstance(function, nn.Module):
            function.eval()
        with blaming(f"calling {reference!r} on features"):
            verdicts = [testing.check(function, maps.source, channels=channels, **options)]
            if sensitivity and verdicts[0].passed:
                verdicts.append(testing.sensitivity(function, maps.source, channels=channels, **options))
            return verdicts
