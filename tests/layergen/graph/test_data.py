"""Networks as graphs and back, one or many, of any architectures."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import layergen
from layergen.graph import heterogeneous_graph, heterogeneous_state_dict, parameter_graph, parameter_graphs, state_dicts
from symmetry import WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.graph.coloured import ATTENTION, MIXED, PERCEPTRON

KINDS = ("free", "positional")


def random_network(space, channels=()):
    return {name: torch.randn((*tensor.own_shape, *channels)) for tensor in space for name in tensor.members}


@given(
    st.lists(weight_spaces(kinds=KINDS, max_tensors=3), min_size=1, max_size=3),
    st.sampled_from([(), (2,)]),
    st.booleans(),
    st.booleans(),
)
def test_there_and_back(spaces, channels, parallel, vector_nodes):
    networks = [random_network(space, channels) for space in spaces]
    pairs = list(zip(spaces, networks, strict=True))
    for network, back in zip(
        networks, state_dicts(parameter_graphs(pairs, parallel=parallel, vector_nodes=vector_nodes)), strict=True
    ):
        assert list(back) == list(network)
        assert all(torch.equal(back[name], network[name]) for name in network)


def test_a_trace_in_the_place_of_a_space():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    traced = layergen.trace(network, [torch.randn(4, 2)])
    graph = parameter_graph(traced, network.state_dict())
    assert (graph.num_nodes, graph.num_edges) == (2 + 3 + 1, 2 * 3 + 3)
    network.load_state_dict(state_dicts(graph)[0])


def test_a_trace_says_which_outputs_are_one():
    """Two heads of three outputs each: a bias is at the outputs of its weight, and not at those of the other head."""
    network = Heads()
    traced = layergen.trace(network, [torch.randn(4, 2)])
    graph = parameter_graph(traced, network.state_dict())
    assert graph.num_nodes == 2 + 4 + 3 + 3
    outputs = {
        name: set(graph.edge_index[1, graph.edge_of_value[torch.isin(graph.edge_value[:, 0], weight)]].tolist())
        for name, weight in network.state_dict().items()
        if name in ("first.weight", "second.weight")
    }
    assert outputs["first.weight"].isdisjoint(outputs["second.weight"])
    for name, nodes in outputs.items():
        bias = network.state_dict()[name.replace("weight", "bias")]
        assert set(graph.node_of_value[torch.isin(graph.node_value[:, 0], bias)].tolist()) == nodes


class Heads(nn.Module):
    """Two outputs of one hidden layer."""

    def __init__(self):
        super().__init__()
        self.hidden, self.first, self.second = nn.Linear(2, 4), nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        hidden = torch.tanh(self.hidden(x))
        return self.first(hidden), self.second(hidden)


def test_the_graph_of_a_perceptron():
    """The weight from input to neuron is on the edge from the one to the other, the bias at the neuron."""
    network = random_network(PERCEPTRON)
    graph = parameter_graph(PERCEPTRON, network)
    assert graph.validate()
    read, written = graph.edge_index[:, graph.edge_of_value]
    first = {"x": 0, "h": 2, "k": 6, "y": 9}
    for (target, source), name in {("h", "x"): "0.weight", ("k", "h"): "2.weight", ("y", "k"): "4.weight"}.items():
        rows, columns = network[name].shape
        for row in range(rows):
            for column in range(columns):
                edge = (read == first[source] + column) & (written == first[target] + row)
                assert graph.edge_value[edge].item() == network[name][row, column]
    assert torch.equal(graph.node_value[graph.node_of_value == first["h"] + 1, 0], network["0.bias"][1:2])


def test_batches_keep_networks_apart():
    pairs = [(space, random_network(space)) for space in (MIXED, PERCEPTRON, ATTENTION)]
    graphs = parameter_graphs(pairs)
    assert graphs.validate()
    read, written = graphs.edge_index
    assert torch.equal(graphs.batch[read], graphs.batch[written])
    for number, (space, network) in enumerate(pairs):
        alone = parameter_graph(space, network)
        assert torch.equal(graphs[number].edge_index, alone.edge_index)
        own = graphs.batch == number
        assert torch.equal(graphs.label[graphs.node_label[own]], alone.label[alone.node_label])
        held = own[graphs.node_of_value]
        assert torch.equal(graphs.node_value[held], alone.node_value)
        assert torch.equal(graphs.label[graphs.node_value_label[held]], alone.label[alone.node_value_label])


def test_gradients_reach_the_network():
    network = {name: value.requires_grad_() for name, value in random_network(MIXED).items()}
    graph = parameter_graph(MIXED, network)
    (graph.node_value.sum() + graph.edge_value.sum()).backward()
    assert all(torch.equal(value.grad, torch.ones_like(value)) for value in network.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda network: network.pop("0.bias"), "'0.bias' is missing"),
        (lambda network: network.update({"0.bias": torch.ones(7)}), r"'0.bias' has shape \(7,\), declared \(4,\)"),
    ],
)
def test_networks_that_do_not_fit(change, message):
    network = random_network(PERCEPTRON)
    change(network)
    with pytest.raises(ValueError, match=message):
        parameter_graph(PERCEPTRON, network)


def test_no_networks():
    with pytest.raises(ValueError, match="no networks"):
        parameter_graphs([])


def test_a_pixel_grid_is_two_axes_of_a_network():
    space = WeightSpace({"w": "h 9"}, sets={"h": 2})
    assert state_dicts(parameter_graph(space, random_network(space)))[0]["w"].shape == (2, 9)


@given(weight_spaces(kinds=KINDS, max_tensors=4), st.sampled_from([(), (2,)]), st.booleans(), st.booleans())
def test_types_there_and_back(space, channels, parallel, vector_nodes):
    network = random_network(space, channels)
    graph = parameter_graph(space, network, parallel=parallel, vector_nodes=vector_nodes)
    found = heterogeneous_graph(graph)
    assert found.validate()
    assert (found.num_nodes, found.num_edges) == (graph.num_nodes, graph.num_edges)
    back = heterogeneous_state_dict(graph, found.x_dict, found.edge_attr_dict)
    assert all(torch.equal(back[name], network[name]) for name in network)


def test_types_of_attention():
    """Pieces of one tensor between the same indices are types of their own."""
    space = WeightSpace(
        {"in.weight": "((head dk) + (head dk)) d", "in.bias": "((head dk) + (head dk))"},
        sets={"d": 3, "head": 2, "dk": {"size": 2, "within": "head"}},
    )
    network = random_network(space)
    found = heterogeneous_graph(parameter_graph(space, network))
    assert set(found.edge_types) == {("d", "in.weight", "dk"), ("d", "in.weight 1", "dk"), ("head", "nesting", "dk")}
    assert torch.equal(found["d", "in.weight 1", "dk"].edge_attr.reshape(4, 3), network["in.weight"][4:])
    assert torch.equal(found["dk"].x, network["in.bias"].reshape(2, 4).T)
    with pytest.raises(ValueError, match="a batch of graphs"):
        heterogeneous_graph(parameter_graphs([(space, network)]))
