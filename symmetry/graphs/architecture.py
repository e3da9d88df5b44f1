"""The architecture graph: indices as nodes, tensors as edges from the index they read to the index they write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from symmetry.kinds.free import FreeIndex
from symmetry.space.layout import Layout, Leaf, Piece, Split, Unflatten
from symmetry.space.weight_space import Tensor, WeightSpace

if TYPE_CHECKING:
    import networkx

__all__ = ["architecture_graph", "node_name", "space_ends"]


def architecture_graph(space: WeightSpace) -> networkx.MultiDiGraph:
    """The graph of a weight space: indices as nodes, with an edge for each tensor (or piece of one) that joins two.

    A weight reads its later axes and writes its first, as in torch; where a tensor of the same module, a bias, is over
    the index of another axis and not over that of the first, the weight writes this one, as a transposed convolution
    does. Sets come first: a free axis is an end of an edge only where a tensor has fewer than two sets, and only if it
    is the first or the second axis by itself: gates and kernel positions are none, nor is an anonymous second axis of
    length 1, as of a convolution with a group for each channel. A nested set stands for the sets that it is nested in.
    The numbers in the names of families are no ends, unless they are those of a set.

    Parameters
    ----------
    space
        The weights of an architecture.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are named after their index and have the `index`, a `column` (the number of edges on the longest path to
        it, where edges that close a circle are left out) and the `tensors` that run over it alone; edges have the name
        of their `tensor`.

    Examples
    --------
    >>> space = WeightSpace({"0.weight": "h x", "0.bias": "h", "2.weight": "3 h"}, sets={"h": 8}, free={"x": 2})
    >>> graph = architecture_graph(space)
    >>> sorted(graph.edges(data="tensor"))
    [('h', '3, written', '2.weight'), ('x', 'h', '0.weight')]
    >>> graph.nodes["h"]["tensors"], graph.nodes["3, written"]["column"]
    (['0.bias'], 2)
    """
    import networkx

    graph, forward = networkx.MultiDiGraph(), networkx.DiGraph()
    for piece, ends in space_ends(space):
        names = [node_name(piece, place, written=number == 0) for number, place in enumerate(ends)]
        for name, place in zip(names, ends, strict=True):
            if name not in graph:
                graph.add_node(name, index=piece.positions[place].index, tensors=[])
        if len(ends) == 1 and piece.tensor not in graph.nodes[names[0]]["tensors"]:
            graph.nodes[names[0]]["tensors"].append(piece.tensor)
        forward.add_nodes_from(names)
        for name in names[1:]:
            graph.add_edge(name, names[0], tensor=piece.tensor)
            if not networkx.has_path(forward, names[0], name):  # an edge that closes a circle sets no column
                forward.add_edge(name, names[0])
    for column, names in enumerate(networkx.topological_generations(forward)):
        networkx.set_node_attributes(graph, dict.fromkeys(names, column), "column")
    return graph


def space_ends(space: WeightSpace) -> Iterator[tuple[Piece, list[int]]]:
    """Each piece of a space, with the numbers of the positions that it joins, the written one first.

    Parameters
    ----------
    space
        The weights of an architecture.

    Yields
    ------
    tuple[Piece, list[int]]
        Pieces in the specification's order. The positions that a nested one is nested in are left out.

    Examples
    --------
    >>> space = WeightSpace({"up.weight": "h k 2 2", "up.bias": "k"}, sets={"h": 8, "k": 4})
    >>> [ends for _, ends in space_ends(space)]
    [[1, 0], [0]]
    """
    found = [(piece, ends) for tensor in space for piece, ends in tensor_ends(tensor)]
    vectors = {(module(piece), piece.positions[ends[0]].index) for piece, ends in found if len(ends) == 1}
    vectors -= {pair for pair in vectors if not pair[0]}
    for piece, ends in found:
        first, *others = ((module(piece), piece.positions[end].index) in vectors for end in ends) if ends else (True,)
        yield piece, ends[::-1] if others == [True] and not first else ends


def module(piece: Piece) -> str:
    """The name of the module whose tensor a piece is of; empty where a tensor's name does not say."""
    return piece.tensor.rpartition(".")[0]


def tensor_ends(tensor: Tensor) -> Iterator[tuple[Piece, list[int]]]:
    """Each piece of a tensor, with the numbers of the positions that it joins, in order."""
    stacked = len(tensor.family.numbers)
    for piece, axes in position_axes(tensor.layout, tuple(range(-stacked, len(tensor.own_axes)))):
        parents = {piece.positions[place].parent for place in piece.joined}
        parents |= {place for place in piece.joined if in_family(axes[place]) and piece.positions[place].index.embedded}
        ends = [place for place in piece.joined if place not in parents]
        others = [place for place in piece.free if axes[place] in (0, 1)]
        others = [place for place in others if axes[place] == 0 or piece.positions[place].index != FreeIndex("", 1)]
        yield piece, sorted(ends + others[: max(0, 2 - len(ends))])


def in_family(axis: int | None) -> bool:
    """Whether an axis is one along which the members of a family are stacked."""
    return axis is not None and axis < 0


def position_axes(layout: Layout, axes: tuple[int | None, ...]) -> Iterator[tuple[Piece, tuple[int | None, ...]]]:
    """Each piece with, for each of its positions, the axis that the position is by itself; None for a factor of one.

    The factors of an axis along which a family is stacked, whose number is negative, have that number.
    """
    match layout:
        case Leaf():
            yield layout.piece, axes
        case Unflatten():
            axis = axes[layout.dim]
            factors = (axis if in_family(axis) else None,) * len(layout.factors)
            yield from position_axes(layout.below, (*axes[: layout.dim], *factors, *axes[layout.dim + 1 :]))
        case Split():
            for branch in layout.branches:
                yield from position_axes(branch, axes)


def node_name(piece: Piece, place: int, *, written: bool) -> str:
    """The name of a node: that of its index, or for an anonymous index its size and its end of the edge."""
    index = piece.positions[place].index
    return index.name or f"{index.size}, {'written' if written else 'read'}"
