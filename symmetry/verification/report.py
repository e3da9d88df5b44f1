"""`verify`: every proof of every block's dimension, compared with the formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import product

from symmetry.kinds.index import Invariant
from symmetry.maps.counting import block_count
from symmetry.maps.equivariant_maps import Block, EquivariantMaps
from symmetry.maps.isotypic import decomposed
from symmetry.space.layout import Piece, leaves
from symmetry.space.markup import table
from symmetry.verification.characters import character_average
from symmetry.verification.irreducibles import LARGEST, irreducible_dimension
from symmetry.verification.null_space import null_space_dimension, small_sizes

__all__ = [
    "PROOFS",
    "Finding",
    "Proof",
    "Report",
    "VerificationError",
    "agreeing",
    "by_characters",
    "by_irreducibles",
    "by_null_space",
    "verify",
]


class VerificationError(ArithmeticError):
    """Two proofs of a dimension disagree: a fault in this library, never in a specification.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 3}))
    >>> def wrong(maps, blocks):
    ...     return [Finding("guessing", block, 7, block.dimension) for block in blocks]
    >>> verify(maps, proofs=[wrong])
    Traceback (most recent call last):
        ...
    symmetry.verification.report.VerificationError: the block b[h] <- b[h] has dimension 7 by guessing, 2 by the formula
    """


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one proof for one block.

    Parameters
    ----------
    proof
        Name of the proof.
    block
        The block.
    found
        The dimension by the proof; None where the proof does not apply.
    expected
        The dimension by the formula, at the sizes at which the proof ran.
    note
        The reason why the proof does not apply, or the sizes at which it ran if sets were cut down.
    """

    proof: str
    block: Block
    found: int | None
    expected: int
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the proof does not contradict the formula; true also where the proof does not apply."""
        return self.found is None or self.found == self.expected


def cell(finding: Finding) -> str:
    """The result of a proof for a table."""
    note = f" <small>{escape(finding.note)}</small>" if finding.note else ""
    return ("–" if finding.found is None else f"{finding.found:,}") + note


LISTED = 100
"""The most blocks of which a notebook shows every finding."""
Proof = Callable[[EquivariantMaps, Sequence[Block]], list[Finding]]
"""A function of maps and their blocks, biases included, that returns a finding for each block."""


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The findings of all proofs that ran, without a contradiction; `verify` returns it.

    Parameters
    ----------
    maps
        The maps that were verified.
    findings
        One finding for each proof and each block, biases included.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 3}))
    >>> report = verify(maps, proofs=PROOFS[:2])
    >>> report
    Report(EquivariantMaps(1 tensors to 1, dimension 2): blocks proved: 2 by characters, 2 by null space)
    >>> report.of(maps.block(target="b", source="b"))["characters"].found
    2
    """

    maps: EquivariantMaps
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        ran = [
            f"{sum(f.found is not None for f in self.findings if f.proof == proof)} by {proof}" for proof in self.proofs
        ]
        return f"Report({self.maps!r}: blocks proved: {', '.join(ran)})"

    def __str__(self) -> str:
        """A line for each proof: how many blocks it proved, and for how many it does not apply."""
        return "\n".join([repr(self.maps), *(f"  {proof}: {text}" for proof, text in self.tally())])

    def _repr_html_(self) -> str:
        """The findings of every proof as a table, for notebooks; of more than 100 blocks how many there are."""
        blocks = list(dict.fromkeys(finding.block for finding in self.findings))
        if len(blocks) > LISTED:
            return table(("proof", "blocks"), [(escape(proof), text) for proof, text in self.tally()], repr(self.maps))
        found = {(finding.block, finding.proof): finding for finding in self.findings}
        rows = [
            [escape(str(block)), str(block.dimension)]
            + [cell(found[block, proof]) if (block, proof) in found else "" for proof in self.proofs]
            for block in blocks
        ]
        return table(("block", "dimension", *map(escape, self.proofs)), rows, repr(self.maps))

    def tally(self) -> Iterator[tuple[str, str]]:
        """For each proof in how many blocks it agrees with the formula, and to how many it does not apply.

        Yields
        ------
        tuple[str, str]
            The name of the proof, and the numbers in words.
        """
        for proof in self.proofs:
            own = [finding.found is not None for finding in self.findings if finding.proof == proof]
            apart = f"; does not apply to {len(own) - sum(own):,}" if not all(own) else ""
            yield proof, f"{sum(own):,} blocks proved{apart}"

    @property
    def proofs(self) -> tuple[str, ...]:
        """Names of the proofs, in the order in which they ran."""
        return tuple(dict.fromkeys(finding.proof for finding in self.findings))

    def of(self, block: Block) -> dict[str, Finding]:
        """The findings for one block.

        Parameters
        ----------
        block
            A block of the maps.

        Returns
        -------
        dict[str, Finding]
            One finding for each proof, by the proof's name.
        """
        return {finding.proof: finding for finding in self.findings if finding.block == block}


def by_characters(maps: EquivariantMaps, blocks: Sequence[Block]) -> list[Finding]:
    """The proof by character averages, at the declared sizes."""
    found = [(block, character_average(block.target, block.source)) for block in blocks]
    note = "a set too large for exact characters"
    return [Finding("characters", b, n, b.dimension, "" if n is not None else note) for b, n in found]


def by_null_space(maps: EquivariantMaps, blocks: Sequence[Block]) -> list[Finding]:
    """The proof by null spaces, at the declared sizes where they are small, else with sets cut down."""
    return [null_space_finding(block) for block in blocks]


def null_space_finding(block: Block) -> Finding:
    """The dimension of one block by null spaces."""
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
    """The proof by irreducible representations, with sets cut down to four elements; not for nested sets."""
    return [irreducible_finding(block) for block in blocks]


def irreducible_finding(block: Block) -> Finding:
    """The dimension of one block by irreducible representations."""
    pieces = (*block.target.pieces, *block.source.pieces)
    indices = [position.index for piece in pieces for position in piece.positions if position.index.joined]
    if any(index.parent is not None for index in indices):
        return Finding("irreducibles", block, None, block.dimension, "nested sets")
    if any(index.action is None for index in indices):
        return Finding("irreducibles", block, None, block.dimension, "an ordered index, on which no group acts")
    if any(index.invariant() is not Invariant.ENTRY for index in indices):
        return Finding("irreducibles", block, None, block.dimension, "a group beyond the symmetric ones")
    sizes = {index.name: min(index.size, LARGEST) for index in indices}
    target, source = ([resized(p, sizes) for p in side.pieces] for side in (block.target, block.source))
    found = irreducible_dimension(target, source)
    if not (cut := shrunk(pieces, sizes)):
        return Finding("irreducibles", block, found, block.dimension)
    expected = sum(dimension_at(pair, sizes) for pair in product(block.target.pieces, block.source.pieces))
    return Finding("irreducibles", block, found, expected, at_sizes(cut))


def dimension_at(pair: Sequence[Piece], sizes: dict[str, int]) -> int:
    """The formula for two pieces, target and source, whose sets are cut down."""
    written, read = (
        [leaf for one in decomposed((resized(piece, sizes),), reading=reading) for leaf in leaves(one.layout)]
        for piece, reading in zip(pair, (False, True), strict=True)
    )
    return sum(block_count(pair) * math.prod(piece.free_size for piece in pair) for pair in product(written, read))


def shrunk(pieces: Sequence[Piece], sizes: dict[str, int]) -> dict[str, int]:
    """The sets of some pieces that are cut down, with their new sizes."""
    indices = [position.index for piece in pieces for position in piece.positions if position.index.joined]
    return {index.name: sizes[index.name] for index in indices if sizes[index.name] < index.size}


def at_sizes(cut: dict[str, int]) -> str:
    """The sizes at which a proof ran, in words."""
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
"""The proofs that `verify` runs: character averages, null spaces, multiplicities of irreducible representations."""


def verify(maps: EquivariantMaps, *, proofs: Sequence[Proof] = PROOFS) -> Report:
    """Prove every block's dimension, and every bias's, by each proof that applies.

    Parameters
    ----------
    maps
        The maps to verify: the blocks that their option `terms` keeps.
    proofs
        The proofs to run, by default all three.

    Returns
    -------
    Report
        The findings, all in agreement with the formula.

    Raises
    ------
    VerificationError
        If a proof disagrees with the formula; the message names the block, the proof and both numbers.

    References
    ----------
    Serre, "Linear representations of finite groups", 1977, chapter 2 (characters and Schur's lemma); Finzi, Welling and
    Wilson, "A practical method for constructing equivariant multilayer perceptrons for arbitrary matrix groups", ICML
    2021 (null spaces).

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> report = verify(EquivariantMaps(WeightSpace({"w": "h h", "b": "h"}, sets={"h": 3})))
    >>> report.proofs, sum(finding.found for finding in report.findings if finding.proof == "characters")
    (('characters', 'null space', 'irreducibles'), 29)
    """
    blocks = [*maps.blocks, *maps.bias_blocks]
    findings = [finding for proof in proofs for finding in proof(maps, blocks)]
    return Report(maps, agreeing(findings))


def agreeing(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, all in agreement with the formula. Raises `VerificationError` for the first that is not."""
    for finding in findings:
        if not finding.agrees:
            note = f" ({finding.note})" if finding.note else ""
            raise VerificationError(
                f"the block {finding.block} has dimension {finding.found} by {finding.proof}{note}, "
                f"{finding.expected} by the formula"
            )
    return tuple(findings)
