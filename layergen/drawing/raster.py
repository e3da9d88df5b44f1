"""The pixels of the block matrix: every entry is a square in the colour of its parameter, with gaps between tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layergen.drawing.colours import Colour, Core, distinct, shades
from layergen.drawing.sharing import Sharing
from symmetry.space.weight_space import WeightSpace

__all__ = ["Side", "block_colours", "make_side", "paint"]

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the matrix in pixels: for each tensor its start and its number of entries."""

    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    cell: int
    total: int

    def span(self, number: int) -> slice:
        """The pixels of a tensor."""
        return slice(self.starts[number], self.starts[number] + self.lengths[number] * self.cell)

    def centre(self, number: int) -> float:
        """The middle of a tensor."""
        return self.starts[number] + self.lengths[number] * self.cell / 2


def make_side(space: WeightSpace, cell: int) -> Side:
    """The side of a weight space, `cell` pixels an entry."""
    gap, starts, place = max(8, round(cell * 0.5)), [], 0
    lengths = tuple(math.prod(tensor.shape) for tensor in space)
    for length in lengths:
        starts.append(place)
        place += length * cell + gap
    return Side(tuple(starts), lengths, cell, place - gap)


def block_colours(sharing: Sharing, hues: Mapping[Core, float | None], deepest: int) -> NDArray[np.uint8]:
    """A colour for each class of a block's entries, all different; classes of fewer entries are darker within a core.

    `deepest` is the number of indices of the matrix's largest core: larger cores have darker colours.
    """
    order = sorted(range(len(sharing.cores)), key=lambda number: (sharing.counts[number], number))
    ramps = {
        core: iter(shades(hue, sharing.cores.count(core), len(core) / max(1, deepest))) for core, hue in hues.items()
    }
    ordered: Sequence[Colour] = distinct(next(ramps[sharing.cores[number]]) for number in order)
    colours = np.zeros((len(order), 3), dtype=np.uint8)
    colours[order] = ordered
    return colours


def paint(image: Pixels, rows: slice, columns: slice, colours: NDArray[np.uint8], cell: int) -> None:
    """Paint a block from `colours`, `(rows, columns, 3)`, with thin lines between cells that are large."""
    pixels = colours.repeat(cell, axis=0).repeat(cell, axis=1)
    if cell >= 8:
        line = max(1, cell // 18)
        for offset in range(line):
            pixels[offset::cell] = 255
            pixels[:, offset::cell] = 255
    image[rows, columns] = pixels
