"""Tables of blocks: the block matrix with its dimensions, and the findings of the proofs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from layergen.cli.console import make_table
from symmetry.maps.equivariant_maps import Block, EquivariantMaps, readable
from symmetry.space.weight_space import Tensor
from symmetry.verification.report import Finding, Report

__all__ = ["dimension_table", "findings_of", "tally", "target_table", "verification_table"]


def dimension_table(maps: EquivariantMaps, width: int) -> Table | None:
    """The block matrix, targets × sources, with the biases as a last column; None where it is wider than `width`.

    Where the names of the source tensors do not fit, their numbers head the columns.
    """
    if 3 * len(maps.source) > width:  # two spaces and a digit are the least that a column takes
        return None
    rows = dimension_rows(maps)
    if fits(maps.target.names, maps.source.names, rows, width):
        return filled(maps.target.names, maps.source.names, rows)
    numbers = [str(number) for number in range(1, len(maps.source) + 1)]
    labels = list(maps.target.names)
    if maps.target == maps.source:
        labels = [f"{number:>{len(numbers[-1])}}  {name}" for number, name in zip(numbers, labels, strict=True)]
    if not fits(labels, numbers, rows, width):
        return None
    table = filled(labels, numbers, rows)
    if maps.target != maps.source:
        table.caption = "sources: " + ", ".join(map(" ".join, zip(numbers, maps.source.names, strict=True)))
        table.caption_justify = "left"
    return table


def dimension_rows(maps: EquivariantMaps) -> list[list[str]]:
    """The dimensions of the block matrix, the bias of each target last."""
    return [
        [*(entry(maps, bias.target, source) for source in maps.source), readable(bias.dimension)]
        for bias in maps.bias_blocks
    ]


def entry(maps: EquivariantMaps, target: Tensor, source: Tensor) -> str:
    """The dimension of a block, or a dot where a restriction leaves the block out."""
    return readable(Block(target, source).dimension) if maps.includes(target, source) else "·"


def fits(labels: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether a table of these columns is no wider than `width` characters."""
    columns = zip((*heads, "bias"), *rows, strict=True)
    return sum(2 + max(map(len, column)) for column in (("target \\ source", *labels), *columns)) <= width


def filled(labels: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The block matrix as a table."""
    table = make_table("Dimension of each block")
    table.add_column("target \\ source", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("bias", justify="right", style="dim", no_wrap=True)
    for label, row in zip(labels, rows, strict=True):
        table.add_row(label, *row)
    return table


def target_table(maps: EquivariantMaps) -> Table:
    """The dimensions summed over the source tensors, for spaces whose block matrix is too wide to show."""
    table = make_table("Dimension of the maps into each target")
    table.add_column("target", overflow="fold")
    table.add_column("all sources", justify="right")
    table.add_column("bias", justify="right", style="dim")
    for bias in maps.bias_blocks:
        sources = [source for source in maps.source if maps.includes(bias.target, source)]
        total = sum(Block(bias.target, source).dimension for source in sources)
        table.add_row(bias.target.name, readable(total), readable(bias.dimension))
    return table


def verification_table(report: Report) -> Table:
    """Block by block the dimension by the formula and by each proof, with the sizes at which the proof ran."""
    table = make_table("Proofs")
    for heading in ("target", "source"):
        table.add_column(heading, overflow="fold")
    for heading in ("formula", *report.proofs):
        table.add_column(heading, justify="right" if heading == "formula" else "left")
    columns = []
    for proof in report.proofs:
        findings = findings_of(report, proof)
        columns.append([verdict(finding, common_note(findings)) for finding in findings])
    blocks = [finding.block for finding in findings_of(report, report.proofs[0])]
    for number, (block, *cells) in enumerate(zip(blocks, *columns, strict=True)):
        source = block.source.name if number < len(blocks) - len(report.maps.target) else "(bias)"
        table.add_row(block.target.name, source, readable(block.dimension), *cells)
    return table


def findings_of(report: Report, proof: str) -> list[Finding]:
    """The findings of one proof, block by block."""
    return [finding for finding in report.findings if finding.proof == proof]


def common_note(findings: Sequence[Finding]) -> str:
    """The note that all findings with a number share; empty if their notes differ."""
    notes = {finding.note for finding in findings if finding.found is not None}
    return notes.pop() if len(notes) == 1 else ""


def verdict(finding: Finding, common: str) -> str:
    """One finding: a tick and the number, a cross with the number expected, or the reason why there is no number."""
    if finding.found is None:
        return f"– {finding.note}"
    note = f" {finding.note}" if finding.note != common else ""
    if finding.agrees:
        return f"✓ {readable(finding.found)}{note}"
    return f"✗ {readable(finding.found)}{note}, not {readable(finding.expected)}"


def tally(report: Report) -> dict[str, str]:
    """For each proof the numbers of blocks that it confirms, contradicts and does not reach, in words."""
    rows = {}
    for proof in report.proofs:
        findings = findings_of(report, proof)
        wrong = sum(not finding.agrees for finding in findings)
        silent = sum(finding.found is None for finding in findings)
        texts = [f"agrees on {len(findings) - wrong - silent} of {len(findings)} blocks"]
        texts += [f"does not reach {silent}"] if silent else []
        texts += [f"DISAGREES on {wrong}"] if wrong else []
        note = common_note(findings)
        rows[proof] = ", ".join(texts) + (f", {note}" if note else "")
    return rows
