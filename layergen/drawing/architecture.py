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
from layergen.drawing.families import draw_frame, families, in_families
from layergen.drawing.placing import Texts
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
ROW, STEP, MARGIN, BETWEEN, POINTS = 150.0, 44.0, 60.0, 40.0, 6.5
"""Pixels from index to index in a column, from neuron to neuron, at the border and between the two graphs; the size of
the text in points."""
ALONG = (0.5, 0.36, 0.64, 0.25, 0.75)
"""How far along an arrow its text may stand, the best first."""
BESIDE = (-14, 14, -36, 36)
"""How far below an arrow its text may stand, in pixels, the best first."""

Point = tuple[float, float]


def architecture(space: WeightSpace) -> Figure:
    """Draw the architecture graph of a weight space, and below it the parameter graph.

    In the architecture graph indices are nodes, coloured by set, and tensors edges, from left to right in the order of
    the computation. In the parameter graph neurons are dots and parameters lines; the first five neurons of an index
    are drawn. What does not permute is a square. Nested sets are in the frame of the set that they are in.

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
    indices = dict(graph.nodes(data="index"))
    columns: dict[int, list[str]] = defaultdict(list)
    for name, column in graph.nodes(data="column"):
        columns[column].append(name)
    columns = {column: in_families(space, indices, names) for column, names in columns.items()}
    labels = edge_labels(graph)
    written = [*labels.values(), *(heading(graph, name) for name in graph)]
    written += [shortened(tensors) for _, tensors in graph.nodes(data="tensors")]
    width = MARGIN + max(150.0, *(text_width(text, POINTS + 1) for text in written))
    above, below = ROW * max(map(len, columns.values())), max(map(tall, neurons(graph, columns)))
    figure, axes = page(2 * MARGIN + width * len(columns), above + below + 2 * MARGIN + BETWEEN)
    colours = set_colours(name for name in graph if graph.nodes[name]["index"].joined)
    places = {
        name: (MARGIN + width * (column + 0.5), MARGIN + above * (row + 0.5) / len(names) + 30 * (column % 2))
        for column, names in sorted(columns.items())
        for row, name in enumerate(names)
    }
    dots = neuron_places(graph, columns, places, above + MARGIN + BETWEEN, below)
    for text, names in families(space, indices, columns):
        said = [heading(graph, name) for name in names] + [shortened(graph.nodes[name]["tensors"]) for name in names]
        half = max(text_width(one, POINTS + 1) for one in said) / 2 + 12
        draw_frame(axes, [places[name] for name in names], half, 54, text, POINTS)
        draw_frame(axes, [point for name in names for point in dots[name]], 40, 36, text, POINTS)
    draw_indices(axes, graph, places, labels, colours)
    draw_neurons(axes, graph, dots, colours)
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
    texts = Texts(axes)
    for name, (x, y) in places.items():
        texts.write([(x, y - 34)], heading(graph, name), POINTS + 1, colours.get(name, INK))
        texts.write([(x, y + 32)], shortened(graph.nodes[name]["tensors"]), POINTS, GREY)
    for (source, target), text in labels.items():
        (x, y), (to_x, to_y) = places[source], places[target]
        if source == target:
            texts.write([(x, y - 62), (x, y + 58)], f"{text} (to itself)", POINTS, GREY)
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
        along = [on_arrow(places[source], places[target], bend, part) for part in ALONG]
        texts.write([(x, y + below) for below in BESIDE for x, y in along], text, POINTS, GREY)
    for name, place in places.items():
        mark(axes, place, permuted(graph, name), colours.get(name, GREY))


def on_arrow(start: Point, end: Point, bend: float, part: float) -> Point:
    """The point a part of the way along an arrow, from 0 to 1, as `connectionstyle="arc3"` bends it."""
    (x, y), (to_x, to_y) = start, end
    middle = ((x + to_x) / 2 - bend * (to_y - y), (y + to_y) / 2 + bend * (to_x - x))
    ways = (1 - part) ** 2, 2 * part * (1 - part), part**2
    return tuple(sum(w * p for w, p in zip(ways, axis, strict=True)) for axis in zip(start, middle, end, strict=True))  # type: ignore[return-value]


def neuron_places(
    graph: Any, columns: Mapping[int, list[str]], places: Mapping[str, Point], top: float, height: float
) -> dict[str, list[Point]]:
    """Where the neurons of each index are drawn."""
    dots: dict[str, list[Point]] = {}
    for names, counts in zip((columns[key] for key in sorted(columns)), neurons(graph, columns), strict=True):
        y = top + (height - tall(counts)) / 2 + STEP
        for name, count in zip(names, counts, strict=True):
            dots[name] = [(places[name][0], y + STEP * row) for row in range(count)]
            y += STEP * (count + 1.5)
    return dots


def draw_neurons(axes: Axes, graph: Any, dots: Mapping[str, list[Point]], colours: Mapping[str, str]) -> None:
    """Draw the parameter graph."""
    lines = [pair for source, target in set(graph.edges()) for pair in product(dots[source], dots[target])]
    axes.add_collection(LineCollection(sorted(lines), colors=PALE, linewidths=0.35, zorder=1))
    for name, points in dots.items():
        index = graph.nodes[name]["index"]
        for point in points:
            mark(axes, point, permuted(graph, name), colours.get(name, GREY))
        if index.size > len(points):
            x, y = points[-1]
            write(axes, (x, y + 26), f"… {index.size}", POINTS, GREY, "center")


def permuted(graph: Any, name: str) -> bool:
    """Whether a group permutes an index; an embedding tells the values of a positional one apart."""
    index = graph.nodes[name]["index"]
    return index.joined and not index.embedded


def mark(axes: Axes, place: Point, permuted: bool, colour: str) -> None:
    """Draw a dot for an index that is permuted, a square for another."""
    if permuted:
        dot(axes, place, colour, full=True)
    else:
        square(axes, place, colour)
