"""Pictures of partition diagrams: indices of the target above, of the source below, joined where they are equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layergen.drawing.colours import GREY, INK, set_colours
from layergen.drawing.rendering import POINT, page, text_width, write
from layergen.drawing.strands import dot, square, strands
from symmetry.language.errors import SpecificationError
from symmetry.maps.diagrams import Diagram
from symmetry.maps.equivariant_maps import Block, readable
from symmetry.maps.relations import ends

__all__ = ["SHOWN", "diagram_gallery", "partition_diagrams"]

SHOWN = 60
"""The most diagrams that one picture shows."""
STEP = 62
"""Pixels between two dots of a row."""
HEIGHT = 118
"""Pixels between the two rows."""
TITLE, LABEL, NOTE = 9.0, 6.5, 7.0
"""Points of the title, of the names in a panel, and of the notes."""
STEPPED = "A dashed strand joins neighbours: layer-1 is the value before."
MARGIN = 44
MARKS = "Target above, source below. Full dots survive; open dots are summed over (below) or repeated over (above)."
WIDEST = 2400
"""Pixels of the widest grid."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Panels of one size in rows and columns, in pixels."""

    columns: int
    rows: int
    width: float
    height: float


def partition_diagrams(block: Block) -> Figure:
    """Draw the diagrams of a block: a dot for each index, and lines between indices that a diagram makes equal.

    An index with full dots survives from source to target. Indices with open dots are summed over below, and repeated
    over above. Free indices are squares: a diagram stands for one map for each of their values. The first 60 diagrams
    are drawn, and a note says how many there are.

    Parameters
    ----------
    block
        The block, as `EquivariantMaps.block` gives it.

    Returns
    -------
    Figure
        The picture, for `picture` to make a file of.

    Raises
    ------
    SpecificationError
        If the block has no diagram, or more than can be listed (100,000).

    References
    ----------
    Halverson and Ram (2005), "Partition algebras", European Journal of Combinatorics 26: diagrams with two rows of
    dots.

    Examples
    --------
    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h h"}, sets={"h": 32}))
    >>> len(partition_diagrams(maps.block(target="w", source="w")).axes)
    1
    """
    diagrams = list(islice(block.diagrams(opened=True), SHOWN))
    if not diagrams:
        raise SpecificationError(f"there is nothing to draw: no map of {block} is equivariant but nought")
    labels = [label(diagram) for diagram in diagrams]
    return panels(diagrams, labels, f"{block.target} ← {block.source}", notes_on(block, diagrams))


def diagram_gallery(groups: Mapping[str, Sequence[Diagram]]) -> Figure:
    """Draw diagrams of any blocks, group by group, in the manner of `partition_diagrams`.

    Diagrams that differ in the values of free indices alone are drawn once. At most 60 are drawn.

    Parameters
    ----------
    groups
        Diagrams by the name of their group, which stands below each of them.

    Returns
    -------
    Figure
        The picture, for `picture` to make a file of.

    Examples
    --------
    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h h", "b": "h"}, sets={"h": 32}))
    >>> len(diagram_gallery({"missing": list(maps.block(target="w", source="b"))}).axes)
    1
    """
    opened = {(group, replace(diagram, values=None)): None for group, found in groups.items() for diagram in found}
    shown = list(opened)[:SHOWN]
    names = [(group, diagram.target.name, diagram.source.name) for group, diagram in shown]
    labels = [f"{group}: {target} ← {source}" for group, target, source in names]
    counts = [f"{len(diagrams)} {group}" for group, diagrams in groups.items() if diagrams]
    first = f"{len(opened)} with free values open" + (f", {SHOWN} shown" if len(opened) > SHOWN else "")
    return panels([diagram for _, diagram in shown], labels, f"Diagrams: {', '.join(counts)}", [first, MARKS])


def panels(diagrams: Sequence[Diagram], labels: Sequence[str], title: str, notes: Sequence[str]) -> Figure:
    """A picture of diagrams in a grid, each above its label."""
    colours = set_colours([position.index.name for d in diagrams for position in d.positions if position.index.joined])
    grid = make_grid(diagrams, labels)
    width = max(grid.columns * grid.width, text_width(title, TITLE), *(text_width(note, NOTE) for note in notes))
    head = (TITLE * 1.5 + NOTE * 1.7 * len(notes)) * POINT + 24
    figure, axes = page(round(width + 2 * MARGIN), round(grid.rows * grid.height + head + 2 * MARGIN), (MARGIN, MARGIN))
    write(axes, (0, TITLE * POINT), title, TITLE, INK, "left")
    for number, note in enumerate(notes):
        write(axes, (0, (TITLE * 1.5 + NOTE * 1.7 * (number + 1)) * POINT), note, NOTE, GREY, "left")
    for number, (diagram, label) in enumerate(zip(diagrams, labels, strict=True)):
        row, column = divmod(number, grid.columns)
        draw_diagram(axes, diagram, label, (column + 0.5) * grid.width, head + row * grid.height, colours)
    return figure


def label(diagram: Diagram) -> str:
    """A diagram in index notation without the names of the tensors; pieces have numbers where a tensor has several.

    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> space = WeightSpace({"w": "h x"}, sets={"h": 8}, free={"x": 2})
    >>> [label(one) for one in EquivariantMaps(space).block("w", "w").diagrams(opened=True)]
    ["[h x] ← [h x']", "[h x] ← [h' x']"]
    """
    sides = zip(
        (diagram.target, diagram.source), (diagram.target_piece, diagram.source_piece), diagram.words, strict=True
    )
    numbered = [
        (f"#{piece.number}" if len(tensor.pieces) > 1 else "") + f"[{' '.join(words)}]"
        for tensor, piece, words in sides
    ]
    return " ← ".join(numbered)


def make_grid(diagrams: Sequence[Diagram], labels: Sequence[str]) -> Grid:
    """The grid of some panels, with as many columns as make the picture somewhat wider than high."""
    most = max((max(d.split, len(d.positions) - d.split) for d in diagrams), default=1)
    width = max([most * STEP, *(text_width(label, LABEL) for label in labels)]) + 50
    height = HEIGHT + 5.2 * LABEL * POINT + 40
    wished = math.ceil(math.sqrt(1.7 * len(diagrams) * height / width))
    rows = math.ceil(len(diagrams) / max(1, min(int(WIDEST / width), wished)))
    return Grid(math.ceil(len(diagrams) / rows), rows, width, height)


def notes_on(block: Block, diagrams: list[Diagram]) -> list[str]:
    """The notes below the title: the numbers of diagrams in all and in the picture, and the meaning of the marks."""
    count, shown = block.diagram_count, len(diagrams)
    first = f"{readable(count)} diagram{'s' * (count != 1)}"
    if shown < count:
        first = f"The first {shown} of {first}; {readable(count - shown)} more are not shown"
    if block.dimension != count:
        first += f". Each gives a map for every value of the free indices (squares): {readable(block.dimension)} in all"
    return [first, MARKS, *([STEPPED] if any(diagram.steps for diagram in diagrams) else [])]


def draw_diagram(axes: Axes, diagram: Diagram, label: str, centre: float, top: float, colours: dict[str, str]) -> None:
    """Draw one panel: names, dots and strands, the label."""
    positions, split = diagram.positions, diagram.split
    upper, lower = top + 2.2 * LABEL * POINT, top + 2.2 * LABEL * POINT + HEIGHT
    places = row_places(split, centre, upper) + row_places(len(positions) - split, centre, lower)
    for place, position in zip(places, positions, strict=True):
        name = position.index.name or str(position.index.size)
        colour = colours.get(position.index.name, GREY) if position.index.joined else GREY
        y = upper - 1.25 * LABEL * POINT if place[1] == upper else lower + 1.25 * LABEL * POINT
        write(axes, (place[0], y), name, LABEL, colour, "center")
        if not position.index.joined:
            square(axes, place, GREY)
    for block, kept in zip(diagram.blocks, diagram.survives, strict=True):
        colour = colours[positions[block[0]].index.name]
        strands(axes, [places[p] for p in block if p < split], [places[p] for p in block if p >= split], colour)
        for number in block:
            dot(axes, places[number], colour, full=kept)
    for name, _ in diagram.steps:
        written, read = ends(positions, split, name)
        strands(axes, [places[written]], [places[read]], colours[name], dashed=True)
    for count, y in ((split, upper), (len(positions) - split, lower)):
        if not count:
            write(axes, (centre, y), "scalar", LABEL, GREY, "center")
    write(axes, (centre, lower + 3.1 * LABEL * POINT), label, LABEL, INK, "center")


def row_places(count: int, centre: float, y: float) -> list[tuple[float, float]]:
    """The places of `count` dots in a row."""
    return [(centre + (number - (count - 1) / 2) * STEP, y) for number in range(count)]
