"""The picture of an architecture graph and, below it, the parameter graph; an index stands above its neurons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from layergen.drawing.colours import GREY, INK, PALE, set_colours
from layergen.drawing.rendering import page, text_width, write
from layergen.drawing.strands import dot, square
from symmetry.graphs.architecture import architecture_graph
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["architecture"]

NEURONS = 5
"""The most neurons of one index that are drawn."""
MOST = 150
"""The most indices that are drawn."""
NAMED = 3
"""The most tensors that are named beside one index or edge."""
ROW, STEP, MARGIN, POINTS = 150.0, 44.0, 60.0, 6.5
"""Pixels from index to index in a column, from neuron to neuron, and at the border; the size of the text in points."""

Point = tuple[float, float]


def architecture(space: WeightSpace) -> Figure:
    """Draw the architecture graph of a weight space, and below it the parameter graph.

    In the architecture graph indices are nodes, coloured by set, and tensors edges. In the parameter graph neurons are
    dots and parameters lines; the first five neurons of an index are drawn.

    Parameters
    ----------
    space
        The weight space.

    Returns
    -------
    Figure
        The picture, for `picture` to make a file of.

    Raises
    ------
    SpecificationError
        If the architecture graph has more than 150 indices.

    References
    ----------
    Lim, Maron, Law, Lorraine and Lucas (2023), "Graph Metanetworks for Processing Diverse Neural Architectures",
    arXiv:2312.04501, figure 2.

    Examples
    --------
    >>> figure = architecture(WeightSpace({"w": "h x", "b": "h"}, sets={"h": 32}, free={"x": 2}))
    >>> len(figure.axes)
    1
    """
    graph = architecture_graph(space)
    if len(graph) > MOST:
        raise SpecificationError(f"{len(graph)} indices, more than the {MOST} that can be drawn")
    columns: dict[int, list[str]] = defaultdict(list)
    for name, column in graph.nodes(data="column"):
        columns[column].append(name)
    labels = edge_labels(graph)
    written = [*labels.values(), *(heading(graph, name) for name in graph)]
    written += [shortened(tensors) for _, tensors in graph.nodes(data="tensors")]
    width = MARGIN + max(150.0, *(text_width(text, POINTS + 1) for text in written))
    above, below = ROW * max(map(len, columns.values())), max(map(tall, ([*each] for each in neurons(graph, columns))))
    figure, axes = page(2 * MARGIN + width * len(columns), above + below + 2 * MARGIN)
    colours = set_colours(name for name in graph if graph.nodes[name]["index"].joined)
    places = {
        name: (MARGIN + width * (column + 0.5), MARGIN + above * (row + 0.5) / len(names) + 30 * (column % 2))
        for column, names in sorted(columns.items())
        for row, name in enumerate(names)
    }
    draw_indices(axes, graph, places, labels, colours)
    draw_neurons(axes, graph, columns, places, above + MARGIN, below, colours)
    return figure


def edge_labels(graph: Any) -> dict[tuple[str, str], str]:
    """The names of the tensors on the edges from one index to another, shortened."""
    tensors: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, target, tensor in graph.edges(data="tensor"):
        if tensor not in tensors[source, target]:
            tensors[source, target].append(tensor)
    return {ends: shortened(names) for ends, names in tensors.items()}


def heading(graph: Any, name: str) -> str:
    """The text above an index: its name, parent and size."""
    index = graph.nodes[name]["index"]
    within = f" in {index.parent}" if index.parent else ""
    return f"{index.name}{within} ({index.size})" if index.name else name


def shortened(names: list[str]) -> str:
    """The first of some names, and the number of the others."""
    more = f" + {len(names) - NAMED}" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def neurons(graph: Any, columns: Mapping[int, list[str]]) -> Iterator[list[int]]:
    """For each column the numbers of neurons that are drawn of its indices."""
    for _, names in sorted(columns.items()):
        yield [min(NEURONS, graph.nodes[name]["index"].size) for name in names]


def tall(counts: list[int]) -> float:
    """The height of a column of neurons in pixels."""
    return STEP * (sum(counts) + 1.5 * len(counts))


def draw_indices(
    axes: Axes,
    graph: Any,
    places: Mapping[str, Point],
    labels: Mapping[tuple[str, str], str],
    colours: Mapping[str, str],
) -> None:
    """Draw the architecture graph."""
    for (source, target), text in labels.items():
        (x, y), (to_x, to_y) = places[source], places[target]
        if source == target:
            write(axes, (x, y - 62), f"{text} (to itself)", POINTS, GREY, "center")
            continue
        bend = 0.0 if to_x > x else 0.35
        arrow = FancyArrowPatch(
            (x, y),
            (to_x, to_y),
            arrowstyle="-|>",
            mutation_scale=7,
            shrinkA=6,
            shrinkB=6,
            linewidth=0.8,
            color=PALE,
            zorder=1,
            connectionstyle=f"arc3,rad={bend}",
        )
        axes.add_patch(arrow)
        middle = ((x + to_x) / 2 - bend * (to_y - y) / 2, (y + to_y) / 2 + bend * (to_x - x) / 2 - 14)
        write(axes, middle, text, POINTS, GREY, "center")
    for name, place in places.items():
        index = graph.nodes[name]["index"]
        mark(axes, place, index.joined, colours.get(name, GREY))
        write(axes, (place[0], place[1] - 34), heading(graph, name), POINTS + 1, colours.get(name, INK), "center")
        write(axes, (place[0], place[1] + 32), shortened(graph.nodes[name]["tensors"]), POINTS, GREY, "center")


def draw_neurons(
    axes: Axes,
    graph: Any,
    columns: Mapping[int, list[str]],
    places: Mapping[str, Point],
    top: float,
    height: float,
    colours: Mapping[str, str],
) -> None:
    """Draw the parameter graph."""
    dots: dict[str, list[Point]] = {}
    for names, counts in zip((columns[key] for key in sorted(columns)), neurons(graph, columns), strict=True):
        y = top + (height - tall(counts)) / 2 + STEP
        for name, count in zip(names, counts, strict=True):
            dots[name] = [(places[name][0], y + STEP * row) for row in range(count)]
            y += STEP * (count + 1.5)
    lines = [pair for source, target in set(graph.edges()) for pair in product(dots[source], dots[target])]
    axes.add_collection(LineCollection(sorted(lines), colors=PALE, linewidths=0.35, zorder=1))
    for name, points in dots.items():
        index = graph.nodes[name]["index"]
        for point in points:
            mark(axes, point, index.joined, colours.get(name, GREY))
        if index.size > len(points):
            x, y = points[-1]
            write(axes, (x, y + 26), f"… {index.size}", POINTS, GREY, "center")


def mark(axes: Axes, place: Point, permuted: bool, colour: str) -> None:
    """Draw a dot for an index that is permuted, a square for another."""
    if permuted:
        dot(axes, place, colour, full=True)
    else:
        square(axes, place, colour)
