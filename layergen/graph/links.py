"""The edges of a batch, along which values are taken from nodes and gathered at nodes: by number, or by blocks.

Layers of graph networks are written once, over `Links`: what is at either end of each edge, and what a node gathers
from all of its edges. Where every edge is in a block, from each neuron of one layer to each of another, and all
networks are of one architecture, the same is computed by broadcasting and by sums over axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.utils import scatter

from layergen.graph.arrays import Block
from layergen.graph.building import graph_arrays

__all__ = ["BlockLinks", "Links", "NumberedLinks", "links_of"]

Reduction = Literal["sum", "min", "max"]
Range = tuple[int, int]
"""Consecutive nodes: the first, and how many."""


class Links(ABC):
    """The edges of a batch of graphs."""

    @abstractmethod
    def at_read(self, x: Tensor) -> Tensor:
        """What the node that an edge reads has, `(edge, channel)`, of `(node, channel)`."""

    @abstractmethod
    def at_written(self, x: Tensor) -> Tensor:
        """What the node that an edge writes has, `(edge, channel)`, of `(node, channel)`."""

    @abstractmethod
    def between(self, read: Tensor, written: Tensor) -> Tensor:
        """The sum of `at_read(read)` and `at_written(written)`."""

    @abstractmethod
    def gathered(self, to_written: Tensor, to_read: Tensor | None, how: Reduction) -> Tensor:
        """What each node gathers, `(node, channel)`: at the written ends of its edges and, if given, at the read ends.

        A node without edges gathers nought.
        """

    def degree(self, like: Tensor, *, both: bool) -> Tensor:
        """The number of edges at which each node gathers, `(node, 1)`."""
        ones = like.new_ones(like.shape[0], 1)
        return self.gathered(ones, ones if both else None, "sum")


@dataclass(frozen=True, slots=True)
class NumberedLinks(Links):
    """Edges by the numbers of their nodes.

    Parameters
    ----------
    read, written
        The node at each end of each edge.
    nodes
        The number of nodes.
    """

    read: Tensor
    written: Tensor
    nodes: int

    def at_read(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.read)

    def at_written(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.written)

    def between(self, read: Tensor, written: Tensor) -> Tensor:
        return self.at_read(read) + self.at_written(written)

    def gathered(self, to_written: Tensor, to_read: Tensor | None, how: Reduction) -> Tensor:
        values, ends = to_written, self.written
        if to_read is not None:
            values, ends = torch.cat([to_written, to_read]), torch.cat([self.written, self.read])
        return scatter(values, ends, dim_size=self.nodes, reduce=how)


@dataclass(frozen=True, slots=True)
class BlockLinks(Links):
    """Edges in blocks, in each of several networks of one architecture.

    Parameters
    ----------
    blocks
        The blocks of one network, which have all of its edges in order.
    networks
        The number of networks.
    nodes
        The number of nodes of one network.
    """

    blocks: Sequence[Block]
    networks: int
    nodes: int

    def at_read(self, x: Tensor) -> Tensor:
        parts = self._ranges(x)
        return self._edges(parts[block.read].unsqueeze(1) for block in self.blocks)

    def at_written(self, x: Tensor) -> Tensor:
        parts = self._ranges(x)
        return self._edges(parts[block.written].unsqueeze(2) for block in self.blocks)

    def between(self, read: Tensor, written: Tensor) -> Tensor:
        reads, writes = self._ranges(read), self._ranges(written)
        return self._edges(reads[one.read].unsqueeze(1) + writes[one.written].unsqueeze(2) for one in self.blocks)

    def gathered(self, to_written: Tensor, to_read: Tensor | None, how: Reduction) -> Tensor:
        found: dict[Range, Tensor] = {}
        for values, written in ((to_written, True), (to_read, False)):
            for block, part in () if values is None else self._parts(values):
                ends = block.written if written else block.read
                own = reduced(part, 2 if written else 1, how)
                found[ends] = own if ends not in found else merged(found[ends], own, how)
        none = to_written.new_zeros(self.networks, 1, to_written.shape[1])
        parts = [found.get(ends, none.expand(-1, ends[1], -1)) for ends in self._covering()]
        return torch.cat(parts, dim=1).flatten(0, 1)

    def _covering(self) -> list[Range]:
        """All nodes in ranges: those at the ends of blocks, and what is between these."""
        found, end = [], 0
        for start, count in [
            *sorted({ends for block in self.blocks for ends in (block.read, block.written)}),
            (self.nodes, 0),
        ]:
            found += [(end, start - end), (start, count)]
            end = start + count
        return [(start, count) for start, count in found if count]

    def _ranges(self, x: Tensor) -> dict[Range, Tensor]:
        """What each range of nodes has, `(network, node, channel)`."""
        ranges = self._covering()
        parts = x.unflatten(0, (self.networks, self.nodes)).split([count for _, count in ranges], dim=1)
        return dict(zip(ranges, parts, strict=True))

    def _edges(self, parts: Iterable[Tensor]) -> Tensor:
        """The edges of all blocks, from what they have, `(network, written or 1, read or 1, channel)`."""
        whole = [
            part.expand(-1, block.written[1], block.read[1], -1).flatten(1, 2)
            for part, block in zip(parts, self.blocks, strict=True)
        ]
        return torch.cat(whole, dim=1).flatten(0, 1)

    def _parts(self, values: Tensor) -> Iterator[tuple[Block, Tensor]]:
        """The values on the edges of each block, `(network, written, read, channel)`."""
        sizes = [(block.written[1], block.read[1]) for block in self.blocks]
        parts = values.unflatten(0, (self.networks, -1)).split([prod(size) for size in sizes], dim=1)
        for block, part, size in zip(self.blocks, parts, sizes, strict=True):
            yield block, part.unflatten(1, size)


def reduced(values: Tensor, dim: int, how: Reduction) -> Tensor:
    """The sum, the least or the greatest of some values along a dimension."""
    if how == "sum":
        return values.sum(dim)
    return values.amin(dim) if how == "min" else values.amax(dim)


def merged(first: Tensor, second: Tensor, how: Reduction) -> Tensor:
    """The sum, the lesser or the greater of two values."""
    if how == "sum":
        return first + second
    return torch.minimum(first, second) if how == "min" else torch.maximum(first, second)


def links_of(graphs: Batch, *, blocks: bool = True) -> Links:
    """The edges of a batch: in blocks if that is allowed and all its graphs are of one space that is all blocks.

    Parameters
    ----------
    graphs
        Graphs of `parameter_graphs`.
    blocks
        Whether blocks are used where they can be.

    Returns
    -------
    Links
        The edges.
    """
    space, style = graphs.space[0], graphs.style[0]
    alike = all(one is space or one == space for one in graphs.space)
    if blocks and alike and (found := graph_arrays(space, style).blocks):
        return BlockLinks(found, len(graphs.space), graphs.num_nodes // len(graphs.space))
    read, written = graphs.edge_index
    return NumberedLinks(read, written, graphs.num_nodes)
