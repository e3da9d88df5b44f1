"""`layergen dims`: the dimension of every block, and the findings of independent proofs."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from layergen.cli.block_tables import dimension_table, findings_of, tally, target_table, verification_table
from layergen.cli.console import every_digit, facts, make_console, print_json
from layergen.cli.parameters import AsJson, Invariant, Rank, Spec, Target, Terms, read_maps
from layergen.cli.widths import fixed_sizes
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps, readable
from symmetry.verification.report import PROOFS, Report

__all__ = ["dims"]

Verify = Annotated[bool, typer.Option("--verify", help="Find each dimension again by independent proofs.")]

LISTED = 1_000_000
"""The most blocks that are listed; where there are more, the totals are printed alone."""
LONGEST = 300
"""The most characters of a symbolic dimension that is printed; of a longer one the number of summands is printed."""


def dims(
    spec: Spec,
    target: Target = None,
    invariant: Invariant = False,
    terms: Terms = "all",
    rank: Rank = None,
    verify: Verify = False,
    as_json: AsJson = False,
) -> None:
    """Count the equivariant linear maps of a weight space, block by block.

    With --verify the exit status is 1 where a proof finds another dimension.
    """
    maps = read_maps(spec, target, invariant, terms=terms, rank=rank)
    for option, asked, what in (("--json", as_json, "lists"), ("--verify", verify, "proves")):
        if asked:
            check_listed(maps, f"{option} {what}")
    report = prove(maps) if verify else None
    if as_json:
        print_json(as_object(maps, report))
    else:
        print_tables(make_console(), maps, report)
    if report is not None and not agree(report):
        raise typer.Exit(1)


def listed(maps: EquivariantMaps) -> bool:
    """Whether there are at most `LISTED` blocks."""
    return next(islice(maps.blocks, LISTED, None), None) is None


def check_listed(maps: EquivariantMaps, doing: str) -> None:
    """Raise `SpecificationError` if there are more than `LISTED` blocks; `doing` names the option that lists them."""
    if not listed(maps):
        raise SpecificationError(
            f"there are more blocks than the {LISTED:,} that {doing}",
            remedy="without it the totals are printed; --terms local has fewer blocks, and so has a specification of "
            "some tensors, as SPEC or as --target SPEC",
        )


def prove(maps: EquivariantMaps) -> Report:
    """The findings of every proof, with the rank of the emitted layer; a proof that disagrees raises no error here."""
    from layergen.verification import by_emitted_rank

    blocks = [*maps.blocks, *maps.bias_blocks]
    return Report(maps, tuple(finding for proof in (*PROOFS, by_emitted_rank) for finding in proof(maps, blocks)))


def agree(report: Report) -> bool:
    """Whether no proof contradicts the formula."""
    return all(finding.agrees for finding in report.findings)


def as_object(maps: EquivariantMaps, report: Report | None) -> dict[str, Any]:
    """The dimensions, and the findings of a report if there is one, as plain values."""
    found: dict[str, Any] = {
        "dimension": maps.dimension,
        "bias_dimension": maps.bias_dimension,
        "restriction": maps.restriction or None,
        "symbolic_dimension": symbolic(maps)[0] or None,
        "blocks": [
            {"target": block.target.name, "source": block.source.name, "dimension": block.dimension}
            for block in maps.blocks
        ],
        "bias_blocks": [{"target": block.target.name, "dimension": block.dimension} for block in maps.bias_blocks],
    }
    return found if report is None else found | {"verified": agree(report), "proofs": proofs_object(report)}


def proofs_object(report: Report) -> dict[str, list[dict[str, Any]]]:
    """The findings of each proof, block by block; the source of a bias is None."""
    blocks = sum(1 for _ in report.maps.blocks)
    return {
        proof: [
            {
                "target": finding.block.target.name,
                "source": finding.block.source.name if number < blocks else None,
                "found": finding.found,
                "expected": finding.expected,
                "note": finding.note,
            }
            for number, finding in enumerate(findings_of(report, proof))
        ]
        for proof in report.proofs
    }


def symbolic(maps: EquivariantMaps) -> tuple[str, bool]:
    """The dimension in the free sizes, empty if it is too long, and whether it holds at the declared sizes."""
    try:
        expression = maps.symbolic_dimension()
    except SpecificationError:
        return "", True
    sizes = maps.sizes
    value = expression.subs({symbol: sizes[symbol.name] for symbol in expression.free_symbols})
    with every_digit():
        return str(expression), int(value) == maps.dimension


def print_tables(console: Console, maps: EquivariantMaps, report: Report | None) -> None:
    """Print the totals and the block matrix, and the findings of a report if there is one."""
    table = dimension_table(maps, console.width) if listed(maps) else None
    note = "" if table is not None else ", too wide to show: --json lists them"
    note = note if listed(maps) else f", more than the {LISTED:,} that are listed"
    console.print(facts(totals(maps) | {"blocks": f"{len(maps.target)} × {len(maps.source)}{note}"}), "")
    if listed(maps):
        console.print(target_table(maps) if table is None else table)
    if report is not None:
        console.print(verification_table(report))
        console.print(facts(tally(report)))


def totals(maps: EquivariantMaps) -> dict[str, str]:
    """The dimension in figures and in symbols, its restriction, and the sizes to which a layer is bound."""
    restricted = {"restricted": maps.restriction} if maps.restriction else {}
    counts = {
        "dimension": ("at most " if maps.ranks else "") + readable(maps.dimension),
        "bias dimension": readable(maps.bias_dimension),
    }
    return restricted | counts | {"symbolic": in_symbols(maps)} | fixed_sizes(maps)


def in_symbols(maps: EquivariantMaps) -> str:
    """The symbolic dimension, or the number of its summands where it is long, and a note where it does not hold."""
    text, holds = symbolic(maps)
    if not text:
        return "too many free sizes to write out"
    if len(text) > LONGEST:
        text = f"{text.count(' + ') + 1} terms; --json gives them"
    return text if holds else f"{text} where every set is large enough; here some are not"
