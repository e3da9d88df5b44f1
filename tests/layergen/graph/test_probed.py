"""Graph networks with probes: what networks compute is read, on the nodes of the sets it lives on."""

from itertools import pairwise

import pytest
import torch
from torch import nn

import layergen
from layergen.graph import GraphMetanet
from layergen.graph.labels import Kind
from layergen.nn import Probes
from symmetry.space.elements import random_element
from tests.layergen.graph.networks import KINDS, made


def perceptron(*widths):
    layers = [part for one in pairwise(widths) for part in (nn.Linear(*one), nn.Tanh())]
    return nn.Sequential(*layers[:-1]).double()


def convolutions():
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2, 2)).double()


GENERATOR = torch.Generator().manual_seed(0)
INPUT, IMAGE = (torch.randn(*shape, generator=GENERATOR).double() for shape in ((6, 2), (6, 1, 5, 5)))


@pytest.fixture(scope="module")
def probes():
    torch.manual_seed(0)
    small, deep = perceptron(2, 4, 3), perceptron(2, 5, 4, 3)
    return [Probes(small, [INPUT], count=5), Probes(deep, [INPUT], count=5), Probes(convolutions(), [IMAGE], count=2)]


def of(probes, seed=0):
    """A random network of the architecture of some probes."""
    generator = torch.Generator().manual_seed(seed)
    return probes.weights, {
        tensor.name: torch.randn(tensor.stored, generator=generator, dtype=torch.double) for tensor in probes.weights
    }


def moved(pair, seed):
    """A network with its neurons in another order."""
    space, state = pair
    g = random_element(space, seed)
    found = g.act({tensor.name: state[tensor.name].reshape(tensor.shape).numpy() for tensor in space})
    return space, {name: torch.as_tensor(value).reshape(state[name].shape) for name, value in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_several_architectures_in_one_batch(kind, probes):
    """Each gives what it gives alone, whatever the order of its neurons."""
    network = made(kind, out_features=3, probes=probes)
    pairs = [of(one) for one in probes] + [of(probes[0], seed=1)]
    network.fit(pairs)
    together = network(pairs)
    torch.testing.assert_close(together, torch.cat([network([pair]) for pair in pairs]))
    torch.testing.assert_close(together, network([moved(pair, 3) for pair in pairs]))
    assert together.std(0).max() > 1e-3


def test_nodes_hold_what_is_recorded_on_their_sets(probes):
    first = probes[0]
    network, pair = made("ng-gnn", out_features=1, probes=first), of(first)
    graphs = network.graphs([pair])
    values, _ = first(layergen.stack([pair[1]], first.weights))
    own = graphs.label[graphs.node_value_label, 0] == Kind.VECTOR
    held = graphs.node_value[own, 0].sort().values
    expected = [*values.values(), *(state for name, state in pair[1].items() if name.endswith("bias"))]
    torch.testing.assert_close(held, torch.cat([one.flatten() for one in expected]).sort().values)
    hidden = next(tensor for tensor in first.space).shape[0]
    assert graphs.num_nodes == 2 + hidden + 3, "no nodes of probes"
    again = network.graphs(graphs)
    assert again.space == graphs.space


def test_gradients_reach_the_probes_and_the_networks(probes):
    network, (space, state) = made("ng-gnn", out_features=1, probes=probes), of(probes[0])
    state = {name: value.requires_grad_() for name, value in state.items()}
    network([(space, state)]).sum().backward()
    assert all(value.grad.abs().max() > 0 for value in state.values())
    assert next(probes[0].inputs.parameters()).grad.abs().max() > 0
    probes[0].zero_grad()


def test_graphs_without_what_probes_show_are_given_it(probes):
    network, plain = made("gmn", out_channels=1, probes=probes), made("gmn", out_channels=1)
    pairs = [of(probes[0]), of(probes[2])]
    (first, second), again = network(pairs), network(plain.graphs(pairs))
    assert first.keys() == pairs[0][1].keys()
    assert second.keys() == pairs[1][1].keys()
    torch.testing.assert_close([first, second], again)


def test_probes_are_read():
    """The same network on other probes gives another answer; a network beside it that has no probes does not run."""
    torch.manual_seed(0)
    module = perceptron(2, 4, 3)
    one, other = (Probes(module, [INPUT + shift], count=4) for shift in (0.0, 1.0))
    pair = of(one)
    answers = [made("ng-t", out_features=2, probes=probes)([pair]) for probes in (one, other)]
    assert (answers[0] - answers[1]).abs().max() > 1e-3
    with pytest.raises(ValueError, match=r"no probes run networks of the space .*; given: "):
        made("ng-t", out_features=2, probes=other)([of(Probes(convolutions(), [IMAGE], count=2))])


def test_traces_take_the_place_of_spaces():
    torch.manual_seed(0)
    module = convolutions()
    trace = layergen.trace(module, [IMAGE])
    probes = Probes(module, [IMAGE], count=2)
    answer = GraphMetanet(out_features=1, hidden=8, layers=1, probes=probes).double()([(trace, module.state_dict())])
    assert answer.shape == (1, 1)


def test_probes_tell_what_weights_hide():
    """How saturated units are on some inputs: learned in few steps from probes, and not from weights alone."""
    torch.manual_seed(0)
    module = perceptron(1, 6, 1)
    probes = Probes(module, [torch.linspace(-2, 2, 8)[:, None].double()], count=8)
    pairs = [of(probes, seed) for seed in range(64)]
    x = layergen.stack([state for _, state in pairs], probes.weights)
    with torch.no_grad():
        y = probes(x)[0]["probe.1"].square().mean((1, 2))[:, None]
    y, errors = (y - y.mean()) / y.std(), {}
    for given in ((), probes):
        torch.manual_seed(0)
        model = GraphMetanet(out_features=1, hidden=16, layers=1, probes=given).double().fit(pairs)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(50):
            optimiser.zero_grad()
            nn.functional.mse_loss(model(pairs[:48]), y[:48]).backward()
            optimiser.step()
        with torch.no_grad():
            errors[bool(given)] = nn.functional.mse_loss(model(pairs[48:]), y[48:]).item()
    assert errors[True] < 0.7 * errors[False], errors
