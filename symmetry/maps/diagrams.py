"""Diagrams: the basis maps of a block.

A diagram is a set partition of the joined positions of target and source, with one value for each free position. Its
matrix is 1 where the indices of every block are equal and the free indices have these values, else 0. The kind of an
index decides which blocks are allowed (`symmetry.kinds`).

References
----------
Maron, Ben-Hamu, Shamir and Lipman, "Invariant and equivariant graph networks", ICLR 2019, theorem 1 (the maps of one
set are counted by partitions of the positions); Godfrey, Rawson, Brown and Kvinge, "Fast computation of permutation
equivariant layers with the partition algebra", arXiv:2303.06208, 2023, and Pearce-Crump, "Connecting permutation
equivariant neural networks and partition diagrams", arXiv:2212.08648, 2022 (the diagram basis); Banica and Speicher,
"Liberation of orthogonal Lie groups", 2009 (other groups allow fewer blocks).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from symmetry.maps.figures import diagram_figure
from symmetry.maps.isotypic import decomposed, irreducible_columns, sources, targets
from symmetry.maps.partitions import Partition, forest_partitions, joint_rule
from symmetry.maps.relations import Steps, diagram_steps, ends
from symmetry.maps.sides import primed
from symmetry.space.layout import Piece, Position, leaves, piece_values
from symmetry.space.weight_space import Tensor

__all__ = ["Diagram", "arrangements", "block_diagrams", "joint_positions"]


@dataclass(frozen=True, slots=True)
class Diagram:
    """A basis map of a block: a sum of source entries with equal indices, written to target entries with equal indices.

    `EquivariantMaps.block` makes diagrams; `str` prints one in index notation.

    Parameters
    ----------
    target, source
        The tensors that the map writes and reads.
    target_piece, source_piece
        The pieces of the two tensors that it writes and reads; the map is 0 on all others.
    blocks
        A partition of the joined positions, numbered in `positions`.
    values
        The value of each free position, in order; None for a diagram that stands for all that differ in values only.
    steps
        Ordered indices whose value at the target is that many places after the value at the source.

    References
    ----------
    Godfrey, Rawson, Brown and Kvinge, "Fast computation of permutation equivariant layers with the partition algebra",
    arXiv:2303.06208, 2023.

    Examples
    --------
    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h", "b": "h"}, sets={"h": 2}))
    >>> for diagram in maps.block(target="b", source="w"):
    ...     print(diagram, diagram.matrix().tolist())
    b[h] <- w[h] [[1.0, 0.0], [0.0, 1.0]]
    b[h] <- w[h'] [[1.0, 1.0], [1.0, 1.0]]
    """

    target: Tensor
    source: Tensor
    target_piece: Piece
    source_piece: Piece
    blocks: Partition
    values: tuple[int, ...] | None
    steps: Steps = ()

    @property
    def positions(self) -> tuple[Position, ...]:
        """The positions of the target piece, followed by the positions of the source piece."""
        return joint_positions(self.target_piece, self.source_piece)

    @property
    def split(self) -> int:
        """The number of positions of the target piece."""
        return len(self.target_piece.positions)

    @property
    def survives(self) -> tuple[bool, ...]:
        """For each block, whether it belongs to the core: it has positions on both sides, or is an end of a step."""
        stepped = {place for name, _ in self.steps for place in ends(self.positions, self.split, name)}
        return tuple(block[0] < self.split <= block[-1] or block[0] in stepped for block in self.blocks)

    @property
    def words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Index notation: a word for each position of the target, and of the source; equal words are equal indices.

        The word of a free position is its value; where values are open, the name of its index or its size. The source
        of a step has the target's word with the place that it is read from, as in `layer-1`.
        """
        positions = self.positions
        words = dict(zip(self.loose, map(str, self.values), strict=True)) if self.values is not None else {}
        if self.values is None:
            named = [place for place in self.loose if positions[place].index.name]
            words = {place: str(positions[place].index.size) for place in self.loose}
            words |= zip(named, primed(positions[place].index.name for place in named), strict=True)
        names = primed(positions[block[0]].index.name for block in self.blocks)
        words |= {place: name for block, name in zip(self.blocks, names, strict=True) for place in block}
        for name, step in self.steps:
            written, read = ends(positions, self.split, name)
            words[read] = f"{words[written]}{-step:+d}"
        every = tuple(words[place] for place in range(len(positions)))
        return every[: self.split], every[self.split :]

    @property
    def loose(self) -> tuple[int, ...]:
        """The numbers of the positions that no block joins: those of free indices."""
        return tuple(place for place, position in enumerate(self.positions) if not position.index.joined)

    def __str__(self) -> str:
        """Index notation: an index on the right side only is summed, one on the left side only is repeated."""
        names = piece_name(self.target, self.target_piece), piece_name(self.source, self.source_piece)
        left, right = (f"{name}[{' '.join(words)}]" for name, words in zip(names, self.words, strict=True))
        return f"{left} <- {right}"

    def _repr_html_(self) -> str:
        """The diagram drawn, for notebooks: target above, source below, with its index notation."""
        return diagram_figure(self)

    def matrix(self) -> NDArray[np.float64]:
        """The map as a dense matrix.

        Returns
        -------
        NDArray[np.float64]
            Axes `(target entry, source entry)`, tensors flattened row-major. Entries are 0 and 1, except for tensors
            over representation indices.

        Raises
        ------
        ValueError
            If the values of free positions are open.
        """
        if self.values is None:
            raise ValueError(f"{self} leaves the values of free indices open: it has no one matrix")
        positions = self.positions
        grid = np.indices([position.index.size for position in positions])
        hit = np.ones(grid.shape[1:], dtype=bool)
        for block in self.blocks:
            for place in block[1:]:
                hit &= grid[block[0]] == grid[place]
        for name, step in self.steps:
            after, before = ends(positions, self.split, name)
            hit &= grid[after] == grid[before] + step
        for place, value in zip(self.loose, self.values, strict=True):
            hit &= grid[place] == value
        target, source = self.target, self.source
        written, read = decomposed(target.pieces, reading=False), decomposed(source.pieces, reading=True)
        above = next(one for one in written if self.target_piece in leaves(one.layout))
        below = next(one for one in read if self.source_piece in leaves(one.layout))
        rows = piece_values(target.layout, target.shape, above.piece)
        columns = piece_values(source.layout, source.shape, below.piece)
        inner = hit.reshape(math.prod(self.target_piece.shape), -1)
        if above.changes:
            inner = irreducible_columns(above, self.target_piece, reading=False) @ inner
        if below.changes:
            inner = inner @ irreducible_columns(below, self.source_piece, reading=True).T
        whole = np.zeros((math.prod(target.shape), math.prod(source.shape)))
        whole[np.ix_(rows, columns)] = inner
        return whole


def joint_positions(target: Piece, source: Piece) -> tuple[Position, ...]:
    """The positions of a target piece and of a source piece in one tuple, in which parents are renumbered."""
    shift = len(target.positions)
    moved = tuple(
        replace(position, parent=None if position.parent is None else position.parent + shift)
        for position in source.positions
    )
    return target.positions + moved


def block_diagrams(target: Tensor, source: Tensor, *, opened: bool = False) -> Iterator[Diagram]:
    """Every diagram of a block: piece by piece, then by partition, steps and free values (or with values open)."""
    for target_piece, source_piece in product(targets(target), sources(source)):
        positions = joint_positions(target_piece, source_piece)
        free = [range(position.index.size) for position in positions if not position.index.joined]
        for blocks, steps in arrangements(positions, len(target_piece.positions)):
            for values in [None] if opened else product(*free):
                yield Diagram(target, source, target_piece, source_piece, blocks, values, steps)


def arrangements(positions: Sequence[Position], split: int) -> Iterator[tuple[Partition, Steps]]:
    """The blocks and steps of every diagram on some positions, of which the first `split` are the target's."""
    for blocks in forest_partitions(positions, joint_rule(positions, split)):
        yield from ((blocks, steps) for steps in diagram_steps(positions, split, blocks))


def piece_name(tensor: Tensor, piece: Piece) -> str:
    """The name of the tensor, with the number of the piece where maps read or write several."""
    several = len(targets(tensor)) > 1 or len(sources(tensor)) > 1
    return f"{tensor.name}#{piece.number}" if several else tensor.name
