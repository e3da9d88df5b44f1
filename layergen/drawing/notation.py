"""Diagrams with their free values left open: one stands for all that differ in those alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symmetry.maps.counting import irreps_match
from symmetry.maps.diagrams import Diagram, block_names, joint_positions
from symmetry.maps.equivariant_maps import LIMIT, Block, check_limit
from symmetry.maps.partitions import Partition, forest_partitions
from symmetry.space.layout import Piece, Position

__all__ = ["OpenDiagram", "open_diagrams", "opened_diagram"]


@dataclass(frozen=True, slots=True)
class OpenDiagram:
    """A partition of the permuted places of a target and a source piece of a block."""

    block: Block
    target: Piece
    source: Piece
    blocks: Partition

    @property
    def positions(self) -> tuple[Position, ...]:
        """Positions of the target piece followed by those of the source piece."""
        return joint_positions(self.target, self.source)

    @property
    def split(self) -> int:
        """The number of positions of the target."""
        return len(self.target.positions)

    @property
    def kept(self) -> tuple[bool, ...]:
        """For each block whether it has places on both sides."""
        return tuple(block[0] < self.split <= block[-1] for block in self.blocks)

    def words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The name of every place of the target and of the source; equal names are equal indices."""
        positions = self.positions
        words = [position.index.name or str(position.index.size) for position in positions]
        for place, position in enumerate(positions):
            if not position.index.permuted and position.index.name:
                earlier = sum(other.index.name == position.index.name for other in positions[:place])
                words[place] += "'" * earlier
        for block, name in zip(self.blocks, block_names(positions, self.blocks), strict=True):
            for place in block:
                words[place] = name
        return tuple(words[: self.split]), tuple(words[self.split :])

    def __str__(self) -> str:
        """In index notation, without the tensors' names; a piece is numbered where its tensor has several."""
        sides = zip((self.block.target, self.block.source), (self.target, self.source), self.words(), strict=True)
        parts = [
            (f"#{piece.number}" if len(tensor.pieces) > 1 else "") + f"[{' '.join(words)}]"
            for tensor, piece, words in sides
        ]
        return " ← ".join(parts)


def open_diagrams(block: Block) -> Iterator[OpenDiagram]:
    """The diagrams of a block, in its order. Raises `SpecificationError` if there are very many.

    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> space = WeightSpace({"w": "h x"}, sets={"h": 8}, free={"x": 2})
    >>> [str(diagram) for diagram in open_diagrams(EquivariantMaps(space).block(target="w", source="w"))]
    ["[h x] ← [h x']", "[h x] ← [h' x']"]
    """
    check_limit(block.diagram_count, LIMIT, f"the block {block}")
    for target, source in (pair for pair in block.piece_pairs if irreps_match(pair)):
        for blocks in forest_partitions(joint_positions(target, source)):
            yield OpenDiagram(block, target, source, blocks)


def opened_diagram(diagram: Diagram) -> OpenDiagram:
    """A diagram without its free values."""
    block = Block(diagram.target, diagram.source)
    return OpenDiagram(block, diagram.target_piece, diagram.source_piece, diagram.blocks)
