"""Parameters shared by the like blocks of a network: the layers of a chain, at any depth and of any widths.

The hidden layers of a perceptron are no copies of one another that could be stacked, since each shares its neurons with
the next. Spelled out, with a set for each layer, its maps have a parameter for each pair of tensors. They are shared
between two pairs that are *alike*: the names of their tensors differ in numbers only, and the same axes of the two
tensors are over one set. From a weight matrix to itself both axes are; to that of the next layer its rows are the
other's columns; to any other no axis is. So a network of any depth has the same few kinds of pairs.

Sharing is a restriction and no symmetry: the maps that are left are sums of diagrams, one sum for each kind of diagram,
and not closed under composition. They are what remains, on the blocks that the network has, of the maps that do not
notice a permutation of whole layers in a network in which every layer has a weight matrix to every other: such a
permutation takes a pair of blocks to another exactly if the two are alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from symmetry.maps.diagrams import Diagram
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps, check_limit
from symmetry.space.layout import Piece, Position
from symmetry.space.weight_space import Tensor

__all__ = ["Likeness", "likeness", "shared_dimensions"]

NUMBER = re.compile(r"[0-9]+")
Likeness = tuple[Any, ...]
"""What diagrams have in common that share a parameter: plain values, which can be compared and sorted as text."""


def pattern(name: str) -> str:
    """The name of a tensor with its numbers left open.

    >>> pattern("layers.12.weight")
    'layers.#.weight'
    """
    return NUMBER.sub("#", name)


def likeness(diagram: Diagram) -> Likeness:
    """What a diagram has in common with those that it shares a parameter with.

    Parameters
    ----------
    diagram
        A diagram of a block, with values for its free positions.

    Returns
    -------
    Likeness
        The patterns of the two tensors' names; the axes of both, in which sets are numbered in the order in which they
        occur; the blocks, values and steps of the diagram.

    Examples
    --------
    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> chain = {f"{n}.weight": f"h{n + 1} h{n}" for n in range(4)}
    >>> maps = EquivariantMaps(WeightSpace(chain, sets={f"h{n}": 8 for n in range(5)}))
    >>> kinds = {likeness(diagram) for block in maps.blocks for diagram in block}
    >>> maps.dimension, len(kinds)                      # 4 to itself, 2 to the next, 2 to the last, 1 to any other
    (34, 9)
    """
    return (
        pattern(diagram.target.name),
        pattern(diagram.source.name),
        coincidences(diagram.positions),
        *places(diagram.target, diagram.target_piece),
        *places(diagram.source, diagram.source_piece),
        diagram.blocks,
        diagram.values,
        diagram.steps,
    )


def places(tensor: Tensor, piece: Piece) -> tuple[int, int]:
    """The number of a piece, and the number of positions of it: where target and source meet."""
    return piece.number, len(piece.positions)


def coincidences(positions: Sequence[Position]) -> tuple[tuple[Any, ...], ...]:
    """The indices of some positions, those that groups act on without names and sizes: equal numbers are one index."""
    numbers: dict[str, int] = {}
    found: list[tuple[Any, ...]] = []
    for position in positions:
        index = position.index
        if index.action is None or index.embedded:
            found.append((index.noun, index.name, index.size if index.free else 0))
        else:
            declared, number = index.named("", None).of_size(1), numbers.setdefault(index.name, len(numbers))
            above = -1 if position.parent is None else position.parent
            found.append((index.section, str(declared), number, position.charge, above))
    return tuple(found)


def shared_dimensions(maps: EquivariantMaps, *, limit: int = LIMIT) -> tuple[int, int]:
    """The dimensions of the maps and of the biases in which all diagrams that are alike have one coefficient.

    Parameters
    ----------
    maps
        Maps of a space that is spelled out: where tensors differ in a number, each has its own name.
    limit
        The most diagrams that are listed.

    Returns
    -------
    tuple[int, int]
        The number of likenesses of the diagrams, and of the biases'.

    Raises
    ------
    SpecificationError
        If there are more than `limit` diagrams.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> def perceptron(*widths):
    ...     last = len(widths) - 1
    ...     names = ["x", *(f"h{n}" for n in range(1, last)), "y"]
    ...     axes = {f"{n}.weight": f"{names[n + 1]} {names[n]}" for n in range(last)}
    ...     axes |= {f"{n}.bias": names[n + 1] for n in range(last)}
    ...     sizes = dict(zip(names, widths))
    ...     return WeightSpace(axes, sets={h: n for h, n in sizes.items() if h[0] == "h"}, free={"x": 2, "y": 1})
    >>> for widths in [(2, 8, 8, 8, 8, 1), (2, 32, 16, 16, 16, 8, 8, 1)]:
    ...     maps = EquivariantMaps(perceptron(*widths))
    ...     print(maps.dimension, *shared_dimensions(maps))
    167 83 6
    291 83 6
    """
    check_limit(maps.dimension + maps.bias_dimension, limit, "the maps to share parameters between")
    linear = {likeness(diagram) for block in maps.blocks for diagram in block.diagrams(limit=limit)}
    biases = {likeness(diagram) for block in maps.bias_blocks for diagram in block.diagrams(limit=limit)}
    return len(linear), len(biases)
