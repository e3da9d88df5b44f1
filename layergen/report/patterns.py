"""Blocks that differ in the names of their tensors and indices alone: a page draws the diagrams of each pattern once.

A network of 148 tensors has 21,904 blocks and a few hundred patterns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from symmetry.maps.diagrams import Diagram, piece_name
from symmetry.maps.equivariant_maps import LIMIT, Block
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.strands import Strands, strands
from symmetry.space.layout import Piece
from symmetry.space.weight_space import Tensor

__all__ = ["SHOWN", "Pattern", "Word", "block_indices", "patterns", "tensor_indices"]

SHOWN = 40
"""The most diagrams of one pattern that a page draws."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of index notation: an index, with as many primes as tell it from others of its name."""

    name: str
    primes: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A diagram as a page shows it.

    Parameters
    ----------
    strands
        The picture.
    target, source
        The words of index notation, and before them the number of the piece where a tensor has several.
    core
        Names of the indices that survive.
    maps
        The number of maps: one for each combination of the values of free indices.
    """

    strands: Strands
    target: tuple[str, tuple[Word, ...]]
    source: tuple[str, tuple[Word, ...]]
    core: tuple[str, ...]
    maps: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """Blocks that differ in names alone.

    Parameters
    ----------
    block
        The first of them.
    slots
        The indices of that block, in the order of `block_indices`: another block has its own in their places.
    diagrams
        The first `SHOWN` diagrams; none where there are more than can be listed (100,000).
    count
        How many diagrams there are, values of free indices open.
    """

    block: Block
    slots: Mapping[str, int]
    diagrams: tuple[Drawn, ...]
    count: int


def patterns(blocks: Iterable[Block], declared: Iterable[str]) -> tuple[list[Pattern], list[int]]:
    """The patterns of some blocks, and for each block the number of its pattern.

    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> space = WeightSpace({"a": "h k", "b": "k", "c": "h"}, sets={"h": 3, "k": 3})
    >>> found, numbers = patterns(EquivariantMaps(space).blocks, ["h", "k"])
    >>> numbers                             # to b, from b or c: k, h <- h, k, and k, h <- k, h
    [0, 1, 2, 3, 4, 5, 6, 5, 4]
    """
    names = frozenset(declared)
    seen: dict[object, int] = {}
    found: list[Pattern] = []
    numbers = []
    for block in blocks:
        slots = {name: number for number, name in enumerate(block_indices(block, names))}
        key = tuple(signature(pieces, slots) for pieces in (targets(block.target), sources(block.source)))
        if key not in seen:
            seen[key] = len(found)
            count = block.diagram_count
            diagrams = islice(block.diagrams(opened=True), SHOWN) if count <= LIMIT else ()
            found.append(Pattern(block, slots, tuple(map(drawn, diagrams)), count))
        numbers.append(seen[key])
    return found, numbers


def block_indices(block: Block, declared: frozenset[str]) -> list[str]:
    """The declared indices of a block, each once, those of the target first."""
    every = (*tensor_indices(block.target, declared, reading=False), *tensor_indices(block.source, declared))
    return list(dict.fromkeys(every))


def tensor_indices(tensor: Tensor, declared: frozenset[str], *, reading: bool = True) -> list[str]:
    """The declared indices of a tensor that is read, or written, each once."""
    pieces = sources(tensor) if reading else targets(tensor)
    names = (position.index.name for piece in pieces for position in piece.positions)
    return list(dict.fromkeys(name for name in names if name in declared))


def signature(pieces: Sequence[Piece], slots: Mapping[str, int]) -> object:
    """What the diagrams of some pieces depend on, indices by their slots."""
    return tuple(
        tuple(
            (
                slots.get(position.index.name, position.index.name),
                position.index.noun,
                position.index.size,
                position.index.acted_on_by,
                position.charge,
            )
            for position in piece.positions
        )
        for piece in pieces
    )


def drawn(diagram: Diagram) -> Drawn:
    """A diagram as a page shows it."""
    above, below = diagram.words
    ends = (diagram.target, diagram.target_piece), (diagram.source, diagram.source_piece)
    numbers = [piece_name(tensor, piece).removeprefix(tensor.name) for tensor, piece in ends]
    kept = zip(diagram.blocks, diagram.survives, strict=True)
    core = tuple(diagram.positions[block[0]].index.name for block, survives in kept if survives)
    return Drawn(
        strands(diagram),
        (numbers[0], tuple(map(word, above))),
        (numbers[1], tuple(map(word, below))),
        core,
        diagram.target_piece.free_size * diagram.source_piece.free_size,
    )


def word(text: str) -> Word:
    """A word of index notation without its primes, and the primes."""
    name = text.rstrip("'")
    return Word(name, text[len(name) :])
