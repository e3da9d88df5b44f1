"""Parameter graphs with a type for every index and every tensor, as `torch_geometric.data.HeteroData`, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, HeteroData

from layergen.graph.arrays import GraphArrays, Part
from layergen.graph.building import graph_arrays
from layergen.graph.data import ParameterGraph, state_dicts

__all__ = ["heterogeneous_graph", "heterogeneous_state_dict"]

EdgeType = tuple[str, str, str]


def heterogeneous_graph(graph: ParameterGraph) -> HeteroData:
    """A network's parameter graph with a type of node for each index, and a type of edge for each tensor's piece.

    Parameters
    ----------
    graph
        The graph of one network.

    Returns
    -------
    HeteroData
        For each type of node `x`, the entries that its nodes hold, `(node, entry · channel)`; for each type of edge
        `edge_attr`, `(edge, entry · channel)`, and `edge_index` from the read to the written node of the two types.

    Raises
    ------
    ValueError
        For a batch of graphs.

    Examples
    --------
    >>> from layergen.graph import parameter_graph
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"0.weight": "h x 3 3", "0.bias": "h"}, sets={"h": 4}, free={"x": 2})
    >>> graph = parameter_graph(space, {"0.weight": torch.randn(4, 2, 3, 3), "0.bias": torch.randn(4)})
    >>> found = heterogeneous_graph(graph)
    >>> found["h"].x.shape, found["x", "0.weight", "h"].edge_attr.shape
    (torch.Size([4, 1]), torch.Size([8, 9]))
    """
    if isinstance(graph, Batch):
        raise ValueError("a batch of graphs: give one, and batch what comes of them with torch_geometric's Batch")
    arrays = graph_arrays(graph.space, graph.style)
    found = HeteroData()
    held: dict[str, list[Tensor]] = {}
    rest = graph.node_value
    for part in arrays.node_parts:
        if part.entries:
            count = part.count * part.entries
            held.setdefault(part.name, []).append(rest[:count].reshape(part.count, -1))
            rest = rest[count:]
    for part in arrays.node_parts:
        if not part.entries:
            found[part.name].num_nodes = part.count
            empty = graph.node_value.new_zeros(part.count, 0)
            found[part.name].x = torch.cat(held.get(part.name, [empty]), dim=1)
    rest = graph.edge_value
    for kind, part in edge_types(arrays):
        start = torch.tensor([arrays.groups[kind[0]][0], arrays.groups[kind[2]][0]], device=rest.device)
        found[kind].edge_index = graph.edge_index[:, part.start : part.start + part.count] - start[:, None]
        count = part.count * part.entries
        found[kind].edge_attr = rest[:count].reshape(part.count, part.entries * rest.shape[1])
        rest = rest[count:]
    return found


def heterogeneous_state_dict(
    graph: ParameterGraph, nodes: Mapping[str, Tensor], edges: Mapping[Any, Tensor]
) -> dict[str, Tensor]:
    """The network whose entries nodes and edges of all types hold, the inverse of `heterogeneous_graph`.

    Parameters
    ----------
    graph
        The graph of the network.
    nodes
        By type of node its entries, `(node, entry · channel)`, as in `HeteroData.x_dict`.
    edges
        By type of edge its entries, `(edge, entry · channel)`, as in `HeteroData.edge_attr_dict`.

    Returns
    -------
    dict of str to Tensor
        The network's tensors, `{tensor: (*axes)}` for one channel, else `{tensor: (*axes, channels)}`.

    Examples
    --------
    >>> from layergen.graph import parameter_graph
    >>> from symmetry import WeightSpace
    >>> graph = parameter_graph(WeightSpace({"b": "h"}, sets={"h": 2}), {"b": torch.tensor([1.0, 2.0])})
    >>> found = heterogeneous_graph(graph)
    >>> heterogeneous_state_dict(graph, found.x_dict, found.edge_attr_dict)
    {'b': tensor([1., 2.])}
    """
    arrays, channels = graph_arrays(graph.space, graph.style), graph.node_value.shape[1]
    rest = dict(nodes)
    at_nodes, at_edges = [graph.node_value[:0]], [graph.edge_value[:0]]
    for part in arrays.node_parts:
        if part.entries:
            width = part.entries * channels
            at_nodes.append(rest[part.name][:, :width].reshape(-1, channels))
            rest[part.name] = rest[part.name][:, width:]
    for kind, part in edge_types(arrays):
        if part.entries:
            at_edges.append(edges[kind].reshape(-1, channels))
    return state_dicts(graph, torch.cat(at_nodes), torch.cat(at_edges))[0]


def edge_types(arrays: GraphArrays) -> Iterator[tuple[EdgeType, Part]]:
    """The edges in parts, each with its type: what is read, what the edges stand for, and what is written.

    A tensor's second piece between the same two indices has the number 1 behind its name, and so on.
    """
    seen: dict[EdgeType, int] = {}
    for part in arrays.edge_parts:
        read, written = (owner(arrays, int(end)) for end in arrays.edge_index[:, part.start])
        kind = (read, part.name, written)
        seen[kind] = seen.get(kind, -1) + 1
        yield (kind if not seen[kind] else (read, f"{part.name} {seen[kind]}", written)), part


def owner(arrays: GraphArrays, node: int) -> str:
    """The name that a node is of."""
    return next(name for name, (start, count) in arrays.groups.items() if start <= node < start + count)
