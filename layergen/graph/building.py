"""The graph of a weight space in arrays, made once a space: which nodes there are, and where each entry goes.

Nodes are the values of indices, one for each neuron, input and output. An entry of a tensor over two indices is held by
the edge from the value that it reads to the value that it writes; one of a tensor over one index by the node of its
value; any other by a node of its own, joined to its indices. The values of free axes that are no ends, such as kernel
positions and gates, are several entries that one edge or node holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from layergen.graph.arrays import Block, GraphArrays, GrowingGraph, Numbers, Part, Style
from layergen.graph.labels import Column, Kind, Labels, natural_order, rows, word_numbers
from symmetry.graphs.architecture import architecture_graph, node_name, space_ends
from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.maps.projection import permutes_entries
from symmetry.space.layout import Piece, take_apart
from symmetry.space.moving import chain
from symmetry.space.weight_space import WeightSpace

__all__ = ["graph_arrays"]


PLAIN = Style()


@lru_cache(maxsize=32)
def graph_arrays(space: WeightSpace, style: Style = PLAIN) -> GraphArrays:
    """The graph of a weight space in arrays, cached.

    Parameters
    ----------
    space
        A space whose groups only permute entries.
    style
        How the graph is drawn.

    Returns
    -------
    GraphArrays
        The nodes and edges, and the places of the entries.

    Raises
    ------
    SpecificationError
        If a group multiplies entries by signs, scales or matrices, which no automorphism of a graph does.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
    >>> arrays = graph_arrays(space)
    >>> arrays.groups, arrays.edge_index[:, :3].tolist()
    ({'x': (0, 2), 'h': (2, 3)}, [[0, 1, 0], [2, 2, 3]])
    """
    for tensor in space:
        if not permutes_entries(tensor):
            raise SpecificationError(
                f"a group multiplies entries of {str(tensor)!r}",
                remedy="a graph is of permutations: declare sets that are not scaled, and no vectors",
            )
    build, ends = Builder(space, style), dict(space_ends(space))
    for tensor, values in tensor_places(space):
        for piece, part in take_apart(tensor.layout, values):
            build.add_piece(piece, ends[piece], part)
    build.add_nestings()
    build.add_hub()
    return build.made()


def tensor_places(space: WeightSpace) -> Iterator[tuple[Any, Numbers]]:
    """Each tensor with the places of its entries among those of all tensors, in the tensor's shape."""
    start = 0
    for tensor in space:
        count = prod(tensor.shape)
        yield tensor, np.arange(start, start + count).reshape(tensor.shape)
        start += count


class Builder(GrowingGraph):
    """The graph of a weight space so far."""

    def __init__(self, space: WeightSpace, style: Style) -> None:
        super().__init__()
        self.space, self.style = space, style
        self.architecture = architecture_graph(space)
        self.ranks = piece_ranks(space, self.architecture)
        self.deepest = max((column for _, column in self.architecture.nodes(data="column")), default=0)
        self.groups: dict[str, tuple[int, int]] = {}
        self.add_indices()

    # Indices.

    def add_indices(self) -> None:
        """Add the nodes of all indices, in the order of their depth; sets that others are nested in come last."""
        columns = dict(self.architecture.nodes(data="column"))
        found = {name: self.architecture.nodes[name]["index"] for name in columns}
        for index in list(found.values()):
            for above in self.space.lineage(index)[:-1] if index.name else ():
                if above.name not in found:
                    found[above.name] = above
                    columns[above.name] = columns[index.name]
        ordered = sorted(found, key=lambda name: (columns[name], natural_order(name)))
        for rank, name in enumerate(ordered):
            index = found[name]
            count = prod((*self.space.copies(index), index.size)) if index.name else index.size
            told_apart = index.free or index.embedded
            label = self.add_labels(
                rows(
                    index.size if told_apart else 1,
                    kind=index_kind(index),
                    stream=self.stream(name),
                    depth=columns[name],
                    height=self.deepest - columns[name],
                    rank=rank,
                    place=np.arange(index.size) if told_apart else 0,
                )
            )
            own = label + (np.arange(count) % index.size) * told_apart
            self.groups[name] = (self.add_nodes(name, own), count)

    def stream(self, name: str) -> int:
        """Whether tensors read an index, 1, write it, 2, both, 3, or neither, 0; itself counts as both."""
        graph = self.architecture
        return int(name in graph and graph.out_degree(name) > 0) + 2 * int(name in graph and graph.in_degree(name) > 0)

    def add_nestings(self) -> None:
        """Join the elements of each set to what is nested in them."""
        for name, (first, count) in list(self.groups.items()):
            index = self.index_of(name)
            if index is None or index.parent is None:
                continue
            above, _ = self.groups[index.parent]
            label = self.add_labels(rows(1, kind=Kind.NESTING, rank=list(self.groups).index(name)))
            nodes = np.arange(count)
            self.add_edges("nesting", above + nodes // index.size, first + nodes, label)

    def index_of(self, name: str) -> Index | None:
        """The declared index of a name; None for an anonymous one."""
        return next((index for index in self.space.indices if index.name == name), None)

    def add_hub(self) -> None:
        """Join indices that no edge joins to any other, through one node, to all."""
        joined = np.zeros(self.node_count, dtype=bool)
        for read, written, _ in self.edges:
            joined[read] = joined[written] = True
        if joined.all():
            return
        joining = [part for part in self.node_parts if not part.entries]
        hub = self.add_nodes("hub", np.array([self.add_labels(rows(1, kind=Kind.HUB))]))
        label = self.add_labels(rows(1, kind=Kind.SPOKE))
        for part in joining:
            self.add_edges("spoke", np.array([hub]), part.start + np.arange(part.count), label)

    # Tensors.

    def add_piece(self, piece: Piece, ends: Sequence[int], values: Numbers) -> None:
        """Add what holds the entries of a piece, given their places in the piece's shape."""
        chains = [chain(piece, end) for end in ends]
        own = list(dict.fromkeys(place for parents in chains for place in parents))
        rest = [place for place in range(len(piece.positions)) if place not in own]
        sizes = tuple(piece.shape[place] for place in own)
        source = values.transpose(own + rest).reshape(prod(sizes), -1)
        grid = dict(zip(own, np.indices(sizes).reshape(len(sizes), prod(sizes)), strict=True))
        nodes = [
            self.groups[node_name(piece, end, written=number == 0)][0]
            + np.ravel_multi_index([grid[place] for place in parents], [piece.shape[place] for place in parents])
            for number, (end, parents) in enumerate(zip(ends, chains, strict=True))
        ]
        summed = source.size // prod(piece.shape[place] for place in chains[0]) if len(ends) == 2 else 1
        labels = self.piece_labels(piece, ends, rest, fan=summed)
        if len(ends) == 2:
            self.add_matrix(piece, nodes, source, labels, full=len(own) == sum(map(len, chains)))
        elif len(ends) == 1:
            self.add_vector(piece, node_name(piece, ends[0], written=True), nodes[0], source, labels)
        else:
            self.add_loose(piece, nodes, source, labels)

    def piece_labels(self, piece: Piece, ends: Sequence[int], rest: Sequence[int], *, fan: int) -> Labels:
        """Labels for each combination of a piece's free values."""
        shape = [piece.shape[place] for place in rest]
        count = prod(shape)
        middle = [2 * grid.ravel() - (size - 1) for grid, size in zip(np.indices(shape), shape, strict=True)]
        role, module = word_numbers(piece.tensor)
        depth = written_column(self.architecture, piece, ends)
        return rows(
            count,
            kind={1: Kind.VECTOR, 2: Kind.WEIGHT}.get(len(ends), Kind.ENTRY),
            role=role,
            module=module,
            depth=depth,
            height=self.deepest - depth,
            rank=self.ranks[piece.tensor, piece.number],
            place=np.arange(count),
            row=middle[-2] if len(middle) > 1 else 0,
            column=middle[-1] if middle else 0,
            fan=fan,
        )

    def add_matrix(
        self, piece: Piece, nodes: Sequence[Numbers], source: Numbers, labels: Labels, *, full: bool
    ) -> None:
        """Add the edges of a tensor over two indices: where `full`, from each value of one to each of the other."""
        written, read = nodes
        slots = self.add_labels(labels) + np.arange(len(labels))
        ranges = [(int(ends[0]), int(ends[-1] - ends[0] + 1)) for ends in nodes]
        for own in slots[:, None] if self.style.parallel else [slots]:
            block = Block(self.edge_count, ranges[0], ranges[1]) if full else None
            first = self.add_edges(piece.tensor, read, written, own[0], entries=own.size, block=block)
            self.hold("edges", source[:, own - slots[0]], first + np.arange(read.size)[:, None], own)

    def add_vector(self, piece: Piece, name: str, nodes: Numbers, source: Numbers, labels: Labels) -> None:
        """Add the entries of a tensor over one index, which the nodes of a name stand for."""
        slots = self.add_labels(labels) + np.arange(len(labels))
        if not self.style.vector_nodes:
            self.node_parts.append(Part(name, int(nodes[0]), nodes.size, slots.size))
            self.hold("nodes", source, nodes[:, None], slots)
            return
        own = labels.copy()
        own[:, Column.KIND] = Kind.TENSOR
        tensors = self.add_nodes(own_nodes(piece), self.add_labels(own) + np.arange(len(own)))
        block = Block(self.edge_count, (int(nodes[0]), nodes.size), (tensors, len(own)))
        read, written = np.tile(tensors + np.arange(len(own)), nodes.size), np.repeat(nodes, len(own))
        first = self.add_edges(piece.tensor, read, written, np.tile(slots, nodes.size), entries=1, block=block)
        self.hold("edges", source, first + np.arange(source.size).reshape(source.shape), slots)

    def add_loose(self, piece: Piece, nodes: Sequence[Numbers], source: Numbers, labels: Labels) -> None:
        """Add a node for each entry of a tensor over no index or over three or more, joined to its indices."""
        slots = self.add_labels(labels) + np.arange(len(labels))
        first = self.add_nodes(own_nodes(piece), np.full(len(source), slots[0]))
        own = first + np.arange(len(source))
        for place, ends in enumerate(nodes):
            incidence = rows(1, kind=Kind.INCIDENCE, rank=labels[0, Column.RANK], place=place)
            self.add_edges(f"index {place}", own, ends, self.add_labels(incidence))
        self.node_parts.append(Part(own_nodes(piece), first, own.size, slots.size))
        self.hold("nodes", source, own[:, None], slots)


def own_nodes(piece: Piece) -> str:
    """The name of the nodes that stand for the entries of a piece, or for a tensor over one index."""
    return f"tensor {piece.tensor}" + (f" {piece.number}" if piece.number else "")


def index_kind(index: Index) -> Kind:
    """The kind of the nodes of an index."""
    if index.free:
        return Kind.FREE
    if index.embedded:
        return Kind.POSITIONAL
    return Kind.SET if index.parent is None else Kind.NESTED


def piece_ranks(space: WeightSpace, architecture: Any) -> dict[tuple[str, int], int]:
    """A number for each piece of each tensor, in the order of the depth that is written and then of the names."""
    ordered = sorted(
        space_ends(space),
        key=lambda one: (written_column(architecture, *one), natural_order(one[0].tensor), one[0].number),
    )
    return {(piece.tensor, piece.number): rank for rank, (piece, _) in enumerate(ordered)}


def written_column(architecture: Any, piece: Piece, ends: Sequence[int]) -> int:
    """The column in the architecture graph of the index that a piece writes; 0 for a piece without indices."""
    return int(architecture.nodes[node_name(piece, ends[0], written=True)]["column"]) if ends else 0
