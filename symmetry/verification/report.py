"""Every proof that applies, block by block; an error when two disagree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from symmetry.kinds.index import Invariant
from symmetry.language.errors import SpecificationError
from symmetry.maps.counting import block_count
from symmetry.maps.equivariant_maps import Block, EquivariantMaps
from symmetry.maps.isotypic import decomposed
from symmetry.space.layout import Piece, leaves
from symmetry.verification.characters import character_average
from symmetry.verification.irreducibles import LARGEST, irreducible_dimension
from symmetry.verification.null_space import null_space_dimension, small_sizes

__all__ = [
    "PROOFS",
    "Finding",
    "Proof",
    "Report",
    "VerificationError",
    "by_characters",
    "by_irreducibles",
    "by_null_space",
    "verify",
]


class VerificationError(ArithmeticError):
    """Two proofs of a dimension disagree: a fault in this library, never in a specification."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one proof says of one block: the dimension it found and the one it should find.

    `found` is None where the proof does not apply; `note` then says why, or at which sizes it was run.
    """

    proof: str
    block: Block
    found: int | None
    expected: int
    note: str = ""

    @property
    def agrees(self) -> bool:
        return self.found is None or self.found == self.expected


Proof = Callable[[EquivariantMaps, Sequence[Block]], list[Finding]]
"""A proof takes the maps and their blocks (biases included) and gives a finding for each block."""


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The findings of all proofs that ran."""

    maps: EquivariantMaps
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        ran = [
            f"{sum(f.found is not None for f in self.findings if f.proof == proof)} by {proof}" for proof in self.proofs
        ]
        return f"Report({self.maps!r}: blocks proved: {', '.join(ran)})"

    @property
    def proofs(self) -> tuple[str, ...]:
        """Names of the proofs, in the order in which they ran."""
        return tuple(dict.fromkeys(finding.proof for finding in self.findings))

    def of(self, block: Block) -> dict[str, Finding]:
        """The findings on one block by proof."""
        return {finding.proof: finding for finding in self.findings if finding.block == block}


def by_characters(maps: EquivariantMaps, blocks: Sequence[Block]) -> list[Finding]:
    """The character average at the declared sizes; nested sets included."""
    found = [(block, character_average(block.target, block.source)) for block in blocks]
    note = "a set too large for exact characters"
    return [Finding("characters", b, n, b.dimension, "" if n is not None else note) for b, n in found]


def by_null_space(maps: EquivariantMaps, blocks: Sequence[Block]) -> list[Finding]:
    """The null space of the generators' constraints, at the declared sizes where they are small, else cut down."""
    return [null_space_finding(block) for block in blocks]


def null_space_finding(block: Block) -> Finding:
    found = expected = 0
    cut: dict[str, int] = {}
    for pair in product(block.target.pieces, block.source.pieces):
        sizes = small_sizes(pair)
        if sizes is None:
            return Finding("null space", block, None, block.dimension, "too many unknowns")
        found += null_space_dimension(pair, sizes)
        expected += dimension_at(pair, sizes)
        cut |= shrunk(pair, sizes)
    return Finding("null space", block, found, expected if cut else block.dimension, at_sizes(cut))


def by_irreducibles(maps: EquivariantMaps, blocks: Sequence[Block]) -> list[Finding]:
    """Multiplicities of irreducible representations, larger sets cut down to four elements; not for nested sets."""
    return [irreducible_finding(block) for block in blocks]


def irreducible_finding(block: Block) -> Finding:
    pieces = (*block.target.pieces, *block.source.pieces)
    indices = [position.index for piece in pieces for position in piece.positions if position.index.joined]
    if any(index.parent is not None for index in indices):
        return Finding("irreducibles", block, None, block.dimension, "nested sets")
    if any(index.invariant() is not Invariant.ENTRY for index in indices):
        return Finding("irreducibles", block, None, block.dimension, "a group beyond the symmetric ones")
    sizes = {index.name: min(index.size, LARGEST) for index in indices}
    try:
        target, source = ([resized(p, sizes) for p in side.pieces] for side in (block.target, block.source))
        found = irreducible_dimension(target, source)
    except SpecificationError:
        return Finding("irreducibles", block, None, block.dimension, "escnn is not installed")
    if not (cut := shrunk(pieces, sizes)):
        return Finding("irreducibles", block, found, block.dimension)
    expected = sum(dimension_at(pair, sizes) for pair in product(block.target.pieces, block.source.pieces))
    return Finding("irreducibles", block, found, expected, at_sizes(cut))


def dimension_at(pair: Sequence[Piece], sizes: dict[str, int]) -> int:
    """The formula for two pieces, target and source, their sets cut down."""
    written, read = (
        [leaf for one in decomposed((resized(piece, sizes),), reading=reading) for leaf in leaves(one.layout)]
        for piece, reading in zip(pair, (False, True), strict=True)
    )
    return sum(block_count(pair) * math.prod(piece.free_size for piece in pair) for pair in product(written, read))


def shrunk(pieces: Sequence[Piece], sizes: dict[str, int]) -> dict[str, int]:
    """The sets of some pieces that are cut down."""
    indices = [position.index for piece in pieces for position in piece.positions if position.index.joined]
    return {index.name: sizes[index.name] for index in indices if sizes[index.name] < index.size}


def at_sizes(cut: dict[str, int]) -> str:
    """The sizes at which a proof was run."""
    return f"at {', '.join(f'{name}={size}' for name, size in cut.items())}" if cut else ""


def resized(piece: Piece, sizes: dict[str, int]) -> Piece:
    """The piece with its sets cut down."""
    return replace(
        piece,
        positions=tuple(
            replace(p, index=replace(p.index, size=sizes[p.index.name])) if p.index.joined else p
            for p in piece.positions
        ),
    )


PROOFS: tuple[Proof, ...] = (by_characters, by_null_space, by_irreducibles)


def verify(maps: EquivariantMaps, *, proofs: Sequence[Proof] = PROOFS) -> Report:
    """Prove every block's dimension, and every bias's, by each of `proofs`; raise when one disagrees.

    Raises `VerificationError` naming the block, the proof and both numbers.

    >>> from symmetry import WeightSpace
    >>> report = verify(EquivariantMaps(WeightSpace({"w": "h h", "b": "h"}, sets={"h": 3})))
    >>> report.proofs, sum(finding.found for finding in report.findings if finding.proof == "characters")
    (('characters', 'null space', 'irreducibles'), 29)
    """
    blocks = [*maps.blocks, *maps.bias_blocks]
    findings = [finding for proof in proofs for finding in proof(maps, blocks)]
    for finding in findings:
        if not finding.agrees:
            note = f" ({finding.note})" if finding.note else ""
            raise VerificationError(
                f"the block {finding.block} has dimension {finding.found} by {finding.proof}{note}, "
                f"{finding.expected} by the formula"
            )
    return Report(maps, tuple(findings))
