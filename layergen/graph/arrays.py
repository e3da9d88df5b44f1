"""The graph of a weight space in arrays, made once a space: which nodes there are, and where each entry goes.

Nodes are the values of indices, one for each neuron, input and output. An entry of a tensor over two indices is held by
the edge from the value that it reads to the value that it writes; one of a tensor over one index by the node of its
value; any other by a node of its own, joined to its indices. The values of free axes that are no ends, such as kernel
positions and gates, are several entries that one edge or node holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layergen.graph.labels import Column, Kind, Labels, natural_order, rows, word_numbers
from symmetry.graphs.architecture import architecture_graph, node_name, space_ends
from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.maps.projection import permutes_entries
from symmetry.space.layout import Piece, take_apart
from symmetry.space.moving import chain
from symmetry.space.weight_space import WeightSpace

__all__ = ["Block", "Entries", "GraphArrays", "Style", "graph_arrays"]

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Style:
    """How a graph is drawn.

    Parameters
    ----------
    parallel
        Whether free values, such as kernel positions, have edges of their own beside each other; else one edge holds
        them all.
    vector_nodes
        Whether a tensor over one index, such as a bias, is a node with an edge to each value of the index; else the
        nodes of the index hold its entries.
    """

    parallel: bool = False
    vector_nodes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Entries of tensors, in the order of the nodes or edges that hold them.

    Parameters
    ----------
    source
        For each entry its place in all tensors of the space, flattened and laid end to end.
    holder
        The number of the node, or of the edge.
    label
        The number of the label.
    """

    source: Numbers
    holder: Numbers
    label: Numbers


@dataclass(frozen=True, slots=True)
class Block:
    """Edges from each of some consecutive nodes to each of some others, row-major by written and read node.

    Parameters
    ----------
    start
        The number of the first edge.
    written, read
        The first of the nodes on each side, and how many there are.
    """

    start: int
    written: tuple[int, int]
    read: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class GraphArrays:
    """The graph of a weight space.

    Parameters
    ----------
    labels
        The labels, one a row, in the columns of `Column`.
    node_label
        For each node the number of its label.
    edge_index
        For each edge the node that is read and the node that is written, `(2, edge)`.
    edge_label
        For each edge the number of its label.
    nodes, edges
        The entries that nodes hold, and those that edges hold.
    blocks
        The edges in blocks; None where there are edges that belong to none.
    groups
        The nodes of each index by its name in the architecture graph: the first, and how many.
    """

    labels: Labels
    node_label: Numbers
    edge_index: Numbers
    edge_label: Numbers
    nodes: Entries
    edges: Entries
    blocks: tuple[Block, ...] | None
    groups: dict[str, tuple[int, int]]


@lru_cache(maxsize=32)
def graph_arrays(space: WeightSpace, style: Style = Style()) -> GraphArrays:
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


class Builder:
    """The graph so far."""

    def __init__(self, space: WeightSpace, style: Style) -> None:
        self.space, self.style = space, style
        self.labels: list[Labels] = []
        self.node_label: list[Numbers] = []
        self.edges: list[tuple[Numbers, Numbers, Numbers]] = []
        self.held: dict[str, list[tuple[Numbers, Numbers, Numbers]]] = {"nodes": [], "edges": []}
        self.blocks: list[Block] | None = []
        self.label_count = self.node_count = self.edge_count = 0
        self.architecture = architecture_graph(space)
        self.ranks = piece_ranks(space, self.architecture)
        self.deepest = max((column for _, column in self.architecture.nodes(data="column")), default=0)
        self.groups: dict[str, tuple[int, int]] = {}
        self.add_indices()

    def add_labels(self, labels: Labels) -> int:
        """Put labels behind the others; the number of the first."""
        self.labels.append(labels)
        self.label_count += len(labels)
        return self.label_count - len(labels)

    def add_nodes(self, labels: Numbers) -> int:
        """Put nodes behind the others; the number of the first."""
        self.node_label.append(labels)
        self.node_count += len(labels)
        return self.node_count - len(labels)

    def add_edges(self, read: Numbers, written: Numbers, labels: Numbers | int, *, block: Block | None = None) -> int:
        """Put edges behind the others; the number of the first."""
        read, written = np.broadcast_arrays(read, written)
        self.edges.append((read, written, np.broadcast_to(labels, read.shape)))
        self.blocks = None if block is None or self.blocks is None else [*self.blocks, block]
        self.edge_count += read.size
        return self.edge_count - read.size

    def add_entries(self, side: str, source: Numbers, holder: Numbers, label: Numbers) -> None:
        """Say which of the nodes or the edges hold some entries."""
        parts = (np.broadcast_to(values, source.shape).ravel() for values in (source, holder, label))
        self.held[side].append(tuple(parts))  # type: ignore[arg-type]

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
            self.groups[name] = (self.add_nodes(label + (np.arange(count) % index.size) * told_apart), count)

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
            self.add_edges(above + nodes // index.size, first + nodes, label)

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
        nodes = np.arange(self.node_count)
        hub = self.add_nodes(np.array([self.add_labels(rows(1, kind=Kind.HUB))]))
        self.add_edges(np.full_like(nodes, hub), nodes, self.add_labels(rows(1, kind=Kind.SPOKE)))

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
            self.add_matrix(nodes, source, labels, full=len(own) == sum(map(len, chains)))
        elif len(ends) == 1:
            self.add_vector(nodes[0], source, labels)
        else:
            self.add_loose(nodes, source, labels)

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

    def add_matrix(self, nodes: Sequence[Numbers], source: Numbers, labels: Labels, *, full: bool) -> None:
        """Add the edges of a tensor over two indices: where `full`, from each value of one to each of the other."""
        written, read = nodes
        slots = self.add_labels(labels) + np.arange(len(labels))
        ranges = [(int(ends[0]), int(ends[-1] - ends[0] + 1)) for ends in nodes]
        for own in slots[:, None] if self.style.parallel else [slots]:
            block = Block(self.edge_count, ranges[0], ranges[1]) if full else None
            first = self.add_edges(read, written, own[0], block=block)
            held = source[:, own - slots[0]]
            self.add_entries("edges", held, first + np.arange(read.size)[:, None], own)

    def add_vector(self, nodes: Numbers, source: Numbers, labels: Labels) -> None:
        """Add the entries of a tensor over one index."""
        slots = self.add_labels(labels) + np.arange(len(labels))
        if not self.style.vector_nodes:
            self.add_entries("nodes", source, nodes[:, None], slots)
            return
        own = labels.copy()
        own[:, Column.KIND] = Kind.TENSOR
        tensors = self.add_nodes(self.add_labels(own) + np.arange(len(own)))
        block = Block(self.edge_count, (int(nodes[0]), nodes.size), (tensors, len(own)))
        read, written = np.tile(tensors + np.arange(len(own)), nodes.size), np.repeat(nodes, len(own))
        first = self.add_edges(read, written, np.tile(slots, nodes.size), block=block)
        self.add_entries("edges", source, first + np.arange(source.size).reshape(source.shape), slots)

    def add_loose(self, nodes: Sequence[Numbers], source: Numbers, labels: Labels) -> None:
        """Add a node for each entry of a tensor over no index or over three or more, joined to its indices."""
        slots = self.add_labels(labels) + np.arange(len(labels))
        own = self.add_nodes(np.full(len(source), slots[0])) + np.arange(len(source))
        for place, ends in enumerate(nodes):
            incidence = rows(1, kind=Kind.INCIDENCE, rank=labels[0, Column.RANK], place=place)
            self.add_edges(own, ends, self.add_labels(incidence))
        self.add_entries("nodes", source, own[:, None], slots)

    def made(self) -> GraphArrays:
        """The graph."""
        read, written, label = (joined_numbers([edges[side] for edges in self.edges]) for side in range(3))
        held = {
            side: Entries(*(joined_numbers([entries[part] for entries in found]) for part in range(3)))
            for side, found in self.held.items()
        }
        return GraphArrays(
            np.concatenate(self.labels),
            joined_numbers(self.node_label),
            np.stack([read, written]),
            label,
            held["nodes"],
            held["edges"],
            None if self.blocks is None else tuple(self.blocks),
            self.groups,
        )


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


def joined_numbers(parts: Sequence[Numbers]) -> Numbers:
    """Arrays of numbers, laid end to end."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
