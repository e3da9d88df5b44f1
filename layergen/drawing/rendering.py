"""The bytes of a figure's file, and the room that its text takes.

The same figure gives the same bytes every time, whatever the user's settings of matplotlib are.
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
"""Pixels per inch of every figure."""
POINT = DPI / 72
"""Pixels per point."""
FONT = "DejaVu Sans"
"""The font of all texts, which comes with matplotlib and is the same everywhere."""


def page(width: float, height: float, origin: tuple[float, float] = (0, 0)) -> tuple[Figure, Axes]:
    """A white figure of a size in pixels, with axes that count pixels to the right and down from `origin`."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left, top = origin
    axes.set(xlim=(-left, width - left), ylim=(height - top, -top), autoscale_on=False)
    return figure, axes


def write(
    axes: Axes, place: tuple[float, float], text: str, points: float, colour: str, align: str, **style: Any
) -> None:
    """Write a text, without mathematics and with unknown letters escaped, `place` in the middle of its line."""
    options: dict[str, Any] = {"va": "center_baseline", "family": FONT, "parse_math": False, "usetex": False} | style
    axes.text(*place, legible(text), fontsize=points, color=colour, ha=align, **options)


def picture(figure: Figure, format: str) -> bytes:
    """The content of a file with a figure.

    Parameters
    ----------
    figure
        The figure.
    format
        The format of the file, "png" or "svg".

    Returns
    -------
    bytes
        The content, the same for the same figure every time.

    Raises
    ------
    KeyError
        If the format is another one.

    Examples
    --------
    >>> picture(page(100, 50)[0], "png")[1:4]
    b'PNG'
    """
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
    """A text in which escapes stand for the characters that the font lacks."""
    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(
        letter if font.get_char_index(ord(letter)) else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )
