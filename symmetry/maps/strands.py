"""The drawing of one partition diagram as SVG: dots of the target above, of the source below, joined where equal.

The same picture as `layergen.drawing.partition_diagrams`, without names and without matplotlib: notebooks show it, and
pages draw it once for all blocks that differ in names alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symmetry.maps.diagrams import Diagram

__all__ = ["Dot", "Strand", "Strands", "strands"]

STEP, HEIGHT, EDGE = 34, 56, 12
"""Pixels from dot to dot, from row to row, and from the border to the first dot."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Dot:
    """An index position: full where the index survives, a square where it is free."""

    name: str
    x: float
    y: float
    shape: str


@dataclass(frozen=True, slots=True)
class Strand:
    """A curve between two dots of one block."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Strands:
    """A diagram's dots and curves, and the size of the picture."""

    width: float
    height: float
    dots: tuple[Dot, ...]
    curves: tuple[Strand, ...]


def strands(diagram: Diagram) -> Strands:
    """The dots and curves of a diagram.

    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> block = EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 2})).block(target="b", source="b")
    >>> [(len(one.dots), len(one.curves), one.dots[0].shape) for one in map(strands, block)]
    [(2, 1, 'full'), (2, 0, 'open')]
    """
    positions, split = diagram.positions, diagram.split
    widest = max(split, len(positions) - split, 1)
    width = 2 * EDGE + STEP * (widest - 1)
    places = row(split, width, EDGE) + row(len(positions) - split, width, EDGE + HEIGHT)
    shapes = ["square"] * len(positions)
    curves = []
    for block, kept in zip(diagram.blocks, diagram.survives, strict=True):
        name = positions[block[0]].index.name
        above, below = ([places[at] for at in block if (at < split) is upper] for upper in (True, False))
        ends = [arc(a, b, +1) for a, b in pairwise(above)] + [arc(a, b, -1) for a, b in pairwise(below)]
        if above and below:
            nearest = min(((a, b) for a in above for b in below), key=lambda pair: abs(pair[0][0] - pair[1][0]))
            ends.append(crossing(*nearest))
        curves += [Strand(name, path) for path in ends]
        for at in block:
            shapes[at] = "full" if kept else "open"
    dots = (Dot(p.index.name, *place, shape) for p, place, shape in zip(positions, places, shapes, strict=True))
    return Strands(width, HEIGHT + 2 * EDGE, tuple(dots), tuple(curves))


def row(count: int, width: float, y: float) -> list[Point]:
    """The places of some dots, in the middle of a row."""
    return [(width / 2 + (number - (count - 1) / 2) * STEP, y) for number in range(count)]


def arc(one: Point, other: Point, inward: int) -> str:
    """A curve between two dots of a row, bent towards the other row."""
    depth = inward * min(26.0, 10 + 0.26 * abs(other[0] - one[0])) * 4 / 3
    return curve(one, (one[0], one[1] + depth), (other[0], other[1] + depth), other)


def crossing(above: Point, below: Point) -> str:
    """A curve from one row to the other that meets both at a right angle."""
    bend = 0.4 * (below[1] - above[1])
    return curve(above, (above[0], above[1] + bend), (below[0], below[1] - bend), below)


def curve(start: Point, *others: Point) -> str:
    """A cubic curve in the language of SVG paths."""
    return f"M{point(start)}C{' '.join(map(point, others))}"


def point(place: Point) -> str:
    """A point, to a tenth of a pixel."""
    return f"{place[0]:.4g} {place[1]:.4g}"
