"""The published layer of NG-GNN as ours: its weights by their places in `layergen.graph`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from layergen.graph.layers import GNNLayer
from layergen.graph.links import NumberedLinks

__all__ = ["difference", "of_published"]


def of_published(conv: Any, edge: Any, hidden: int) -> GNNLayer:
    """Our layer with the weights of a `PNAConv` and the `EdgeMLP` after it; the norm between them is new.

    The published layer takes the norm's statistics over all nodes of a batch. Ours takes them over the channels of
    each node, and its scale and shift are 1 and 0.
    """
    ours = GNNLayer(hidden, heads=1, reverse=False, dropout=0.0).double()
    before, first = conv.pre_nns[0][0], conv.post_nns[0][0]
    receiving, sending = before.weight.split(hidden, 1)
    state = ours.state_dict() | {
        "receiving.weight": receiving,
        "receiving.bias": before.bias,
        "sending.weight": sending,
        **named("film.0", conv.edge_encoder),
        **named("gathering.0", first),
        **named("gathering.1", conv.lin),
        "usual": conv.aggr_module.avg_deg_log,
        "edge.own.weight": edge.lin_e.weight,
        "edge.own.bias": edge.lin_e.bias + edge.lin_s.bias + edge.lin_t.bias,
        "edge.read.weight": edge.lin_s.weight,
        "edge.written.weight": edge.lin_t.weight,
        **named("edge_out", edge.lin1),
    }
    ours.load_state_dict(state)
    return ours.eval()


def named(place: str, module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module under the name of another."""
    return {f"{place}.{name}": value for name, value in module.state_dict().items()}


def difference(conv: Any, edge: Any, hidden: int, nodes: int = 20, edges: int = 200) -> float:
    """The largest difference between a published layer, with a norm for each node, and ours with its weights."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, edges), generator=generator)
    x, e = (torch.randn(n, hidden, generator=generator, dtype=torch.float64) for n in (nodes, edges))
    with torch.no_grad():
        found = conv.double().eval()(x, ends, e)
        nodes_after = nn.functional.silu(nn.functional.layer_norm(found, (hidden,)))
        theirs = nodes_after, edge.double().eval()(nodes_after, ends, e)
        ours = of_published(conv, edge, hidden)(NumberedLinks(ends[0], ends[1], nodes), x, e)
    return max(float((a - b).abs().max()) for a, b in zip(theirs, ours, strict=True))
