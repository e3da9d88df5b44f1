"""The equivariant linear maps of a weight space, or between two that share sets: blocks and exact dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from symmetry.counting import block_count
from symmetry.diagrams import Diagram, block_diagrams
from symmetry.errors import SpecificationError
from symmetry.layout import Piece
from symmetry.weight_space import SCALAR, Tensor, WeightSpace

if TYPE_CHECKING:
    import sympy

__all__ = ["LIMIT", "Block", "EquivariantMaps", "check_limit", "readable"]

LIMIT = 100_000
"""How many diagrams are listed by default; more are refused before a start is made."""


def check_limit(count: int, limit: int, what: str) -> None:
    """Raise `SpecificationError` with the count if more than `limit` diagrams would be listed."""
    if count > limit:
        raise SpecificationError(
            f"{what} has {readable(count)} diagrams, more than the limit of {limit:,}",
            remedy="the dimension is exact without listing them; to list them all the same, raise the limit",
        )


def readable(count: int) -> str:
    """A count in full, or its magnitude where it has very many digits."""
    return f"{count:,}" if count < 10**30 else f"about 10^{int(math.log10(count))}"


@dataclass(frozen=True, slots=True)
class Block:
    """The equivariant maps from one tensor to one tensor. Iterating it gives its diagrams, a basis.

    >>> space = WeightSpace({"w": "h h"}, sets={"h": 3})
    >>> block = EquivariantMaps(space).block("w", "w")
    >>> block.dimension, len(list(block))
    (14, 14)
    """

    target: Tensor
    source: Tensor

    @property
    def dimension(self) -> int:
        """The exact dimension, for sets of every size."""
        return sum(piece_dimension((target, source)) for target, source in self.piece_pairs)

    @property
    def diagram_count(self) -> int:
        """The number of diagrams with free values left open."""
        return sum(block_count(pair) for pair in self.piece_pairs)

    @property
    def piece_pairs(self) -> list[tuple[Piece, Piece]]:
        """The pairs of pieces that the block is the direct sum of."""
        return [(target, source) for target in self.target.pieces for source in self.source.pieces]

    def diagrams(self, *, limit: int = LIMIT) -> Iterator[Diagram]:
        """The diagrams, one a dimension. Raises `SpecificationError` at once if there are more than `limit`."""
        check_limit(self.dimension, limit, f"the block {self}")
        return block_diagrams(self.target, self.source)

    def __iter__(self) -> Iterator[Diagram]:
        return self.diagrams()

    def __str__(self) -> str:
        return f"{self.target} <- {self.source}"


@cache
def piece_dimension(pieces: Sequence[Piece], *, bounded: bool = True) -> int:
    """Dimension of the invariants of a product of pieces: diagrams times free values."""
    return block_count(pieces, bounded=bounded) * math.prod(piece.free_size for piece in pieces)


@dataclass(frozen=True, slots=True, init=False)
class EquivariantMaps:
    """All linear maps from `source` to `target` (by default to itself) that commute with the permutations.

    Sets of the same name in both are the same set. Raises `SpecificationError` if such a name is declared
    differently in the two.

    >>> space = WeightSpace({"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"},
    ...                     sets={"h": 32}, free={"x": 2, "y": 1})
    >>> maps = EquivariantMaps(space)
    >>> maps.dimension, maps.bias_dimension
    (41, 5)
    >>> EquivariantMaps(space, SCALAR).dimension      # invariants
    5
    """

    source: WeightSpace
    target: WeightSpace

    def __init__(self, source: WeightSpace, target: WeightSpace | None = None) -> None:
        target = source if target is None else target
        check_shared(source, target)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "target", target)

    @property
    def dimension(self) -> int:
        """The exact dimension: parameters a channel pair."""
        return sum(block.dimension for block in self.blocks)

    @property
    def bias_dimension(self) -> int:
        """The exact dimension of the equivariant biases: parameters an output channel."""
        return sum(block.dimension for block in self.bias_blocks)

    @property
    def blocks(self) -> Iterator[Block]:
        """Every block, targets in order and sources in order within them."""
        return (Block(target, source) for target in self.target for source in self.source)

    @property
    def bias_blocks(self) -> Iterator[Block]:
        """For each target tensor the block from a scalar: its equivariant biases."""
        return (Block(target, SCALAR.tensors[0]) for target in self.target)

    @property
    def diagram_count(self) -> int:
        """The number of diagrams of all blocks and biases, free values left open."""
        return sum(block.diagram_count for block in (*self.blocks, *self.bias_blocks))

    def block(self, target: str, source: str) -> Block:
        """The block from tensor `source` to tensor `target`."""
        return Block(self.target[target], self.source[source])

    def symbolic_dimension(self) -> sympy.Expr:
        """The dimension in the free sizes, every set large enough; a `sympy` expression.

        >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 32}, free={"y": 10})
        >>> EquivariantMaps(space).symbolic_dimension()
        5*y**2
        """
        from symmetry.symbolic import symbolic_dimension

        return symbolic_dimension(pair for block in self.blocks for pair in block.piece_pairs)


def check_shared(source: WeightSpace, target: WeightSpace) -> None:
    """Raise `SpecificationError` if an index is declared in both spaces but not alike."""
    declared = {index.name: index for index in source.indices}
    for index in target.indices:
        other = declared.get(index.name, index)
        if other != index:
            raise SpecificationError(
                f"{index.name!r} is {index.declaration()} in [{index.section}] of the target, but "
                f"{other.declaration()} in [{other.section}] of the source",
                remedy="an index that two weight spaces share is declared alike in both",
            )
