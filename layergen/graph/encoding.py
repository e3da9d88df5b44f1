"""From a parameter graph to channels of its nodes and edges: labels are embedded, entries beside them, and back."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import PositionalEncoding
from torch_geometric.utils import scatter

from layergen.graph.labels import WORDS, Column, Kind

__all__ = ["Decoder", "Encoder", "LabelEmbedding"]

NUMBERS = (Column.DEPTH, Column.HEIGHT, Column.RANK, Column.PLACE, Column.ROW, Column.COLUMN)
"""The columns of a label that are numbers; the others are words of a vocabulary."""
VOCABULARIES = {Column.KIND: len(Kind), Column.STREAM: 4, Column.ROLE: WORDS, Column.MODULE: WORDS}


class LabelEmbedding(nn.Module):
    """A vector for each label: of its words by tables, of its numbers by sines of many periods.

    Takes labels `(label, column)`, gives `(label, channel)`.

    Parameters
    ----------
    channels
        The number of channels given.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        waves = 16
        self.tables = nn.ModuleList(nn.Embedding(size, channels) for size in VOCABULARIES.values())
        self.waves = PositionalEncoding(waves)
        self.numbers = nn.Linear(waves * len(NUMBERS), channels)
        self.mixed = nn.Sequential(nn.SiLU(), nn.Linear(channels, channels))

    def forward(self, labels: Tensor) -> Tensor:
        numbers = labels[:, list(NUMBERS)].to(self.numbers.weight.dtype)
        waves = self.waves(numbers.reshape(-1)).to(numbers).reshape(len(labels), -1)
        words = [table(labels[:, column]) for table, column in zip(self.tables, VOCABULARIES, strict=True)]
        return self.mixed(torch.stack([self.numbers(waves), *words]).sum(0))


class Encoder(nn.Module):
    """Channels of nodes and edges: the embedding of the label, and each entry times numbers that its label says.

    An entry is taken times the square root of the number of entries that are summed with it, so that networks of all
    widths look alike. It is standardised by what `fit` has seen of its kind and of the last word of its tensor's name,
    and has the cosines and sines of random multiples of it beside it.

    Parameters
    ----------
    in_channels
        The number of numbers that an entry has.
    hidden
        The number of channels given.
    fourier
        The number of random frequencies; 0 for none.
    scale
        The standard deviation of the frequencies, in periods.

    References
    ----------
    Tancik et al. (2020), "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
    NeurIPS.
    """

    frequencies: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, in_channels: int, hidden: int, fourier: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(Kind) * WORDS, in_channels))
        self.register_buffer("std", torch.ones(len(Kind) * WORDS, in_channels))
        self.register_buffer("frequencies", scale * torch.randn(fourier))
        self.entries = nn.Linear(in_channels * (1 + 2 * fourier), hidden)
        self.factors = nn.Linear(hidden, hidden)

    def fit(self, graphs: Batch) -> None:
        """Set mean and standard deviation of the entries of each kind and name to those of some networks."""
        values, buckets = map(torch.cat, zip(*(scaled_entries(graphs, side) for side in ("node", "edge")), strict=True))
        count = len(self.mean)
        seen = scatter(torch.ones_like(values), buckets, dim_size=count, reduce="sum")
        mean = scatter(values, buckets, dim_size=count, reduce="mean")
        variance = scatter((values - mean[buckets]) ** 2, buckets, dim_size=count, reduce="mean")
        self.mean.copy_(mean)
        # One value seen, or many equal ones, tell nothing of the scale.
        self.std.copy_(torch.where((seen > 1) & (variance > 0), variance.sqrt(), 1.0))

    def deviations(self, graphs: Batch, side: str) -> Tensor:
        """The standard deviation of the entries of its kind and name, for each entry, `(entry, channel)`."""
        roots, buckets = scales(graphs, side)
        return self.std[buckets] / roots.to(self.std.dtype)

    def forward(self, graphs: Batch, labels: Tensor) -> tuple[Tensor, Tensor]:
        nodes = self._held(graphs, "node", labels, graphs.num_nodes)
        edges = self._held(graphs, "edge", labels, graphs.num_edges)
        return labels[graphs.node_label] + nodes, labels[graphs.edge_label] + edges

    def _held(self, graphs: Batch, side: str, labels: Tensor, count: int) -> Tensor:
        """The sums of the entries that the nodes or the edges hold, `(node or edge, channel)`."""
        own = graphs[f"{side}_value_label"]
        values, buckets = scaled_entries(graphs, side)
        values = (values - self.mean[buckets]) / self.std[buckets]
        phases = 2 * math.pi * values[..., None] * self.frequencies
        waves = torch.cat([values[..., None], phases.cos(), phases.sin()], dim=-1).flatten(1)
        entries = self.entries(waves) * (1 + self.factors(labels))[own]
        return scatter(entries, graphs[f"{side}_of_value"], dim_size=count, reduce="sum")


def scaled_entries(graphs: Batch, side: str) -> tuple[Tensor, Tensor]:
    """Entries times the square root of their fan, `(entry, channel)`, and the bucket of kind and name of each."""
    roots, buckets = scales(graphs, side)
    values = graphs[f"{side}_value"]
    return values * roots.to(values.dtype), buckets


def scales(graphs: Batch, side: str) -> tuple[Tensor, Tensor]:
    """The square root of the fan of each entry, `(entry, 1)`, and the bucket of its kind and name."""
    labels = graphs.label[graphs[f"{side}_value_label"]]
    return labels[:, Column.FAN, None].double().sqrt(), labels[:, Column.KIND] * WORDS + labels[:, Column.ROLE]


class Decoder(nn.Module):
    """Numbers for each entry of a network, from the channels of the node or edge that holds it.

    Parameters
    ----------
    hidden
        The number of channels of nodes and edges.
    out_channels
        How many numbers are given for each entry.
    """

    def __init__(self, hidden: int, out_channels: int) -> None:
        super().__init__()
        self.factors = nn.Linear(hidden, hidden)
        self.shifts = nn.Linear(hidden, hidden)
        self.read_out = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, out_channels))

    def forward(self, graphs: Batch, labels: Tensor, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        factors, shifts = 1 + self.factors(labels), self.shifts(labels)

        def read(values: Tensor, holder: Tensor, own: Tensor) -> Tensor:
            return self.read_out(values[holder] * factors[own] + shifts[own])

        nodes = read(x, graphs.node_of_value, graphs.node_value_label)
        return nodes, read(e, graphs.edge_of_value, graphs.edge_value_label)
