"""A graph network that reads networks of any architectures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.utils import scatter

from layergen.graph.data import Network, ParameterGraph, parameter_graphs, state_dicts
from layergen.graph.encoding import Decoder, Encoder, LabelEmbedding
from layergen.graph.labels import Column
from layergen.graph.layers import LAYERS, GNNLayer
from layergen.graph.links import NumberedLinks, links_of
from layergen.graph.probed import ProbedNetworks, Probing

__all__ = ["GraphMetanet"]

READOUTS = ("all", "edges", "outputs")


class GraphMetanet(nn.Module):
    """A graph network that reads the weights of networks of any architectures, in one batch.

    It takes `[(space, state_dict), …]`, or graphs that `layergen.graph.parameter_graphs` has made of these. With
    `out_features` it gives invariants, with `out_channels` numbers for each entry. Which tensor an entry is of, and
    which index a node, it knows by labels that are embedded: the kind of the index or tensor, the words of the tensor's
    name, the depth from the input and from the output, the distance from the middle of a kernel, the number of an input
    or output. These mean the same in every architecture, and leave no two tensors exchangeable.

    The three kinds are those of the papers, with differences: norms are over the channels of one node or edge, an edge
    has one set of channels for both directions, and nodes of the transformer attend to their neighbours and themselves,
    not to all nodes. Where all networks of a batch are of one architecture, and every edge is from a layer's neurons to
    another's, sums run over the axes of arrays instead of over numbered edges (`blocks`).

    Parameters
    ----------
    out_features
        The number of invariants that the network gives. Give either `out_features` or `out_channels`.
    out_channels
        The number of numbers that the network gives for each entry.
    kind
        "gmn", a Graph Metanetwork; "ng-gnn" or "ng-t", the graph network or the transformer on neural graphs.
    in_channels
        The number of numbers that an entry has; a `state_dict` has one.
    hidden
        The number of channels of nodes and edges.
    layers
        The number of rounds of messages; a node hears what is that many edges away.
    heads
        The number of heads of the transformer, which divides `hidden`.
    fourier
        The number of random frequencies at which entries are encoded; 0 for none.
    fourier_scale
        The standard deviation of the frequencies, in periods per standard deviation of the entries (see `fit`).
    reverse
        Whether messages also go against the direction of the computation.
    readout
        What invariants are read from: "edges", the mean of all edges (Lim et al.); "outputs", the mean of the nodes
        that no tensor reads (Kofinas et al. concatenate them); "all", these two, and means and maxima of all nodes and
        maxima of all edges.
    parallel, vector_nodes
        As for `layergen.graph.parameter_graph`; by default both for "gmn", neither for the other kinds.
    update
        Whether the network gives `w + γ σ · output`, with a learned γ for each tensor, by its label, that begins at
        0.01, and with the deviation σ of such entries that `fit` has found (before, one over the root of their fan).
    dropout
        The probability, from 0 to 1, with which a number of a layer's output is nought in training.
    blocks
        Whether sums run over axes where they can; the result differs by rounding.
    probes
        Inputs on which networks are run, as `layergen.nn.Probes`, or several of them, one for each architecture and
        width that the network will read. What they record on a set are further entries of the set's nodes.

    Raises
    ------
    ValueError
        If options contradict each other or are out of range.

    References
    ----------
    Lim, Maron, Law, Lorraine and Lucas, "Graph metanetworks for processing diverse neural architectures", ICLR 2024;
    Kofinas, Knyazev, Zhang, Chen, Burghouts, Gavves, Snoek and Zhang, "Graph neural networks for learning equivariant
    representations of neural networks", ICLR 2024.

    Examples
    --------
    >>> from layergen import trace
    >>> networks = [nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)), nn.Sequential(nn.Linear(2, 1))]
    >>> pairs = [(trace(network, [torch.randn(3, 2)]), network.state_dict()) for network in networks]
    >>> GraphMetanet(out_features=10, kind="ng-gnn")(pairs).shape
    torch.Size([2, 10])
    >>> changed = GraphMetanet(out_channels=1, kind="gmn", update=True)(pairs)
    >>> networks[0].load_state_dict(changed[0])
    <All keys matched successfully>
    """

    def __init__(
        self,
        out_features: int | None = None,
        out_channels: int | None = None,
        *,
        kind: Literal["gmn", "ng-gnn", "ng-t"] = "ng-gnn",
        in_channels: int = 1,
        hidden: int = 32,
        layers: int = 4,
        heads: int = 8,
        fourier: int = 8,
        fourier_scale: float = 0.5,
        reverse: bool = True,
        readout: Literal["all", "edges", "outputs"] = "all",
        parallel: bool | None = None,
        vector_nodes: bool | None = None,
        update: bool = False,
        dropout: float = 0.0,
        blocks: bool = True,
        probes: Probing | Sequence[Probing] = (),
    ) -> None:
        super().__init__()
        check_options(kind, readout, out_features, out_channels, hidden, heads)
        if update and out_channels != in_channels:
            raise ValueError(f"update adds the output to the input: give out_channels={in_channels}")
        self.in_channels, self.update, self.blocks = in_channels, update, blocks
        self.parallel = kind == "gmn" if parallel is None else parallel
        self.vector_nodes = kind == "gmn" if vector_nodes is None else vector_nodes
        self.probed = ProbedNetworks(probes) if isinstance(probes, Sequence) else ProbedNetworks([probes])
        self.labels = LabelEmbedding(hidden)
        self.encoder = Encoder(in_channels, hidden, fourier, fourier_scale)
        self.layers = nn.ModuleList(LAYERS[kind](hidden, heads, reverse, dropout) for _ in range(layers))
        self.readout = None if out_features is None else Readout(hidden, out_features, readout)
        self.decoder = None if out_channels is None else Decoder(hidden, out_channels)
        self.gamma = nn.Linear(hidden, 1) if update else None
        if self.gamma is not None:
            nn.init.zeros_(self.gamma.weight)
            nn.init.constant_(self.gamma.bias, 0.01)

    def graphs(self, networks: Iterable[Network] | ParameterGraph | Batch) -> Batch:
        """The graphs of some networks, as this network reads them.

        Parameters
        ----------
        networks
            Weight spaces, or traces, each with a `state_dict`; or graphs.

        Returns
        -------
        Batch
            The graphs in one batch, on the device of the parameters.
        """
        if isinstance(networks, ParameterGraph) and not isinstance(networks, Batch):
            networks = Batch.from_data_list([networks])
        device = self.encoder.entries.weight.device
        if isinstance(networks, Batch):
            if not self.probed.own or set(networks.space) <= set(self.probed.wide.values()):
                return networks.to(device)
            networks = zip(networks.space, state_dicts(networks), strict=True)
        if self.probed.own:
            networks = self.probed(
                (space, {name: value.to(device) for name, value in state.items()}) for space, state in networks
            )
        return parameter_graphs(networks, parallel=self.parallel, vector_nodes=self.vector_nodes).to(device)

    @torch.no_grad()
    def fit(self, networks: Iterable[Network] | Batch) -> GraphMetanet:
        """Set the statistics by which entries and degrees are standardised to those of a training set.

        Parameters
        ----------
        networks
            The networks of the set, as `forward` takes them.

        Returns
        -------
        GraphMetanet
            The network itself.
        """
        graphs = self.graphs(networks)
        self.encoder.fit(graphs)
        like = graphs.edge_value.new_empty(graphs.num_edges, 1)
        read, written = graphs.edge_index
        degrees = NumberedLinks(read, written, graphs.num_nodes).degree(like, both=True)
        for layer in self.layers:
            if isinstance(layer, GNNLayer):
                layer.usual.copy_((degrees + 1).log().mean())
        return self

    def forward(self, networks: Iterable[Network] | ParameterGraph | Batch) -> Any:
        """Apply the network.

        Parameters
        ----------
        networks
            `[(space, state_dict), …]`, in which a trace may take the place of a space; or graphs of these.

        Returns
        -------
        Tensor or list of dict
            Invariants `(network, out_features)`; or for each network `{tensor: (*axes)}`, as in its `state_dict`, and
            with more than one channel `{tensor: (*axes, out_channels)}`.

        Raises
        ------
        ValueError
            If a network does not fit its specification, or has another number of channels than `in_channels`.
        """
        graphs = self.graphs(networks)
        found = self.outputs(graphs)
        if self.decoder is None:
            return found
        states = state_dicts(graphs, *found)
        return [{name: value for name, value in one.items() if name not in self.probed.names} for one in states]

    def outputs(self, graphs: Batch) -> Any:
        """What the network gives for graphs, before networks are made of it.

        Parameters
        ----------
        graphs
            Graphs in one batch.

        Returns
        -------
        Tensor or tuple of Tensor
            Invariants `(network, out_features)`; or numbers for the entries that nodes and that edges hold,
            `(entry, out_channels)`.

        Raises
        ------
        ValueError
            If entries have another number of channels than `in_channels`.
        """
        if (channels := graphs.node_value.shape[1]) != self.in_channels:
            raise ValueError(f"entries of {channels} channels given, expected {self.in_channels}")
        links = links_of(graphs, blocks=self.blocks)
        labels = self.labels(graphs.label)
        x, e = self.encoder(graphs, labels)
        for layer in self.layers:
            x, e = layer(links, x, e)
        if self.readout is not None:
            return self.readout(graphs, x, e)
        assert self.decoder is not None  # one of the two is there
        nodes, edges = self.decoder(graphs, labels, x, e)
        if self.gamma is not None:
            gamma = self.gamma(labels)
            nodes = graphs.node_value + gamma[graphs.node_value_label] * self.encoder.deviations(graphs, "node") * nodes
            edges = graphs.edge_value + gamma[graphs.edge_value_label] * self.encoder.deviations(graphs, "edge") * edges
        return nodes, edges


class Readout(nn.Module):
    """Invariants of each graph of a batch, by a perceptron of means and maxima over its nodes and edges.

    Parameters
    ----------
    hidden
        The number of channels of nodes and edges.
    out_features
        The number of invariants.
    over
        What is read: "all", "edges" or "outputs".
    """

    def __init__(self, hidden: int, out_features: int, over: str) -> None:
        super().__init__()
        self.over = over
        self.lifted = nn.Linear(hidden, hidden)
        self.mixed = nn.Sequential(
            nn.Linear(hidden * (5 if over == "all" else 1), 2 * hidden), nn.SiLU(), nn.Linear(2 * hidden, out_features)
        )

    def forward(self, graphs: Batch, x: Tensor, e: Tensor) -> Tensor:
        nodes, edges = graphs.batch, graphs.batch[graphs.edge_index[0]]
        outputs = graphs.label[graphs.node_label, Column.STREAM] == 2
        mean_of = {
            "edges": (self.lifted(e).relu(), edges, "mean"),
            "outputs": (x[outputs], nodes[outputs], "mean"),
        }
        every = [*mean_of.values(), (x, nodes, "mean"), (x, nodes, "max"), (e, edges, "max")]
        pools = [
            scatter(values, part, dim_size=graphs.num_graphs, reduce=how)
            for values, part, how in (every if self.over == "all" else [mean_of[self.over]])
        ]
        return self.mixed(torch.cat(pools, dim=-1))


def check_options(
    kind: str, readout: str, out_features: int | None, out_channels: int | None, hidden: int, heads: int
) -> None:
    """Raise `ValueError` for options that contradict each other or that there are not."""
    if (out_features is None) == (out_channels is None):
        raise ValueError(f"out_features={out_features} and out_channels={out_channels}: give one of them")
    if kind not in LAYERS:
        raise ValueError(f"kind={kind!r}: one of {', '.join(LAYERS)}")
    if readout not in READOUTS:
        raise ValueError(f"readout={readout!r}: one of {', '.join(READOUTS)}")
    if kind == "ng-t" and hidden % heads:
        raise ValueError(f"hidden={hidden} is no multiple of heads={heads}")
