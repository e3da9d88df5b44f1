"""The names of tensors along a side of the matrix, each beside its block, moved apart where they would touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from layergen.drawing.colours import INK, PALE
from layergen.drawing.raster import Side
from layergen.drawing.rendering import POINT, text_width, write
from symmetry.space.weight_space import Tensor, WeightSpace

__all__ = ["LABEL_ROOM", "Labels", "draw_columns", "draw_rows", "make_labels"]

LARGEST, SMALLEST = 8.0, 5.0
"""Points of the labels."""
LONGEST_NAME, LONGEST_AXES = 34, 20
"""The most characters of a name and of axes in a label; longer names lose their middle, longer axes their end."""
LINE = 1.25
"""The distance of two labels in heights of a letter."""
LABEL_ROOM = SMALLEST * POINT * LINE
"""Pixels that the smallest label takes along a side."""
TICK, AWAY = 22, 30
"""Pixels from the matrix to the end of the line that leads to a label, and to the label itself."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts with their places along a side, and the room that they take beside the matrix, in pixels."""

    texts: tuple[str, ...]
    places: tuple[float, ...]
    points: float
    depth: float
    upright: bool
    """Whether the texts run along the side, and not away from it."""


def make_labels(space: WeightSpace, side: Side, *, top: bool) -> Labels:
    """The labels of a weight space; along the top they stand on end unless all of them fit above their blocks."""
    texts = [shortened(tensor) for tensor in space]
    widths = [text_width(text, LARGEST) for text in texts]
    if top and all(width <= length * side.cell for width, length in zip(widths, side.lengths, strict=True)):
        centres = tuple(side.centre(number) for number in range(len(texts)))
        return Labels(tuple(texts), centres, LARGEST, AWAY + LARGEST * POINT, True)
    points = min(LARGEST, max(SMALLEST, side.total / len(texts) / POINT / LINE))
    places = spread([side.centre(number) for number in range(len(texts))], points * POINT * LINE, side.total)
    return Labels(tuple(texts), tuple(places), points, AWAY + max(widths) * points / LARGEST, False)


def shortened(tensor: Tensor) -> str:
    """A tensor's name and axes, with an ellipsis where one of them is very long."""
    name, axes = tensor.name, str(tensor)[len(tensor.name) + 1 : -1]
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME // 3]}…{name[-2 * LONGEST_NAME // 3 :]}"
    if len(axes) > LONGEST_AXES:
        axes = f"{axes[:LONGEST_AXES]}…"
    return f"{name}[{axes}]"


def draw_rows(axes: Axes, labels: Labels, side: Side) -> None:
    """Draw the labels to the left of the matrix, whose upper left corner is the origin."""
    for number, (text, place) in enumerate(zip(labels.texts, labels.places, strict=True)):
        axes.plot([-TICK, -6], [place, side.centre(number)], color=PALE, linewidth=0.4, solid_capstyle="round")
        write(axes, (-AWAY, place), text, labels.points, INK, "right")


def draw_columns(axes: Axes, labels: Labels, side: Side) -> None:
    """Draw the labels above the matrix."""
    for number, (text, place) in enumerate(zip(labels.texts, labels.places, strict=True)):
        if labels.upright:
            write(axes, (place, -TICK / 2), text, labels.points, INK, "center", va="baseline")
        else:
            axes.plot([place, side.centre(number)], [-TICK, -6], color=PALE, linewidth=0.4, solid_capstyle="round")
            write(axes, (place, -AWAY), text, labels.points, INK, "center", va="bottom", rotation=90)


def spread(centres: Sequence[float], apart: float, end: float) -> list[float]:
    """The places between 0 and `end` nearest to `centres`, in order, at least `apart` from each other.

    The least sum of squared moves is an isotonic regression of `centre - number · apart`, found by pooling neighbours
    that are out of order; its values are then clipped.

    >>> spread([0, 1, 10], 2, 12)
    [0.0, 2.0, 10.0]
    """
    pools: list[tuple[float, int]] = []
    for number, centre in enumerate(centres):
        total, size = centre - number * apart, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            other = pools.pop()
            total, size = total + other[0], size + other[1]
        pools.append((total, size))
    last = max(0.0, end - (len(centres) - 1) * apart)
    level = [min(max(0.0, total / size), last) for total, size in pools for _ in range(size)]
    return [value + number * apart for number, value in enumerate(level)]
