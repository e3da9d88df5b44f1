"""`layergen trace`: the specification of a module, derived from its graph and proved."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any, Literal

import typer

from layergen.cli.console import facts, make_console, make_table, print_json
from layergen.cli.files import check_output, write_whole
from layergen.cli.inputs import read_example, read_inputs
from layergen.cli.objects import blaming, loaded_module
from layergen.cli.parameters import INPUT, AsJson, Output
from layergen.cli.show import order
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import readable
from symmetry.space.elements import group_order
from symmetry.space.specification import dumps

__all__ = ["trace"]

Module = Annotated[
    str,
    typer.Argument(
        metavar="OBJECT",
        help="MODULE:OBJECT or FILE.py:OBJECT, an nn.Module, or a class or function that makes one without arguments.",
        show_default=False,
    ),
]
Input = Annotated[
    list[str],
    typer.Option("--input", metavar="INPUT", help=f"An input: {INPUT}; once for each.", show_default=False),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar='"INPUT …"',
        help="The inputs of a further example, in one text: another length, or what uses another head.",
        show_default=False,
    ),
]
NoProof = Annotated[bool, typer.Option("--no-proof", help="Do not test that permuting weights preserves the function.")]
Count = Annotated[
    bool,
    typer.Option(
        "--automorphisms", help="Count the automorphisms of the parameter graph too; for small widths and inputs."
    ),
]
NoFamilies = Annotated[
    bool, typer.Option("--no-families", help="Declare every tensor by itself, and no families of repeated blocks.")
]
Free = Annotated[
    list[str] | None,
    typer.Option(
        "--free",
        metavar="TENSOR:AXIS",
        help="An axis whose frozen index stays free, though it is large; any number of times.",
        show_default=False,
    ),
]
Symmetries = Annotated[
    Literal["permutations", "all"],
    typer.Option(
        "--symmetries",
        metavar="permutations|all",
        help="Permutations only, or signs, positive scales and matrices as well.",
    ),
]


def trace(
    module: Module,
    inputs: Input,
    output: Output,
    also: Also = None,
    no_proof: NoProof = False,
    count: Count = False,
    symmetries: Symmetries = "permutations",
    no_families: NoFamilies = False,
    free: Free = None,
    as_json: AsJson = False,
) -> None:
    """Derive the specification of a module from its graph, prove it, and write it.

    The exit status is 1 where the specification is written but could not be proved.
    """
    check_output(output, (".toml",))
    examples = [read_inputs(inputs), *map(read_example, also or [])]
    options: dict[str, Any] = {"prove": not no_proof, "symmetries": symmetries}
    options |= {"families": not no_families, "free": free_axes(free or [])}
    # Whatever the module's code prints goes to stderr: stdout is for the result.
    with contextlib.redirect_stdout(sys.stderr):
        found, automorphic = traced(module, examples, count=count, **options)
    wrote = write_whole(output, dumps(found.space).encode())
    if as_json:
        print_json(as_object(found, automorphic, str(output)))
    else:
        print_tables(found, automorphic, wrote)
    if found.preserved is None and not no_proof:
        raise typer.Exit(1)


def free_axes(texts: list[str]) -> dict[str, list[int]]:
    """By tensor the axes that stay free, from texts such as `wte.weight:0`. Raises `SpecificationError` for others."""
    found: dict[str, list[int]] = {}
    for text in texts:
        tensor, _, axis = text.rpartition(":")
        if not tensor or not axis.isdecimal():
            raise SpecificationError(f"--free {text!r} names no axis of a tensor", remedy="write --free wte.weight:0")
        found.setdefault(tensor, []).append(int(axis))
    return found


def traced(
    reference: str, examples: list[tuple[list[Any], dict[str, Any]]], *, count: bool, **options: Any
) -> tuple[Any, int | None]:
    """The trace, with some options, of the module that a reference names; with `count` its graph's automorphisms.

    Raises `SpecificationError` where there is no such module, and where its specification cannot be proved.
    """
    from layergen.tracing import automorphisms
    from layergen.tracing import trace as derived

    with loaded_module(reference) as module, blaming(f"tracing {reference!r}"):
        try:
            first, *others = examples
            found = derived(module, *first, also=others, **options)
            return found, automorphisms(module, *first) if count else None
        except AssertionError as error:
            raise SpecificationError(f"{reference!r} cannot be proved: {error}", remedy="try --no-proof") from None


def as_object(found: Any, automorphic: int | None, path: str) -> dict[str, Any]:
    """A trace as plain values."""
    return {
        "output": path,
        "tensors": {tensor.name: str(tensor)[len(tensor.name) + 1 : -1] for tensor in found.space},
        "sets": {index.name: {"size": index.size, "within": index.parent} for index in moving(found)},
        "positional": {index.name: index.size for index in found.space.indices if index.embedded},
        "groups": {index.name: index.acted_on_by for index in moving(found)},
        "group_order": group_order(found.space),
        "automorphisms": automorphic,
        "preserved": found.preserved,
        "possible": list(found.possible),
        "extensions_tried": found.tried,
        "frozen": [{"tensor": f.tensor, "axis": f.axis, "size": f.size, "why": f.why} for f in found.frozen],
        "more": list(found.more),
        "assumed_constant": list(found.assumed),
        "warnings": list(found.warnings),
    }


def moving(found: Any) -> list[Any]:
    """The indices of a trace that a group moves."""
    return [index for index in found.space.indices if index.action is not None and not index.embedded]


def print_tables(found: Any, automorphic: int | None, wrote: str) -> None:
    """Print the tensors, the frozen axes by reason, the totals and the warnings."""
    console = make_console()
    table = make_table("Tensors")
    for heading in ("tensor", "axes"):
        table.add_column(heading, overflow="fold")
    for tensor in found.space:
        table.add_row(tensor.name, str(tensor)[len(tensor.name) + 1 : -1])
    console.print(table)
    by_reason: dict[str, list[str]] = {}
    for one in found.frozen:
        by_reason.setdefault(one.why, []).append(f"{one.tensor} {one.axis}")
    frozen = make_table("Frozen axes")
    frozen.add_column("because of", overflow="fold")
    frozen.add_column("tensor and axis", overflow="fold")
    for why, axes in by_reason.items():
        more = f" and {len(axes) - 6} more" if len(axes) > 6 else ""
        frozen.add_row(why, ", ".join(axes[:6]) + more)
    console.print(frozen)
    sets, nested = len(moving(found)), sum(index.parent is not None for index in moving(found))
    positions = [f"{index.name} ({readable(index.size)})" for index in found.space.indices if index.embedded]
    rows = {"sets": f"{sets}, {nested} of them nested", "positions": ", ".join(positions) or "none"}
    rows["group order"] = readable(group_order(found.space))
    charged = [f"{index.acted_on_by} on {index.name}" for index in found.space.indices if index.charged]
    if charged:
        rows |= {"group order": order(found.space), "scaled or turned": ", ".join(charged)}
    if automorphic is not None:
        same = "as many" if automorphic == group_order(found.space) else "not as many"
        rows["automorphisms"] = (
            f"{readable(automorphic)} of the parameter graph, {'which only permute' if charged else same}"
        )
    rows["function preserved"] = {True: "yes", None: "not proved"}[found.preserved]
    if found.preserved:
        rows["extensions"] = f"{found.tried} tried, {len(found.possible)} possible"
        rows |= {f"possible {number}": text for number, text in enumerate(found.possible[:12], 1)}
    rows |= {"more": "; ".join(found.more)} if found.more else {}
    rows |= {"assumed constant": ", ".join(found.assumed)} if found.assumed else {}
    rows |= {f"warning {number}": text for number, text in enumerate(found.warnings, 1)}
    console.print(facts(rows | {"wrote": wrote}))
