"""From a figure to the bytes of a file, and how much room its text takes.

The same figure gives the same bytes every time, whatever the user's settings.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

__all__ = ["POINT", "page", "picture", "text_width", "write"]

DPI = 200
"""Pixels an inch of every figure."""
POINT = DPI / 72
"""Pixels a point."""
FONT = "DejaVu Sans"
"""The font that comes with matplotlib, and so is everywhere the same."""


def page(width: float, height: float, origin: tuple[float, float] = (0, 0)) -> tuple[Figure, Axes]:
    """A white figure of so many pixels, and axes that cover it: pixels to the right of `origin` and below it."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left, top = origin
    axes.set(xlim=(-left, width - left), ylim=(height - top, -top), autoscale_on=False)
    return figure, axes


def write(
    axes: Axes, place: tuple[float, float], text: str, points: float, colour: str, align: str, **style: Any
) -> None:
    """Write a text with no mathematics read into it and unknown letters escaped; by default `place` is mid-line."""
    options: dict[str, Any] = {"va": "center_baseline", "family": FONT, "parse_math": False, "usetex": False} | style
    axes.text(*place, legible(text), fontsize=points, color=colour, ha=align, **options)


def picture(figure: Figure, format: str) -> bytes:
    """A figure as `png` or `svg`."""
    file = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[format]
    with matplotlib.rc_context(
        {"svg.hashsalt": "layergen", "svg.fonttype": "path", "savefig.bbox": None, "savefig.transparent": False}
    ):
        figure.savefig(file, format=format, dpi=figure.dpi, facecolor="white", metadata=metadata)
    return file.getvalue()


def text_width(text: str, points: float) -> float:
    """The width of a text in pixels."""
    font = get_font(findfont(FontProperties(family=FONT)))
    font.set_size(points, DPI)
    font.set_text(legible(text))
    return font.get_width_height()[0] / 64


def legible(text: str) -> str:
    """A text with every character that the font lacks written as its escape."""
    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(
        letter if font.get_char_index(ord(letter)) else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )
