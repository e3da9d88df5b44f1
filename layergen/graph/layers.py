"""The layers of three graph networks, over the edges of a batch of networks of any architectures.

An edge has one set of channels, which messages in both directions read by maps of their own. Norms are over the
channels of one node or edge: no network sees another.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from layergen.graph.links import Links

__all__ = ["LAYERS", "GMNLayer", "GNNLayer", "TransformerLayer"]

EPSILON = 1e-5


class Ends(nn.Module):
    """A linear map of what is at the two ends of an edge and on it, `Lin[x_read ‖ x_written ‖ e]`, `(edge, out)`."""

    def __init__(self, hidden: int, out: int) -> None:
        super().__init__()
        self.read = nn.Linear(hidden, out, bias=False)
        self.written = nn.Linear(hidden, out, bias=False)
        self.own = nn.Linear(hidden, out)

    def forward(self, links: Links, x: Tensor, e: Tensor) -> Tensor:
        return self.own(e) + links.between(self.read(x), self.written(x))


def zeroed(linear: nn.Linear) -> nn.Linear:
    """A linear map that begins at nought, for the end of a residual branch."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class GMNLayer(nn.Module):
    """A layer of a Graph Metanetwork: edges hear their ends, nodes the mean of their edges, both added to what was.

    Parameters
    ----------
    hidden
        The number of channels of nodes and of edges.
    heads
        Without effect; layers take the same arguments.
    reverse
        Whether messages also go from the written to the read node.
    dropout
        The probability, from 0 to 1, with which a number of an update is nought in training.

    References
    ----------
    Lim et al., "Graph metanetworks for processing diverse neural architectures", ICLR 2024.
    """

    def __init__(self, hidden: int, heads: int, reverse: bool, dropout: float) -> None:
        super().__init__()
        self.norm_nodes, self.norm_edges = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.edge = Ends(hidden, hidden)
        self.sent = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(1 + reverse))
        self.carried = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(1 + reverse))
        self.node = nn.Linear(2 * hidden, hidden)
        self.added = nn.ModuleList(zeroed(nn.Linear(hidden, hidden)) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, links: Links, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        nodes, edges = self.norm_nodes(x), self.norm_edges(e)
        edges = self.edge(links, nodes, edges).relu()
        ends = (links.at_read, links.at_written)
        messages = [
            (end(sent(nodes)) + carried(edges)).relu()
            for end, sent, carried in zip(ends, self.sent, self.carried, strict=False)
        ]
        back = messages[1] if len(messages) > 1 else None
        mean = links.gathered(messages[0], back, "sum") / links.degree(edges, both=back is not None).clamp(min=1)
        nodes = self.node(torch.cat([nodes, mean], dim=-1)).relu()
        to_nodes, to_edges = self.added
        silu = nn.functional.silu
        return x + self.dropout(to_nodes(silu(nodes))), e + self.dropout(to_edges(silu(edges)))


class GNNLayer(nn.Module):
    """A layer of NG-GNN: messages that edges scale and shift, gathered in four ways (PNA).

    Parameters
    ----------
    hidden
        The number of channels of nodes and of edges.
    heads
        Without effect; layers take the same arguments.
    reverse
        Whether messages also go from the written to the read node.
    dropout
        The probability, from 0 to 1, with which a node's number is nought in training.

    References
    ----------
    Kofinas et al., "Graph neural networks for learning equivariant representations of neural networks", ICLR 2024;
    Corso et al., "Principal neighbourhood aggregation for graph nets", NeurIPS 2020.
    """

    usual: Tensor

    def __init__(self, hidden: int, heads: int, reverse: bool, dropout: float) -> None:
        super().__init__()
        self.reverse = reverse
        self.receiving = nn.Linear(hidden, hidden)
        self.sending = nn.Linear(hidden, hidden, bias=False)
        self.film = nn.ModuleList(nn.Linear(hidden, 2 * hidden) for _ in range(1 + reverse))
        self.gathering = nn.Sequential(nn.Linear(9 * hidden, hidden), nn.Linear(hidden, hidden))
        self.norm, self.dropout = nn.LayerNorm(hidden), nn.Dropout(dropout)
        self.edge, self.edge_out = Ends(hidden, hidden), nn.Linear(hidden, hidden)
        self.register_buffer("usual", torch.tensor(3.0))

    def forward(self, links: Links, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        received, sent = self.receiving(x), self.sending(x)
        scale, shift = self.film[0](e).chunk(2, dim=-1)
        to_written, to_read = scale * links.between(sent, received) + shift, None
        if self.reverse:
            scale, shift = self.film[1](e).chunk(2, dim=-1)
            to_read = scale * links.between(received, sent) + shift
        found = self.gathering(torch.cat([x, self._gathered(links, to_written, to_read)], dim=-1))
        x = self.dropout(nn.functional.silu(self.norm(found)))
        return x, self.edge_out(nn.functional.silu(self.edge(links, x, e)))

    def _gathered(self, links: Links, to_written: Tensor, to_read: Tensor | None) -> Tensor:
        """Mean, least, greatest and spread, as they are and amplified by the logarithm of the degree."""
        degree = links.degree(to_written, both=self.reverse)
        square = None if to_read is None else to_read**2
        mean = links.gathered(to_written, to_read, "sum") / degree.clamp(min=1)
        variance = (links.gathered(to_written**2, square, "sum") / degree.clamp(min=1) - mean**2).relu()
        least, most = links.gathered(to_written, to_read, "min"), links.gathered(to_written, to_read, "max")
        found = torch.cat([mean, least, most, (variance + EPSILON).sqrt()], dim=-1)
        return torch.cat([found, found * ((degree + 1).log() / self.usual)], dim=-1)


class TransformerLayer(nn.Module):
    """A layer of NG-T: relational attention of each node to its neighbours and itself, followed by two perceptrons.

    Queries and keys are sums of what nodes and edges give, values products. The mask is on: a node attends to what an
    edge joins it to, which is where the network has weights, and never to padding, of which there is none.

    Parameters
    ----------
    hidden
        The number of channels of nodes and of edges.
    heads
        The number of heads, which divides `hidden`.
    reverse
        Whether nodes also attend to those that they are read by.
    dropout
        The probability, from 0 to 1, with which a number of an update is nought in training.

    References
    ----------
    Kofinas et al., "Graph neural networks for learning equivariant representations of neural networks", ICLR 2024;
    Diao and Loynd, "Relational attention: generalizing transformers for graph-structured tasks", ICLR 2023.
    """

    def __init__(self, hidden: int, heads: int, reverse: bool, dropout: float) -> None:
        super().__init__()
        self.heads, self.reverse = heads, reverse
        self.nodes = nn.Linear(hidden, 3 * hidden, bias=False)
        self.edges = nn.ModuleList(nn.Linear(hidden, 4 * hidden) for _ in range(1 + reverse))
        self.loop = nn.Parameter(torch.randn(1, 4 * hidden) / hidden**0.5)
        self.mixed = nn.Linear(hidden, hidden)
        self.node = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, hidden))
        self.edge, self.edge_out = Ends(hidden, hidden), nn.Linear(hidden, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, links: Links, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third = self.norms
        x = first(x + self.dropout(self.mixed(self._attended(links, x, e))))
        x = second(x + self.dropout(self.node(x)))
        return x, third(e + self.dropout(self.edge_out(self.edge(links, x, e).relu())))

    def _attended(self, links: Links, x: Tensor, e: Tensor) -> Tensor:
        """What each node takes of its neighbours and of itself, `(node, channel)`."""
        query, key, value = self.nodes(x).chunk(3, dim=-1)
        other = torch.cat([key, value], dim=-1)
        ahead = self._scored(links.at_written(query), links.at_read(other), self.edges[0](e))
        back: tuple[Any, Any] = (None, None)
        if self.reverse:
            back = self._scored(links.at_read(query), links.at_written(other), self.edges[1](e))
        itself = self._scored(query, other, self.loop)
        with torch.no_grad():
            most = torch.maximum(links.gathered(ahead[0], back[0], "max"), itself[0])
        weights = (ahead[0] - links.at_written(most)).exp()
        against = (back[0] - links.at_read(most)).exp() if self.reverse else None
        own = (itself[0] - most).exp()
        taken = links.gathered(
            self._times(weights, ahead[1]), None if against is None else self._times(against, back[1]), "sum"
        )
        total = links.gathered(weights, against, "sum") + own
        return self._times(1 / total, taken + self._times(own, itself[1]))

    def _scored(self, query: Tensor, other: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
        """The score of each head and the value, of each pair."""
        key, value = other.chunk(2, dim=-1)
        to_query, to_key, times, plus = edge.chunk(4, dim=-1)
        products = ((query + to_query) * (key + to_key)).unflatten(-1, (self.heads, -1))
        return products.sum(-1) / products.shape[-1] ** 0.5, value * times + plus

    def _times(self, weights: Tensor, values: Tensor) -> Tensor:
        """Values times the weight of each head."""
        return (values.unflatten(-1, (self.heads, -1)) * weights[..., None]).flatten(-2)


LAYERS = {"gmn": GMNLayer, "ng-gnn": GNNLayer, "ng-t": TransformerLayer}
"""The layer of each kind of graph network."""
