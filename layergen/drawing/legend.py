"""The legend below the matrix: the cores with their colours, and the caption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from layergen.drawing.colours import GREY, INK, Core, hexadecimal, shades
from layergen.drawing.rendering import POINT, text_width, write

__all__ = ["Legend", "draw_legend", "make_legend", "wrapped"]

POINTS = 7.0
"""The size of the text in points."""
LINE = POINTS * POINT * 1.65
SWATCH = 22
"""The side of a swatch in pixels; a core has three swatches."""
MOST = 16
"""The most cores that are named."""
TITLE = "indices that survive:"


@dataclass(frozen=True, slots=True)
class Entry:
    """The swatches and the name of a core, with their place within the legend; without colours, a plain text."""

    text: str
    colours: tuple[str, ...]
    x: float
    line: int


@dataclass(frozen=True, slots=True)
class Legend:
    """The entries of the legend and the lines of the caption below it."""

    entries: tuple[Entry, ...]
    caption: tuple[str, ...]

    @property
    def height(self) -> float:
        """The height of legend and caption in pixels."""
        return (max((entry.line for entry in self.entries), default=-1) + 1.4 + len(self.caption)) * LINE


def make_legend(hues: Mapping[Core, float | None], caption: str, width: float) -> Legend:
    """The legend of the cores, wrapped to `width` pixels, and the caption."""
    deepest = max((len(core) for core in hues), default=1)
    entries, x, line = [Entry(TITLE, (), 0, 0)], text_width(TITLE, POINTS) + 2 * SWATCH, 0
    for text, colours in named_cores(hues, deepest):
        size = len(colours) * SWATCH + 12 + text_width(text, POINTS)
        if x + size > width:
            x, line = 0, line + 1
        entries.append(Entry(text, colours, x, line))
        x += size + 1.6 * SWATCH
    return Legend(tuple(entries), tuple(wrapped(caption, width)))


def named_cores(hues: Mapping[Core, float | None], deepest: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name and three colours of each core; beyond `MOST` cores, the number of the others without colours."""
    for core in list(hues)[:MOST]:
        colours = shades(hues[core], 3, len(core) / max(1, deepest))
        yield " ".join(core) or "none", tuple(map(hexadecimal, colours))
    if len(hues) > MOST:
        yield f"and {len(hues) - MOST} more", ()


def wrapped(text: str, width: float) -> Iterator[str]:
    """The lines of a text that is wrapped to `width` pixels."""
    line = ""
    for word in text.split(" "):
        if line and text_width(f"{line} {word}", POINTS) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def draw_legend(axes: Axes, legend: Legend, x: float, y: float) -> None:
    """Draw the legend and the caption, their upper left corner at `(x, y)`."""
    for entry in legend.entries:
        middle = y + (entry.line + 0.5) * LINE
        for number, colour in enumerate(entry.colours):
            corner = (x + entry.x + number * SWATCH, middle - SWATCH / 2)
            axes.add_patch(Rectangle(corner, SWATCH - 1, SWATCH, facecolor=colour, linewidth=0))
        after = len(entry.colours) * SWATCH + (12 if entry.colours else 0)
        write(axes, (x + entry.x + after, middle), entry.text, POINTS, INK, "left")
    first = y + (legend.entries[-1].line + 1.9) * LINE
    for number, text in enumerate(legend.caption):
        write(axes, (x, first + number * LINE), text, POINTS, GREY, "left")
