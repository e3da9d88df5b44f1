"""The arguments and options that several commands share, and the maps that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.specification import load
from symmetry.space.weight_space import SCALAR, WeightSpace

__all__ = [
    "INPUT",
    "AsJson",
    "Channels",
    "InForm",
    "Invariant",
    "Object",
    "Output",
    "Rank",
    "Spec",
    "Target",
    "Terms",
    "maps_of",
    "read_maps",
]

INPUT = escape("[name=]SHAPE[:DTYPE[:HIGH]], as in 2,3,32,32 or ids=2,7:int64:50")
"""The form of an example input, escaped for help texts, in which rich reads markup."""
Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="A specification: a TOML file.", show_default=False)]
Object = Annotated[
    str,
    typer.Argument(
        metavar="OBJECT",
        help="MODULE:OBJECT or FILE.py:OBJECT, an nn.Module or a function on features. "
        "A class or function that needs no arguments is called first.",
        show_default=False,
    ),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--target",
        metavar="SPEC",
        help="Maps to this weight space instead of to SPEC itself; sets of the same name are the same set.",
        show_default=False,
    ),
]
Invariant = Annotated[bool, typer.Option("--invariant", help="Maps to a single scalar: invariants.")]
Terms = Annotated[
    str,
    typer.Option(
        "--terms", metavar="all|local", help="All blocks, or only those of tensors that share a set or a group."
    ),
]
Rank = Annotated[
    list[str] | None,
    typer.Option(
        "--rank",
        metavar="[CORE=]N",
        help="Bound the rank of the matrix of a core: N for the scalar core, 'h2 h1=4' for the core of sets h2 and h1.",
        show_default=False,
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(
        "--channels",
        min=1,
        metavar="N",
        help="Channels of the features; by default the object's in_channels, else 1.",
        show_default=False,
    ),
]
InForm = Annotated[
    str,
    typer.Option(
        "--form",
        metavar="FORM",
        help="What the object takes and returns: features, weights (or state_dict), pairs, nfn, flat.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default=False)]


def read_maps(
    spec: Path, target: Path | None, invariant: bool, *, terms: str = "all", rank: list[str] | None = None
) -> EquivariantMaps:
    """The maps that a command is asked about. Raises `SpecificationError` for options or files that declare none."""
    return maps_of(load(spec), target, invariant, terms=terms, rank=rank)


def maps_of(
    source: WeightSpace, target: Path | None, invariant: bool, *, terms: str = "all", rank: list[str] | None = None
) -> EquivariantMaps:
    """The maps from a weight space that a command is asked about. Raises `SpecificationError` as `read_maps` does."""
    if invariant and target is not None:
        raise SpecificationError(
            "--target and --invariant are both given", remedy="give one: invariant maps go to a single scalar"
        )
    ranks = read_ranks(rank or [])
    into = SCALAR if invariant else None if target is None else load(target)
    return EquivariantMaps(source, into, terms=terms, rank=ranks)


def read_ranks(bounds: list[str]) -> dict[str, int]:
    """Ranks by core, read from `8` for the scalar core and `h2 h1=4` for another.

    Raises `SpecificationError` for a text that has another form.
    """
    ranks = {}
    for bound in bounds:
        core, _, number = bound.rpartition("=")
        if not number.strip().isdecimal():
            raise SpecificationError(f"--rank {bound!r}", remedy="give a number, or sets and a number: 'h2 h1=4'")
        ranks[core.strip()] = int(number)
    return ranks
