"""Messages on features of one space, and beside derived layers."""

import pytest
import torch
from hypothesis import given, settings

from layergen.graph import Messages, feature_graphs, graph_features, parameter_graphs, state_dicts
from layergen.nn import Metanet
from layergen.testing import assert_equivariant, assert_invariant, random_features
from symmetry import SpecificationError, WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.graph.coloured import ATTENTION, MIXED, PERCEPTRON
from tests.layergen.graph.networks import KINDS


@settings(max_examples=30)
@given(weight_spaces(kinds=("free", "positional"), max_tensors=3))
def test_there_and_back(space):
    x = random_features(space, 2, batch=3)
    for parallel in (False, True):
        graphs = feature_graphs(x, space, parallel=parallel, vector_nodes=parallel)
        back = graph_features(graphs, graphs.node_value, graphs.edge_value)
        assert all(torch.equal(back[name], x[name]) for name in space.names)


def test_graphs_of_features_are_graphs_of_networks():
    x = random_features(MIXED, 1, batch=3)
    graphs = feature_graphs(x, MIXED)
    networks = [{name: value[number, ..., 0] for name, value in x.items()} for number in range(3)]
    others = parameter_graphs([(MIXED, network) for network in networks])
    for key in ("edge_index", "batch", "edge_of_value", "node_of_value", "node_value", "edge_value"):
        assert torch.equal(graphs[key], others[key])
    assert torch.equal(graphs.label[graphs.edge_label], others.label[others.edge_label])
    for network, back in zip(networks, state_dicts(graphs), strict=True):
        assert all(torch.equal(network[name], back[name]) for name in network)


def test_graphs_are_where_the_features_are():
    x = {name: value.to("meta") for name, value in random_features(MIXED, 1, batch=3).items()}
    graphs = feature_graphs(x, MIXED)
    assert {value.device.type for _, value in graphs if isinstance(value, torch.Tensor)} == {"meta"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [PERCEPTRON, MIXED])
def test_equivariance(kind, space):
    torch.manual_seed(0)
    assert_equivariant(Messages(space, 2, 8, kind=kind, layers=2).double(), space, examples=5)


def test_other_widths():
    torch.manual_seed(0)
    wide = PERCEPTRON.resized({"h": 7})
    messages = Messages(PERCEPTRON, 1, 8)
    assert messages(random_features(wide, 1))["0.weight"].shape[1:] == (7, 2, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_hybrid(kind):
    torch.manual_seed(0)
    with_messages = Metanet(PERCEPTRON, out_features=2, hidden=8, messages=kind).double()
    assert_invariant(with_messages, PERCEPTRON, examples=5)
    x = random_features(PERCEPTRON, 1, batch=2, dtype=torch.double)
    before = with_messages(x)
    for parameter in with_messages.blocks[0].inner[1].messages.parameters():
        torch.nn.init.normal_(parameter)
    assert not torch.allclose(before, with_messages(x))


def test_hybrid_of_some_tensors():
    """The last block gives the tensors that the head reads only."""
    torch.manual_seed(0)
    local = Metanet(ATTENTION, out_channels=1, hidden=8, messages="ng-gnn", terms="local").double()
    assert_equivariant(local, ATTENTION, examples=5)


def test_a_group_that_multiplies_has_no_messages():
    space = WeightSpace({"w": "h x"}, sets={"h": {"size": 3, "scaled": "positive"}}, free={"x": 2})
    for make in (lambda: Messages(space, 1, 8), lambda: Metanet(space, out_features=1, messages="gmn")):
        with pytest.raises(SpecificationError, match="a graph is of permutations"):
            make()
