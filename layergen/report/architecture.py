"""What permutes with what, laid out for a page: indices in columns, tensors as curves from index to index."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from symmetry.graphs.architecture import architecture_graph
from symmetry.space.weight_space import WeightSpace

__all__ = ["Architecture", "laid_out"]

COLUMN, ROW, MARGIN = 190, 96, 48
"""Pixels between two columns, between two rows, and at the border."""
LETTER = 6.5
"""About how many pixels a letter is wide."""
NAMED = 2
"""The most tensors that are named beside one index or curve; a title has all of them."""


@dataclass(frozen=True, slots=True)
class Spot:
    """An index at its place, with the tensors that run over it alone."""

    name: str
    label: str
    x: float
    y: float
    acted: bool
    tensors: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Link:
    """The tensors from one index to another; `x` and `y` are the place of their names."""

    path: str
    x: float
    y: float
    tensors: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """A graph of indices and tensors, and its size in pixels."""

    width: float
    height: float
    spots: tuple[Spot, ...]
    links: tuple[Link, ...]


def laid_out(space: WeightSpace) -> Architecture:
    """The architecture graph of a weight space, from left to right in the order of the computation.

    >>> graph = laid_out(WeightSpace({"0.weight": "h x", "0.bias": "h"}, sets={"h": 3}, free={"x": 2}))
    >>> [(spot.label, spot.tensors) for spot in graph.spots], [link.tensors for link in graph.links]
    ([('h (3)', ('0.bias',)), ('x (2)', ())], [('0.weight',)])
    """
    graph = architecture_graph(space)
    columns: dict[int, list[str]] = defaultdict(list)
    for name, column in graph.nodes(data="column"):
        columns[column].append(name)
    tallest = max(map(len, columns.values()), default=1)
    named = [said(tuple(graph.nodes[name]["tensors"])) for name in graph]
    named += [said((tensor,)) for _, _, tensor in graph.edges(data="tensor")]
    longest = LETTER * max(map(len, named), default=0)
    left, step = MARGIN + longest / 2, max(COLUMN, 1.5 * longest)
    places = {
        name: (left + step * column, MARGIN + ROW * tallest * (row + 0.5) / len(names) + 18 * (column % 2))
        for column, names in columns.items()
        for row, name in enumerate(names)
    }
    spots = []
    for name, data in graph.nodes(data=True):
        index, tensors = data["index"], tuple(data["tensors"])
        within = f" in {index.parent}" if index.parent else ""
        label = f"{index.name}{within} ({index.size})" if index.name else name
        spots.append(
            Spot(index.name, label, *places[name], index.joined and not index.embedded, tensors, said(tensors))
        )
    between: dict[tuple[str, str], list[str]] = defaultdict(list)
    for start, end, tensor in graph.edges(data="tensor"):
        if tensor not in between[start, end]:
            between[start, end].append(tensor)
    links = [link(places[start], places[end], tuple(tensors)) for (start, end), tensors in between.items()]
    width = 2 * left + step * max(columns, default=0)
    return Architecture(max(width, 2 * COLUMN), 2 * MARGIN + ROW * tallest, tuple(spots), tuple(links))


def link(start: tuple[float, float], end: tuple[float, float], tensors: tuple[str, ...]) -> Link:
    """A curve from one index to another; backwards, or to itself, it bends below."""
    (x, y), (to_x, to_y) = start, end
    if start == end:
        path = f"M{x:g} {y:g}C{x - 50:g} {y + 60:g} {x + 50:g} {y + 60:g} {x:g} {y:g}"
        return Link(path, x, y + 58, tensors, said(tensors))
    bend = 0.0 if to_x > x else 60.0
    middle = (x + to_x) / 2, (y + to_y) / 2 + bend
    path = f"M{x:g} {y:g}Q{middle[0]:g} {middle[1]:g} {to_x:g} {to_y:g}"
    return Link(path, (x + 2 * middle[0] + to_x) / 4, (y + 2 * middle[1] + to_y) / 4 - 6, tensors, said(tensors))


def said(tensors: tuple[str, ...]) -> str:
    """The first of some names, and the number of the others."""
    more = f" + {len(tensors) - NAMED}" if len(tensors) > NAMED else ""
    return ", ".join(tensors[:NAMED]) + more
