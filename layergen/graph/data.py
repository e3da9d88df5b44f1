"""Networks as graphs of torch_geometric, one or a batch of any architectures, and back without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from layergen.graph.arrays import Style
from layergen.graph.building import graph_arrays
from layergen.stacking import owners
from symmetry.space.weight_space import WeightSpace

__all__ = [
    "Network",
    "ParameterGraph",
    "Traced",
    "entry_order",
    "parameter_graph",
    "parameter_graphs",
    "state_dicts",
    "template",
]


class Traced(Protocol):
    """What has a weight space, as what `layergen.trace` gives."""

    @property
    def space(self) -> WeightSpace:
        """The weight space."""

    @property
    def spelled(self) -> WeightSpace | None:
        """The weight space in which frozen axes have names, so that it shows which are one."""


Network = tuple[WeightSpace | Traced, Mapping[str, Tensor]]
"""A network to be read: its weight space, or its trace, and its `state_dict`."""


class ParameterGraph(Data):  # type: ignore[misc]  # torch_geometric has no types
    """The graph of a network's parameters: a `torch_geometric.data.Data` that `parameter_graph` makes.

    Attributes are those of torch_geometric: what is called an index counts nodes, and `Batch` moves it on by the number
    of nodes of the graphs before.

    Parameters
    ----------
    **attributes
        `edge_index`, `(2, edge)`, from the node that an edge reads to the one it writes; `label`, `(label, number)`,
        whose rows `node_label` and `edge_label` count; entries that nodes hold, `node_value` `(entry, channel)` with
        `node_of_value` and `node_value_label`, and those that edges hold.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 3})
    >>> parameter_graph(space, {"b": torch.ones(3)}).node_value.shape
    torch.Size([3, 1])
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """How much numbers grow in a batch for each such graph before: nodes, edges and labels are counted on."""
        if key == "node_of_value":
            return self.num_nodes
        if key == "edge_of_value":
            return self.num_edges
        if key.endswith("_label"):
            return self.label.shape[0]
        return super().__inc__(key, value, *args, **kwargs)


def parameter_graph(
    space: WeightSpace | Traced,
    state_dict: Mapping[str, Tensor],
    *,
    parallel: bool = False,
    vector_nodes: bool = False,
) -> ParameterGraph:
    """The graph of a network's parameters.

    Nodes are the values of indices: neurons, units in their heads, inputs and outputs one by one. An edge for each pair
    of values that a tensor joins holds the pair's entries, several where there are kernel positions or gates; a node
    holds the entries of its biases and scales. Entries of tensors over no index, or over more than two, have nodes of
    their own. Labels say which tensor, which index and which value of a free index is meant, so that the automorphisms
    of the labelled graph are the space's group: its permutations, and no others.

    Labels hold the kind of an index or a tensor, the words of a tensor's name, how deep in the network it is, the
    distance from a kernel's middle; none of these depends on the architecture, so that one model reads many.

    Parameters
    ----------
    space
        The weight space of the network, or its trace.
    state_dict
        The network's tensors, `{tensor: (*axes)}`, or `(*axes, channels)` with several numbers an entry.
    parallel
        Whether free values, such as kernel positions, have edges of their own beside each other.
    vector_nodes
        Whether a tensor over one index, such as a bias, is a node with an edge to each value of the index.

    Returns
    -------
    ParameterGraph
        A `torch_geometric.data.Data`.

    Raises
    ------
    SpecificationError
        If a group of the space multiplies entries, by signs, scales or matrices.
    ValueError
        If a tensor is missing, or has another shape than declared.

    References
    ----------
    Lim et al., "Graph metanetworks for processing diverse neural architectures", ICLR 2024: `vector_nodes` and
    `parallel`; Kofinas et al., "Graph neural networks for learning equivariant representations of neural networks",
    ICLR 2024: without.

    Examples
    --------
    >>> space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 3}, free={"x": 2})
    >>> network = torch.nn.Linear(2, 3)
    >>> graph = parameter_graph(space, network.state_dict())
    >>> graph.num_nodes, graph.num_edges
    (5, 6)
    >>> torch.equal(state_dicts(graph)[0]["weight"], network.weight)
    True
    """
    space = space_of(space)
    graph = template(space, Style(parallel, vector_nodes)).clone()
    arrays = graph_arrays(space, Style(parallel, vector_nodes))
    entries = flat_entries(space, state_dict)
    graph.node_value, graph.edge_value = (
        entries[torch.from_numpy(held.source).to(entries.device)] for held in (arrays.nodes, arrays.edges)
    )
    return graph.to(entries.device)


def space_of(space: WeightSpace | Traced) -> WeightSpace:
    """A weight space, or that of a trace, in which the inputs and outputs of several tensors are one where they are."""
    return space if isinstance(space, WeightSpace) else space.spelled or space.space


@lru_cache(maxsize=32)
def template(space: WeightSpace, style: Style) -> ParameterGraph:
    """The graph of a space without values."""
    arrays = graph_arrays(space, style)
    return ParameterGraph(
        num_nodes=arrays.node_label.size,
        edge_index=torch.from_numpy(arrays.edge_index),
        label=torch.from_numpy(arrays.labels),
        node_label=torch.from_numpy(arrays.node_label),
        edge_label=torch.from_numpy(arrays.edge_label),
        node_of_value=torch.from_numpy(arrays.nodes.holder),
        node_value_label=torch.from_numpy(arrays.nodes.label),
        edge_of_value=torch.from_numpy(arrays.edges.holder),
        edge_value_label=torch.from_numpy(arrays.edges.label),
        space=space,
        style=style,
    )


def flat_entries(space: WeightSpace, state_dict: Mapping[str, Tensor]) -> Tensor:
    """All entries of a network, the tensors in the specification's order, `(entry, channel)`."""
    found, faults = [], []
    for name, tensor in owners(space).items():
        value = state_dict.get(name)
        if value is None:
            faults.append(f"{name!r} is missing")
        elif tuple(value.shape) in (tensor.own_shape, tensor.stored):
            found.append(value.reshape(-1, 1))
        elif tuple(value.shape[:-1]) == tensor.own_shape:
            found.append(value.reshape(-1, value.shape[-1]))
        else:
            faults.append(f"{name!r} has shape {tuple(value.shape)}, declared {tensor.own_shape}")
    if faults:
        raise ValueError("the network does not fit the specification:\n  " + "\n  ".join(faults))
    return torch.cat(found)


def parameter_graphs(networks: Iterable[Network], *, parallel: bool = False, vector_nodes: bool = False) -> Batch:
    """The graphs of some networks, of any architectures and widths, in one batch.

    Parameters
    ----------
    networks
        For each network its weight space, or its trace, and its `state_dict`.
    parallel, vector_nodes
        As for `parameter_graph`.

    Returns
    -------
    Batch
        A `torch_geometric.data.Batch`: one graph of several parts, with the part of each node in `batch`.

    Raises
    ------
    ValueError
        If there are no networks, or one does not fit its specification.

    Examples
    --------
    >>> small, large = (WeightSpace({"b": "h"}, sets={"h": size}) for size in (2, 3))
    >>> parameter_graphs([(small, {"b": torch.ones(2)}), (large, {"b": torch.ones(3)})]).batch
    tensor([0, 0, 0, 1, 1, 1, 1])
    """
    graphs = [parameter_graph(space, state, parallel=parallel, vector_nodes=vector_nodes) for space, state in networks]
    if not graphs:
        raise ValueError("there are no networks to read")
    return Batch.from_data_list(graphs)


def state_dicts(
    graphs: ParameterGraph | Batch, node_value: Tensor | None = None, edge_value: Tensor | None = None
) -> list[dict[str, Tensor]]:
    """The networks of some graphs, the inverse of `parameter_graphs`.

    Parameters
    ----------
    graphs
        A graph, or a batch of graphs.
    node_value, edge_value
        What to give in the place of the entries that nodes and edges hold, `(entry, channel)`; by default these.

    Returns
    -------
    list of dict
        For each network its tensors, `{tensor: (*axes)}` for one channel, else `{tensor: (*axes, channels)}`.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 2})
    >>> state_dicts(parameter_graphs([(space, {"b": torch.tensor([1.0, 2.0])})]))
    [{'b': tensor([1., 2.])}]
    """
    at_nodes = graphs.node_value if node_value is None else node_value
    at_edges = graphs.edge_value if edge_value is None else edge_value
    spaces: Sequence[WeightSpace] = graphs.space if isinstance(graphs, Batch) else [graphs.space]
    styles: Sequence[Style] = graphs.style if isinstance(graphs, Batch) else [graphs.style]
    found = []
    for space, style in zip(spaces, styles, strict=True):
        arrays = graph_arrays(space, style)
        order = torch.from_numpy(entry_order(space, style)).to(at_nodes.device)
        nodes, at_nodes = at_nodes[: arrays.nodes.source.size], at_nodes[arrays.nodes.source.size :]
        edges, at_edges = at_edges[: arrays.edges.source.size], at_edges[arrays.edges.source.size :]
        found.append(tensors_of(space, torch.cat([nodes, edges])[order]))
    return found


@lru_cache(maxsize=32)
def entry_order(space: WeightSpace, style: Style) -> Any:
    """For each entry of a space its place among those that nodes hold, followed by those that edges hold."""
    arrays = graph_arrays(space, style)
    return np.argsort(np.concatenate([arrays.nodes.source, arrays.edges.source]))


def tensors_of(space: WeightSpace, entries: Tensor) -> dict[str, Tensor]:
    """The tensors of a network from all its entries, `(entry, channel)`; the inverse of `flat_entries`."""
    parts = entries.split([torch.Size(tensor.shape).numel() for tensor in space])
    found: dict[str, Tensor] = {}
    for tensor, part in zip(space, parts, strict=True):
        shape = tensor.stored if entries.shape[1] == 1 else (*tensor.own_shape, entries.shape[1])
        found |= dict(zip(tensor.members, part.reshape(-1, *shape), strict=True))
    return found
