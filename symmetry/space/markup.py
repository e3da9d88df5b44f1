"""Tables in HTML, as which notebooks show weight spaces and maps: each index on which a group acts has a colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from symmetry.language.axes import print_axes

if TYPE_CHECKING:
    from symmetry.space.weight_space import WeightSpace

__all__ = ["colours", "maps_table", "space_table", "table"]

GOLDEN = 137.508
"""Degrees between the hues of two indices that follow each other: any number of them are far apart."""
WORD = re.compile(r"[^\W\d]\w*")
"""The name of an index in the text of axes."""
PLAIN = ("free",)
"""Sections of indices without a colour: nothing acts on them."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table whose cells are HTML already; the first cell of a row names it."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return f"<table><caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, in the language of style sheets."""
    return {name: f"hsl({255 + GOLDEN * number:.0f}deg 60% 45%)" for number, name in enumerate(dict.fromkeys(names))}


def space_table(space: WeightSpace) -> str:
    """The tensors of a weight space with their axes and shapes, indices in their colours."""
    hues = colours(index.name for index in space.indices if index.section not in PLAIN)

    def coloured(word: re.Match[str]) -> str:
        hue = hues.get(word[0])
        return word[0] if hue is None else f'<b style="color:{hue}">{word[0]}</b>'

    rows = [
        (
            f"<code>{escape(tensor.name)}</code>",
            f"<code>{WORD.sub(coloured, escape(print_axes(tensor.axes)))}</code>",
            " × ".join(map(str, tensor.shape)) or "scalar",
        )
        for tensor in space
    ]
    return table(("tensor", "axes", "shape"), rows, f"{len(space)} tensors")


def maps_table(
    targets: Sequence[str], sources: Sequence[str], dimensions: Sequence[Sequence[int | None]], caption: str
) -> str:
    """The dimensions of blocks, targets × sources; darker where there are more, a dot where a block is left out."""
    most = max((found for row in dimensions for found in row if found is not None), default=1) or 1

    def cell(found: int | None) -> str:
        if found is None:
            return "·"
        shade = 0.5 * (len(bin(found)) - 2) / (len(bin(most)) - 2) if found else 0.0
        return f'<span style="background:hsl(255deg 70% 60% / {shade:.2f});padding:0 .4em">{found:,}</span>'

    def name(text: str) -> str:
        return f"<code>{escape(text)}</code>"

    rows = [[name(target), *map(cell, row)] for target, row in zip(targets, dimensions, strict=True)]
    return table(("target \\ source", *map(name, sources)), rows, escape(caption))
