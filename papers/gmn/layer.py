"""The published layer of Graph Metanetworks as ours: its weights by their places in `layergen.graph`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from layergen.graph.layers import GMNLayer
from layergen.graph.links import NumberedLinks

__all__ = ["difference", "of_published"]


def of_published(block: Any, hidden: int) -> GMNLayer:
    """Our layer with the weights of a `ResEdgeMPNNBlock`, which sends messages in the direction of edges only.

    The published layer concatenates what is at the ends of an edge and on it, and multiplies by one matrix; ours
    multiplies each by a part of it.
    """
    ours = GMNLayer(hidden, heads=1, reverse=False, dropout=0.0).double()
    edge, node = block.conv.edge_model, block.conv.node_model
    sent, mixed = node.node_mlp_1[0], node.node_mlp_2[0]
    at_read, at_written, own = edge.edge_mlp[0].weight.split(hidden, 1)
    to_node, of_edge = sent.weight.split(hidden, 1)
    ours.load_state_dict(
        {
            **named("norm_nodes", block.node_norm),
            **named("norm_edges", block.edge_norm),
            "edge.read.weight": at_read,
            "edge.written.weight": at_written,
            "edge.own.weight": own,
            "edge.own.bias": edge.edge_mlp[0].bias,
            "sent.0.weight": to_node,
            "carried.0.weight": of_edge,
            "carried.0.bias": sent.bias,
            **named("node", mixed),
            **named("added.0", block.node_mlp[1]),
            **named("added.1", block.edge_mlp[1]),
        }
    )
    return ours.eval()


def named(place: str, module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module under the name of another."""
    return {f"{place}.{name}": value for name, value in module.state_dict().items()}


def difference(block: Any, hidden: int, nodes: int = 20, edges: int = 70) -> float:
    """The largest difference between a published layer and ours with its weights, on a random graph."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, edges), generator=generator)
    x, e = (torch.randn(n, hidden, generator=generator, dtype=torch.float64) for n in (nodes, edges))
    with torch.no_grad():
        theirs = block.double().eval()(x, ends, e, None, None)
        ours = of_published(block, hidden)(NumberedLinks(ends[0], ends[1], nodes), x, e)
    return max(float((a - b).abs().max()) for a, b in zip(theirs, ours, strict=True))
