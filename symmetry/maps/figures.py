"""Diagrams in HTML, as which notebooks show them and blocks of them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from symmetry.maps.strands import Dot, strands
from symmetry.space.markup import colours

if TYPE_CHECKING:
    from symmetry.maps.diagrams import Diagram

__all__ = ["block_figures", "diagram_figure"]

SHOWN = 12
"""The most diagrams of a block that are shown."""
GREY = "hsl(215deg 8% 50%)"


def diagram_figure(diagram: Diagram) -> str:
    """A diagram as a figure: dots of the target above, of the source below, its index notation as the caption."""
    drawn, positions = strands(diagram), diagram.positions
    hues = colours(position.index.name for position in positions if position.index.joined)
    paths = "".join(
        f'<path d="{one.path}" fill="none" stroke="{hues[one.name]}" stroke-width="2"/>' for one in drawn.curves
    )
    dots = "".join(dot(one, hues.get(one.name, GREY)) for one in drawn.dots)
    size = f'width="{drawn.width:g}" height="{drawn.height:g}"'
    return (
        '<figure style="display:inline-block;margin:.5em;text-align:center">'
        f'<svg role="img" aria-label="{escape(str(diagram))}" {size}>{paths}{dots}</svg>'
        f"<figcaption><code>{escape(str(diagram))}</code></figcaption></figure>"
    )


def dot(one: Dot, hue: str) -> str:
    """The mark of a position: full where its index survives, a square where it is free."""
    if one.shape == "square":
        return f'<rect x="{one.x - 5:g}" y="{one.y - 5:g}" width="10" height="10" fill="white" stroke="{hue}"/>'
    fill = hue if one.shape == "full" else "white"
    return f'<circle cx="{one.x:g}" cy="{one.y:g}" r="6" fill="{fill}" stroke="{hue}"/>'


def block_figures(name: str, count: int, diagrams: Iterable[Diagram]) -> str:
    """The first diagrams of a block, with a line that says how many there are."""
    shown = [diagram_figure(diagram) for diagram in islice(diagrams, SHOWN)]
    more = f", the first {len(shown)} of them" if 0 < len(shown) < count else ""
    plural = "" if count == 1 else "s"
    return f"<div><p><code>{escape(name)}</code>: {count:,} diagram{plural}{more}</p>{''.join(shown)}</div>"
