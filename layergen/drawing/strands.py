"""The marks of a partition diagram: dots, squares, and the strands that join dots of one block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path

__all__ = ["dot", "square", "strands"]

RADIUS = 9.5
"""Pixels of a dot."""
Point = tuple[float, float]


def dot(axes: Axes, place: Point, colour: str, *, full: bool) -> None:
    """Draw the dot of a set index."""
    face = colour if full else "white"
    axes.add_patch(Circle(place, RADIUS, facecolor=face, edgecolor=colour, linewidth=1.1, zorder=3))


def square(axes: Axes, place: Point, colour: str) -> None:
    """Draw the square of a free index."""
    size = 1.6 * RADIUS
    corner = (place[0] - size / 2, place[1] - size / 2)
    axes.add_patch(Rectangle(corner, size, size, facecolor="white", edgecolor=colour, linewidth=0.8, zorder=3))


def strands(axes: Axes, above: Sequence[Point], below: Sequence[Point], colour: str, *, dashed: bool = False) -> None:
    """Join the dots of a block: neighbours in a row by arcs, and the two rows by a curve where they are nearest."""
    paths = [arc(one, other, +1) for one, other in pairwise(above)]
    paths += [arc(one, other, -1) for one, other in pairwise(below)]
    if above and below:
        paths.append(
            crossing(*min(((a, b) for a in above for b in below), key=lambda pair: abs(pair[0][0] - pair[1][0])))
        )
    for path in paths:
        style = {"linestyle": (0, (2.5, 2))} if dashed else {"capstyle": "round"}
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=1.6, zorder=2, **style))


def arc(one: Point, other: Point, inward: int) -> Path:
    """A curve between two dots of a row, bent towards the other row."""
    depth = inward * min(46.0, 16 + 0.26 * abs(other[0] - one[0])) * 4 / 3
    return Path(
        [one, (one[0], one[1] + depth), (other[0], other[1] + depth), other],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )


def crossing(above: Point, below: Point) -> Path:
    """A curve from one row to the other that meets both at a right angle."""
    bend = 0.4 * (below[1] - above[1])
    return Path(
        [above, (above[0], above[1] + bend), (below[0], below[1] - bend), below],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
