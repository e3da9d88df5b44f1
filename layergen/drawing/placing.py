"""Texts that are written where no other text is, as far as there is such a place."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

from layergen.drawing.rendering import POINT, text_width, write

__all__ = ["Texts"]

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


class Texts:
    """The texts of a picture so far.

    Parameters
    ----------
    axes
        Axes that count pixels to the right and down.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.taken: list[Box] = []

    def write(self, places: Iterable[tuple[float, float]], text: str, points: float, colour: str) -> None:
        """Write a text in the middle of the first place where it covers no other, or else the least of others."""
        width, height = text_width(text, points), 1.2 * points * POINT
        boxes = {place: box_around(place, width, height) for place in places}
        place = min(boxes, key=lambda place: sum(overlap(boxes[place], other) for other in self.taken))
        self.taken.append(boxes[place])
        write(self.axes, place, text, points, colour, "center")


def box_around(place: tuple[float, float], width: float, height: float) -> Box:
    """The box of a size around a place."""
    x, y = place
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def overlap(first: Box, second: Box) -> float:
    """The area that two boxes share.

    >>> overlap((0, 0, 2, 2), (1, 1, 5, 5)), overlap((0, 0, 2, 2), (2, 0, 3, 3))
    (1, 0)
    """
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
