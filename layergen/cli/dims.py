"""`layergen dims`: the dimension of every block, and what independent proofs say of it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from layergen.cli.block_tables import dimension_table, findings_of, tally, target_table, verification_table
from layergen.cli.console import every_digit, facts, make_console, print_json
from layergen.cli.parameters import AsJson, Invariant, Rank, Spec, Target, Terms, read_maps
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps, readable
from symmetry.verification.report import PROOFS, Report

__all__ = ["dims"]

Verify = Annotated[bool, typer.Option("--verify", help="Prove each dimension by independent routes.")]

MOST = 1_000_000
"""The most blocks that are listed."""
LONGEST = 300
"""A symbolic dimension of more characters than this is shown by its number of terms."""


def dims(
    spec: Spec,
    target: Target = None,
    invariant: Invariant = False,
    terms: Terms = "all",
    rank: Rank = None,
    verify: Verify = False,
    as_json: AsJson = False,
) -> None:
    """Count the equivariant linear maps of a weight space, block by block."""
    maps = read_maps(spec, target, invariant, terms=terms, rank=rank)
    if verify or as_json:
        check_blocks(maps)
    report = prove(maps) if verify else None
    if as_json:
        print_json(as_object(maps, report))
    else:
        print_tables(make_console(), maps, report)
    if report is not None and not agree(report):
        raise typer.Exit(1)


def lists(maps: EquivariantMaps) -> bool:
    """Whether the blocks of some maps are few enough to be listed."""
    return next(islice(maps.blocks, MOST, None), None) is None


def check_blocks(maps: EquivariantMaps) -> None:
    """Raise `SpecificationError` if there are more blocks than are listed."""
    if not lists(maps):
        raise SpecificationError(
            f"there are more than {MOST:,} blocks, too many to list one by one",
            remedy="without --json and --verify the totals are given; --terms local has fewer blocks",
        )


def prove(maps: EquivariantMaps) -> Report:
    """The findings of every proof, that of the emitted layer among them; disagreements are left for the table."""
    from layergen.testing.rank import by_emitted_rank

    blocks = [*maps.blocks, *maps.bias_blocks]
    return Report(maps, tuple(finding for proof in (*PROOFS, by_emitted_rank) for finding in proof(maps, blocks)))


def agree(report: Report) -> bool:
    """Whether no proof contradicts the formula."""
    return all(finding.agrees for finding in report.findings)


def as_object(maps: EquivariantMaps, report: Report | None) -> dict[str, Any]:
    """The dimensions as plain values; with a report, its findings too."""
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
    """For each proof what it found, block by block; a bias has no source."""
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
    """The dimension in the free sizes, and whether it holds at the sizes that are declared; empty if it is too long."""
    try:
        expression = maps.symbolic_dimension()
    except SpecificationError:
        return "", True
    sizes = maps.sizes
    value = expression.subs({symbol: sizes[symbol.name] for symbol in expression.free_symbols})
    with every_digit():
        return str(expression), int(value) == maps.dimension


def print_tables(console: Console, maps: EquivariantMaps, report: Report | None) -> None:
    """The totals and the block matrix; with a report, a table of what each proof found."""
    blocks = f"{len(maps.target)} × {len(maps.source)}"
    if not lists(maps):
        console.print(facts(totals(maps) | {"blocks": f"{blocks}, too many to list"}))
        return
    table = dimension_table(maps, console.width)
    note = "" if table is not None else ", too wide to show: --json lists them"
    console.print(facts(totals(maps) | {"blocks": blocks + note}), "")
    console.print(target_table(maps) if table is None else table)
    if report is not None:
        console.print(verification_table(report))
        console.print(facts(tally(report)))


def totals(maps: EquivariantMaps) -> dict[str, str]:
    """The dimension in figures and in symbols."""
    text, holds = symbolic(maps)
    if len(text) > LONGEST:
        text = f"{text.count(' + ') + 1} terms; --json gives them"
    return ({"restricted": maps.restriction} if maps.restriction else {}) | {
        "dimension": ("at most " if maps.ranks else "") + readable(maps.dimension),
        "bias dimension": readable(maps.bias_dimension),
        "symbolic": text or "too many free sizes to write out"
        if holds
        else f"{text} where every set is large enough; here some are not",
    }
