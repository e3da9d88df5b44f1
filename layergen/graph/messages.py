"""Features of one weight space as graphs and back, and rounds of messages as a module on features."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from layergen.features import Features, observed
from layergen.graph.arrays import Style
from layergen.graph.building import graph_arrays
from layergen.graph.data import entry_order, template
from layergen.graph.metanet import GraphMetanet
from symmetry.space.weight_space import WeightSpace

__all__ = ["Messages", "feature_graphs", "graph_features"]


class Messages(nn.Module):
    """Rounds of messages along the parameter graphs of networks of one weight space, from features to features.

    It stands where a derived layer does, beside it or after it: `EquivariantLinear` has every linear map at once and
    no other function, a round of messages reaches the next neurons only and tells messages apart before it sums them.

    Parameters
    ----------
    space
        The weight space of the features.
    in_channels
        The number of channels of the features taken.
    out_channels
        The number of channels of the features given.
    kind
        "gmn", "ng-gnn" or "ng-t", as for `layergen.nn.GraphMetanet`.
    layers
        The number of rounds.
    **options
        Other options of `layergen.nn.GraphMetanet`.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> Messages(space, 4, 16)({"w": torch.randn(5, 8, 2, 4), "b": torch.randn(5, 8, 4)})["w"].shape
    torch.Size([5, 8, 2, 16])
    """

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_channels: int,
        *,
        kind: Any = "ng-gnn",
        layers: int = 1,
        **options: Any,
    ) -> None:
        super().__init__()
        graph_arrays(space)  # refuses a space that has no graph
        sizes = {"in_channels": in_channels, "out_channels": out_channels, "hidden": out_channels, "layers": layers}
        self.space, self.in_channels = space, in_channels
        self.graph = GraphMetanet(**{"kind": kind, "parallel": True, "fourier": 0} | sizes | options)

    def forward(self, x: Features) -> Features:
        graphs = feature_graphs(x, self.space, parallel=self.graph.parallel, vector_nodes=self.graph.vector_nodes)
        return graph_features(graphs, *self.graph.outputs(graphs))


def feature_graphs(x: Features, space: WeightSpace, *, parallel: bool = False, vector_nodes: bool = False) -> Batch:
    """The parameter graphs of some networks of one space, from features.

    Parameters
    ----------
    x
        The features, `{tensor: (batch, *axes, channels)}`, at the declared or at other widths.
    space
        The weight space of the features.
    parallel, vector_nodes
        As for `layergen.graph.parameter_graph`.

    Returns
    -------
    Batch
        The graphs, with the channels of the features.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 2})
    >>> feature_graphs({"b": torch.ones(5, 3, 4)}, space).node_value.shape
    torch.Size([15, 4])
    """
    seen, style = observed(space, x), Style(parallel, vector_nodes)
    arrays = graph_arrays(seen, style)
    entries = torch.cat(
        [value.reshape(len(value), -1, value.shape[-1]) for value in (x[name] for name in seen.names)], dim=1
    )
    graphs = copy.copy(blank(seen, style, len(entries))).to(entries.device)
    graphs.node_value, graphs.edge_value = (
        entries[:, torch.from_numpy(held.source).to(entries.device)].flatten(0, 1)
        for held in (arrays.nodes, arrays.edges)
    )
    return graphs


@lru_cache(maxsize=16)
def blank(space: WeightSpace, style: Style, count: int) -> Batch:
    """A batch of graphs of one space without values."""
    return Batch.from_data_list([template(space, style)] * count)


def graph_features(graphs: Batch, node_value: Tensor, edge_value: Tensor) -> Features:
    """Features from what graphs of one space have for each entry, the inverse of `feature_graphs`.

    Parameters
    ----------
    graphs
        The graphs.
    node_value, edge_value
        Numbers for the entries that nodes and edges hold, `(entry, channel)`.

    Returns
    -------
    Features
        `{tensor: (batch, *axes, channels)}`.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 2})
    >>> graphs = feature_graphs({"b": torch.ones(5, 3, 4)}, space)
    >>> graph_features(graphs, graphs.node_value, graphs.edge_value)["b"].shape
    torch.Size([5, 3, 4])
    """
    space, style, count = graphs.space[0], graphs.style[0], len(graphs.space)
    sides = [values.unflatten(0, (count, len(values) // count)) for values in (node_value, edge_value)]
    entries = torch.cat(sides, dim=1)[:, torch.from_numpy(entry_order(space, style)).to(node_value.device)]
    parts = entries.split([torch.Size(tensor.shape).numel() for tensor in space], dim=1)
    return {tensor.name: part.reshape(count, *tensor.shape, -1) for tensor, part in zip(space, parts, strict=True)}
