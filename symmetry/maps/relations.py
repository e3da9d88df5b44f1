"""Diagrams over ordered indices: the values of two blocks may be neighbours.

A diagram over a set says of two blocks nothing but that they are two. Over an ordered index, where one block is of the
target and one of the source, it may demand that the target's value comes right after the source's, or right before it:
a *step*. There is a diagram for each step and one without, but none without where two values always are neighbours.
What is nested in the two blocks belongs to different values, and is joined by no diagram.

The maps are defined by two conditions. They commute with the groups of all other indices, of which what is nested in
the ordered index has one for each of its values; and their entries from value m to value l are the same for all pairs
(l, m) of a class: l = m, l = m + 1, l = m - 1, or none of these. At the ends a step is exact: nothing comes before the
first value. No group has exactly these maps, as they are not closed under composition: a step after a step back is the
identity at all values but one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from symmetry.language.errors import SpecificationError
from symmetry.maps.partitions import Partition
from symmetry.space.layout import Piece, Position
from symmetry.space.weight_space import Tensor

__all__ = ["Steps", "carried", "check_single", "diagram_steps", "ends", "steps_of"]

Steps = tuple[tuple[str, int], ...]
"""Indices by name, each with the number, not 0, by which the target's value is after the source's."""


def diagram_steps(positions: Sequence[Position], split: int, blocks: Partition) -> Iterator[Steps]:
    """The steps that the diagrams with some blocks may have: for most blocks only (), no step.

    Parameters
    ----------
    positions
        The positions of a target piece, then those of a source piece.
    split
        The number of positions of the target piece.
    blocks
        A partition of the joined positions.

    Yields
    ------
    Steps
        Steps of the ordered indices that have a block on either side; nothing where a step is demanded and cannot be.
    """
    indices = {positions[block[0]].index.name: positions[block[0]].index for block in blocks}
    apart = [
        index
        for name, index in indices.items()
        if index.relations != (0,) and sum(positions[block[0]].index.name == name for block in blocks) == 2
    ]
    for chosen in product(*(index.relations for index in apart)):
        yield steps_of((index.name, step) for index, step in zip(apart, chosen, strict=True))


def carried(positions: Sequence[Position], split: int, blocks: Partition, steps: Steps) -> list[int]:
    """The first target position of each index that a diagram carries from source to target, in a step or in place."""
    in_place = [block[0] for block in blocks if block[0] < split <= block[-1]]
    return sorted([*in_place, *(ends(positions, split, name)[0] for name, _ in steps)])


def steps_of(demanded: Iterable[tuple[str, int]]) -> Steps:
    """Steps by index as a canonical value.

    >>> steps_of([("time", 0), ("layer", -1)])
    (('layer', -1),)
    """
    return tuple(sorted((name, step) for name, step in demanded if step))


def ends(positions: Sequence[Position], split: int, name: str) -> tuple[int, int]:
    """The numbers of the target's position and of the source's over an ordered index that both have."""
    written, read = (place for place, position in enumerate(positions) if position.index.name == name)
    assert written < split <= read
    return written, read


def check_single(tensors: Iterable[Tensor]) -> None:
    """Raise `SpecificationError` for a tensor with two positions of an index that may have one only."""
    for tensor in tensors:
        for piece in tensor.pieces:
            for name in repeated(piece):
                raise SpecificationError(
                    f"the ordered index {name!r} is there twice",
                    part=f'tensor "{tensor.name}"',
                    remedy="give one of the axes another index of the same size, or declare it without ordered = true",
                )


def repeated(piece: Piece) -> Iterator[str]:
    """The names of the indices of which a piece may have one position only, and has more."""
    names = [position.index.name for position in piece.positions if position.index.single]
    yield from (name for place, name in enumerate(names) if name in names[:place])
