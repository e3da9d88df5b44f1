"""A graph in arrays: its nodes and edges, their labels, and which entries of tensors they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layergen.graph.labels import Labels

__all__ = ["Block", "Entries", "GraphArrays", "GrowingGraph", "Numbers", "Part", "Style"]

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


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive nodes or edges of one type, and how many entries each of them holds.

    Parameters
    ----------
    name
        Of nodes the index or, after "tensor ", the tensor; of edges the tensor, or what else they stand for.
    start
        The number of the first.
    count
        How many there are.
    entries
        How many entries each of them holds.
    """

    name: str
    start: int
    count: int
    entries: int = 0


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
    node_parts, edge_parts
        All nodes by what they stand for, and all edges; parts of the nodes of one index that hold entries come again,
        one for each tensor, in the order of the entries.
    """

    labels: Labels
    node_label: Numbers
    edge_index: Numbers
    edge_label: Numbers
    nodes: Entries
    edges: Entries
    blocks: tuple[Block, ...] | None
    node_parts: tuple[Part, ...]
    edge_parts: tuple[Part, ...]

    @property
    def groups(self) -> dict[str, tuple[int, int]]:
        """The first of the nodes of each name, and how many there are."""
        return {part.name: (part.start, part.count) for part in self.node_parts if not part.entries}


class GrowingGraph:
    """A graph to which nodes and edges are added behind the others; each method gives the number of the first."""

    def __init__(self) -> None:
        self.labels: list[Labels] = []
        self.node_label: list[Numbers] = []
        self.edges: list[tuple[Numbers, Numbers, Numbers]] = []
        self.held: dict[str, list[tuple[Numbers, Numbers, Numbers]]] = {"nodes": [], "edges": []}
        self.blocks: list[Block] | None = []
        self.node_parts: list[Part] = []
        self.edge_parts: list[Part] = []
        self.label_count = self.node_count = self.edge_count = 0

    def add_labels(self, labels: Labels) -> int:
        """Add labels."""
        self.labels.append(labels)
        self.label_count += len(labels)
        return self.label_count - len(labels)

    def add_nodes(self, name: str, labels: Numbers) -> int:
        """Add nodes of some labels."""
        self.node_label.append(labels)
        self.node_parts.append(Part(name, self.node_count, labels.size))
        self.node_count += labels.size
        return self.node_count - labels.size

    def add_edges(
        self,
        name: str,
        read: Numbers,
        written: Numbers,
        labels: Numbers | int,
        *,
        entries: int = 0,
        block: Block | None = None,
    ) -> int:
        """Add edges between nodes, which make up a block if one is given, and will hold some entries each."""
        read, written = np.broadcast_arrays(read, written)
        self.edges.append((read, written, np.broadcast_to(labels, read.shape)))
        self.edge_parts.append(Part(name, self.edge_count, read.size, entries))
        self.blocks = None if block is None or self.blocks is None else [*self.blocks, block]
        self.edge_count += read.size
        return self.edge_count - read.size

    def hold(self, side: str, source: Numbers, holder: Numbers, label: Numbers) -> None:
        """Say which nodes, or which edges, hold some entries; arrays are broadcast to the shape of `source`."""
        whole = [np.broadcast_to(values, source.shape).ravel() for values in (source, holder, label)]
        self.held[side].append((whole[0], whole[1], whole[2]))

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
            tuple(self.node_parts),
            tuple(self.edge_parts),
        )


def joined_numbers(parts: Sequence[Numbers]) -> Numbers:
    """Arrays of numbers, laid end to end."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
