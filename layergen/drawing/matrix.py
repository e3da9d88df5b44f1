"""The picture of a block matrix: rows are entries of the target, columns entries of the source, colours parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from layergen.drawing.caption import caption
from layergen.drawing.colours import INK, Core, core_hues
from layergen.drawing.labels import LABEL_ROOM, draw_columns, draw_rows, make_labels
from layergen.drawing.legend import draw_legend, make_legend
from layergen.drawing.raster import Side, block_colours, make_side, paint
from layergen.drawing.rendering import POINT, page, text_width, write
from layergen.drawing.sharing import Sharing, shared_entries
from layergen.drawing.sizes import drawn_maps, index_sizes
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import Block, EquivariantMaps
from symmetry.maps.projection import permutes_entries

__all__ = ["block_matrix"]

WIDTH, LEAST_WIDTH = 1240, 900
"""About the length of the matrix's longer side, and the least width of the picture, in pixels."""
MARGIN = 44
"""The width of the white border in pixels."""
LARGEST, SMALLEST = 11.0, 5.0
"""The sizes of the numbers in the blocks, in points."""


def block_matrix(maps: EquivariantMaps) -> Figure:
    """Draw the matrix of the maps: entries of a block have one colour where they share a parameter.

    Sets and free indices are drawn at sizes at which each entry can be seen; the caption says which. The hue tells the
    core, the indices that survive from source to target. All blocks are drawn, whatever `terms` and `rank` leave out.

    Parameters
    ----------
    maps
        The maps.

    Returns
    -------
    Figure
        The picture, for `picture` to make a file of.

    Raises
    ------
    SpecificationError
        If there are too many entries for a picture, or if the symmetry does more to a tensor's entries than permute
        them: such entries do not share parameters.

    References
    ----------
    Maron, Ben-Hamu, Shamir and Lipman (2019), "Invariant and Equivariant Graph Networks", ICLR, figure 1.

    Examples
    --------
    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> figure = block_matrix(EquivariantMaps(WeightSpace({"w": "h h"}, sets={"h": 32})))
    >>> len(figure.axes)
    1
    """
    multiplied = next((tensor for tensor in (*maps.source, *maps.target) if not permutes_entries(tensor)), None)
    if multiplied is not None:
        raise SpecificationError(
            f"a block matrix cannot be drawn: the symmetry multiplies entries of {multiplied.name!r}, by signs, scales "
            "or matrices, so that they need not share parameters",
            remedy="draw the diagrams of one block, --block TARGET SOURCE, or the architecture, --graph",
        )
    small = drawn_maps(maps)
    cell = cell_size(small)
    rows, columns = make_side(small.target, cell), make_side(small.source, cell)
    row_labels = make_labels(maps.target, rows, top=False)
    column_labels = make_labels(maps.source, columns, top=True)
    sharing = {block: shared_entries(block) for block in small.blocks}
    hues = core_hues(ordered_cores(maps, sharing.values()))
    left, top = MARGIN + row_labels.depth, MARGIN + column_labels.depth
    width = round(max(left + columns.total + MARGIN, LEAST_WIDTH))
    legend = make_legend(hues, caption(maps, small), width - 2 * MARGIN)
    figure, axes = page(width, round(top + rows.total + 2 * MARGIN + legend.height), (left, top))
    draw_blocks(axes, sharing, hues, rows, columns)
    draw_rows(axes, row_labels, rows)
    draw_columns(axes, column_labels, columns)
    draw_legend(axes, legend, MARGIN - left, rows.total + MARGIN)
    return figure


def ordered_cores(maps: EquivariantMaps, sharing: Iterable[Sharing]) -> list[Core]:
    """The cores of all blocks, by their number of sets, then in the order in which the sets are declared."""
    place = {name: number for number, name in enumerate(index_sizes(maps))}
    found = {core for block in sharing for core in block.cores}
    return sorted(found, key=lambda core: (len(core), [place[name] for name in core]))


def cell_size(maps: EquivariantMaps) -> int:
    """The side of an entry in pixels, at which the longer side is about `WIDTH` and has room for its labels."""
    spaces = (maps.source, maps.target)
    longest = max(sum(math.prod(t.shape) for t in space) + len(space) / 2 for space in spaces)
    width = max(WIDTH, *(len(space) * LABEL_ROOM for space in spaces))
    return min(44, math.ceil(width / longest))


def draw_blocks(
    axes: Axes,
    sharing: Mapping[Block, Sharing],
    hues: Mapping[Core, float | None],
    rows: Side,
    columns: Side,
) -> None:
    """Paint every block, and write its dimension into it where there is room."""
    deepest = max(map(len, hues))
    image = np.full((rows.total, columns.total, 3), 255, dtype=np.uint8)
    for number, found in enumerate(sharing.values()):
        row, column = divmod(number, len(columns.lengths))
        paint(image, rows.span(row), columns.span(column), block_colours(found, hues, deepest)[found.of], rows.cell)
        draw_number(axes, len(found.cores), rows, row, columns, column)
    axes.imshow(image, extent=(0, columns.total, rows.total, 0), interpolation="none", aspect="auto", zorder=0)


def draw_number(axes: Axes, dimension: int, rows: Side, row: int, columns: Side, column: int) -> None:
    """Write a block's dimension into its middle, if the block is large enough."""
    room = min(rows.lengths[row], columns.lengths[column]) * rows.cell
    points = min(LARGEST, room / POINT * 0.6)
    text = f"{dimension}"
    if points < SMALLEST or text_width(text, points) > 0.8 * columns.lengths[column] * rows.cell:
        return
    place = columns.centre(column), rows.centre(row)
    halo = withStroke(linewidth=points / 3, foreground="white", alpha=0.85)
    write(axes, place, text, points, INK, "center", path_effects=[halo])
