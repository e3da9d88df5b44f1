"""Graph networks: of each network by itself, in blocks or not; what they learn, and what they refuse."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch

import layergen
from layergen.graph import GraphMetanet, parameter_graphs
from layergen.graph.links import BlockLinks, NumberedLinks, links_of
from layergen.testing import assert_invariant
from symmetry import WeightSpace
from tests.layergen.graph.coloured import ATTENTION, MIXED, PERCEPTRON
from tests.layergen.graph.networks import KINDS, made, random_networks


def close(first, second):
    return torch.allclose(first, second, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_networks_do_not_hear_each_other(kind):
    """A batch of several architectures gives what each network gives alone, in whatever order; so do widths."""
    pairs = random_networks(PERCEPTRON, ATTENTION, MIXED, PERCEPTRON, PERCEPTRON.resized({"h": 9, "k": 1}))
    network = made(kind, out_features=3)
    together = network(pairs)
    assert together.shape == (5, 3)
    assert close(together, torch.cat([network([pair]) for pair in pairs]))
    assert close(together, network(pairs[::-1]).flip(0))
    assert together.std(0).min() > 1e-3
    changed = made(kind, out_channels=1)
    for whole, pair in zip(changed(pairs), pairs, strict=True):
        (alone,) = changed([pair])
        assert all(close(whole[name], alone[name]) for name in alone)


@pytest.mark.parametrize("options", [{}, {"parallel": True, "vector_nodes": True}, {"reverse": False}])
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_numbered_edges(kind, options):
    """The dense path: the same outputs and the same gradients."""
    convolutions = WeightSpace(
        {"a": "h x 3 3", "b": "h", "c": "h h 1 1", "d": "y h", "e": "y"}, sets={"h": 3}, free={"x": 2, "y": 2}
    )
    for space in (PERCEPTRON, convolutions):
        pairs = random_networks(*[space] * 3)
        found = []
        for blocks in (True, False):
            network = made(kind, out_channels=1, blocks=blocks, **options)
            expected = BlockLinks if blocks else NumberedLinks
            assert isinstance(links_of(network.graphs(pairs), blocks=blocks), expected)
            outputs = [value for one in network(pairs) for value in one.values()]
            sum((value**2).sum() for value in outputs).backward()
            found.append([*outputs, *(one.grad for one in network.parameters() if one.grad is not None)])
        assert all(close(*pair) for pair in zip(*found, strict=True))


def test_other_widths_and_architectures_have_numbered_edges():
    wider = PERCEPTRON.resized({"h": 5})
    assert isinstance(links_of(parameter_graphs(random_networks(PERCEPTRON, wider))), NumberedLinks)
    assert isinstance(links_of(parameter_graphs(random_networks(ATTENTION, ATTENTION))), NumberedLinks)


@pytest.mark.parametrize("kind", KINDS)
def test_padding(kind):
    """Units beside a network that nothing joins to it, as padding is, leave what is read of it as it was."""
    (pair,) = random_networks(PERCEPTRON)
    network = made(kind, out_channels=1)
    graphs = network.graphs([pair])
    expected = network(graphs)[0]
    padded = copy.copy(graphs)
    padded.num_nodes = graphs.num_nodes + 5
    padded.node_label = torch.cat([graphs.node_label, graphs.node_label[:1].expand(5)])
    padded.batch = torch.cat([graphs.batch, graphs.batch[:1].expand(5)])
    network.blocks = False
    found = network(padded)[0]
    assert all(close(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("kind", KINDS)
def test_learning(kind):
    """One network, of perceptrons of several widths and depths: how large the weights are, where it counts."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    shallow = WeightSpace({"0.weight": "h x", "2.weight": "y h"}, sets={"h": 6}, free={"x": 2, "y": 1})
    pairs, targets = [], []
    for number in range(48):
        space = (PERCEPTRON, shallow, PERCEPTRON.resized({"h": 7}))[number % 3]
        scale = 0.3 + torch.rand((), generator=generator)
        network = {name: torch.randn(shape, generator=generator) for name, shape in space.shapes.items()}
        network["0.weight"] = network["0.weight"] * scale
        pairs.append((space, network))
        targets.append(scale.log())
    target = torch.stack(targets)[:, None]
    model = GraphMetanet(out_features=1, kind=kind, hidden=16, heads=4, layers=2)
    graphs = model.graphs(pairs)
    model.fit(graphs)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(graphs), target)
        loss.backward()
        optimiser.step()
    assert loss < 0.15 * target.var()


def test_statistics():
    pairs = random_networks(PERCEPTRON, PERCEPTRON)
    network = made("ng-gnn", out_features=1)
    before = network(pairs)
    network.fit(pairs)
    assert not close(before, network(pairs))
    wide = [(space, {name: 100 + 7 * value for name, value in network.items()}) for space, network in pairs]
    other = made("ng-gnn", out_features=1).fit(wide)
    biases = [name for name in PERCEPTRON.names if name.endswith("bias")]
    assert len(biases) == 3
    assert torch.allclose(other(wide), network(pairs), rtol=1e-6) is False  # the weights' fans differ
    only = [(PERCEPTRON.only(biases), {name: network[name] for name in biases}) for _, network in pairs]
    moved = [(space, {name: 100 + 7 * value for name, value in network.items()}) for space, network in only]
    first, second = (made("ng-gnn", out_features=1).fit(networks)(networks) for networks in (only, moved))
    assert close(first, second)


def test_updates_begin_at_the_weights():
    pairs = random_networks(PERCEPTRON, MIXED)
    for (_, before), after in zip(pairs, GraphMetanet(None, 1, update=True).double()(pairs), strict=True):
        for name, value in before.items():
            assert after[name].shape == value.shape
            assert 0 < (after[name] - value).abs().max() < 0.1


def test_updates_are_in_the_deviations_of_weights():
    """Weights a hundred times as small are changed a hundred times less."""
    pairs = random_networks(PERCEPTRON, MIXED)
    small = [(space, {name: value / 100 for name, value in network.items()}) for space, network in pairs]
    torch.manual_seed(0)
    network = GraphMetanet(None, 1, update=True).double()
    steps = []
    for given in (pairs, small):
        found = network.fit(given)(given)
        steps.append(
            [after[name] - value for (_, own), after in zip(given, found, strict=True) for name, value in own.items()]
        )
    varied = 0
    for step, other in zip(*steps, strict=True):
        if not torch.allclose(step, other):  # where there is one value, nothing is known of its deviation
            torch.testing.assert_close(other, step / 100)
            varied += 1
    assert varied >= len(steps[0]) / 2


def test_channels():
    network = made("ng-t", out_channels=3, in_channels=2)
    pairs = [(PERCEPTRON, {name: torch.randn(*shape, 2).double() for name, shape in PERCEPTRON.shapes.items()})]
    assert network(pairs)[0]["0.weight"].shape == (4, 2, 3)
    with pytest.raises(ValueError, match="entries of 1 channels given, expected 2"):
        network(random_networks(PERCEPTRON))


def test_one_graph_is_a_batch_of_one():
    pairs = random_networks(PERCEPTRON)
    network = made("gmn", out_features=2)
    graph = layergen.graph.parameter_graph(*pairs[0], parallel=True, vector_nodes=True)
    assert close(network(graph), network(pairs))
    assert close(network(Batch.from_data_list([graph])), network(pairs))


def test_it_is_copied_and_saved():
    pairs = random_networks(PERCEPTRON)
    network = made("ng-t", out_features=2)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(network(pairs), other(pairs))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give one of them"),
        ({"out_features": 1, "out_channels": 1}, "give one of them"),
        ({"out_features": 1, "kind": "gcn"}, "one of gmn, ng-gnn, ng-t"),
        ({"out_features": 1, "readout": "nodes"}, "one of all, edges, outputs"),
        ({"out_features": 1, "kind": "ng-t", "hidden": 20}, "no multiple of heads=8"),
        ({"out_channels": 2, "update": True}, "give out_channels=1"),
    ],
)
def test_options_that_contradict(options, message):
    with pytest.raises(ValueError, match=message):
        GraphMetanet(**options)


@pytest.mark.parametrize("readout", ["edges", "outputs"])
def test_readouts_of_the_papers(readout):
    network = made("gmn", out_features=2, readout=readout)
    assert_invariant(network, PERCEPTRON, form="graphs", examples=5)
    assert network(random_networks(PERCEPTRON, PERCEPTRON)).std(0).min() > 1e-4
