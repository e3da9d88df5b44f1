"""Networks run on learned inputs, inside a metanetwork and alone."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call

from layergen import stack, trace
from layergen.nn import Metanet, Probes
from layergen.testing import assert_equivariant, assert_invariant
from layergen.tracing.recording import OwnAxes
from symmetry import WeightSpace
from tests.layergen.nn.probed import (
    CHANNELS_LAST,
    NETWORKS,
    Convolutional,
    LastState,
    Scattered,
    Transformer,
    networks,
    perceptron,
    small,
    weights_of,
)

RECORDED = {
    "perceptron": ["probe.0[h_0]", "probe.1[h_0]", "probe.2[h_2]", "probe.3[h_2]"],
    "convolutions": ["probe.a[a]", "probe.norm[a]", "probe.relu_[a]", "probe.b[b]", "probe.max_pool2d[b]"],
    "GRU": ["probe.rnn[rnn]", "probe.select[rnn]"],
    "last state": ["probe.rnn[rnn]", "probe.select[rnn]"],
    "cell": ["probe.cell[cell]", "probe.cell_2[cell]", "probe.cell_3[cell]"],
}


def outputs_of_parts(network, x):
    """What each part of a network gives, by the path of the part."""
    found = {}

    def hook(path):
        def keep(_, __, output):
            if isinstance(output, tuple):
                output = output[1][0] if isinstance(network, LastState) else output[0]
            found.setdefault(path, output.clone())

        return keep

    for path, part in network.named_modules():
        if path and not list(part.children()):
            part.register_forward_hook(hook(path))
    return found, network(x)


@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_values_are_what_the_networks_compute(name):
    probes = small(name)
    made, x = weights_of(name, probes)
    values, outputs = probes(x)
    inputs = NETWORKS[name][1][0][:3] if name == "tokens" else probes.inputs[0]()
    compared = 0
    for number, network in enumerate(made):
        parts, output = outputs_of_parts(network, inputs)
        torch.testing.assert_close(outputs[number], output.flatten(), rtol=1e-5, atol=1e-6)
        for path, value in parts.items():
            if f"probe.{path}" in values:
                dims = tuple(range(1, value.ndim - 1)) if name in CHANNELS_LAST else (-2, -1)
                value = value.mean(dims) if value.ndim > 2 else value
                torch.testing.assert_close(values[f"probe.{path}"][number], value.T, rtol=1e-5, atol=1e-6)
                compared += 1
    assert compared >= 3


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_recorded(name):
    assert [str(tensor) for tensor in small(name).space] == RECORDED[name]


def sound(x):
    """Features in which variances are positive, as in no random ones."""
    return {name: value.abs() if name.endswith("running_var") else value for name, value in x.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_values_move_with_the_weights(name):
    probes = small(name).double()
    options = {"dtype": torch.float64, "examples": 5}
    assert_equivariant(lambda x: probes(sound(x))[0], probes.weights, target=probes.space, **options)
    assert_invariant(lambda x: probes(sound(x))[1], probes.weights, **options)


@pytest.mark.parametrize("name", ["perceptron", "convolutions", "GRU", "cell", "transformer", "tied"])
def test_metanetworks_with_probes_respect_the_symmetry(name):
    probes, options = small(name).double(), {"dtype": torch.float64, "examples": 5}
    terms = "local" if name == "transformer" else "all"
    invariant = Metanet(probes.weights, out_features=2, hidden=4, layers=1, probes=probes, terms=terms).double()
    assert_invariant(lambda x: invariant(sound(x)), probes.weights, **options)
    if name != "transformer":  # its layers are large
        update = Metanet(probes.weights, out_channels=1, hidden=4, layers=1, probes=probes, update=True).double()
        assert_equivariant(lambda x: update(sound(x)), probes.weights, **options)


def test_every_parameter_learns():
    for options in (
        {"out_features": 2},
        {"out_channels": 1},
        {"out_channels": 1, "terms": "local"},
        {"out_features": 2, "terms": "local", "layers": 1},
        {"out_features": 2, "fuse": False, "maximum": False},
    ):
        probes = small("perceptron")
        _, x = weights_of("perceptron", probes)
        metanet = Metanet(probes.weights, hidden=4, probes=probes, **options).fit(x)
        output = metanet(x)
        loss = (
            output.square().sum()
            if isinstance(output, torch.Tensor)
            else sum(v.square().sum() for v in output.values())
        )
        loss.backward()
        assert [n for n, p in metanet.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_outputs_are_added():
    probes = small("perceptron")
    _, x = weights_of("perceptron", probes)
    metanet = Metanet(probes.weights, out_features=2, hidden=4, probes=probes).fit(x)
    whole, metanet.fused = metanet(x), None
    assert not torch.allclose(whole, metanet(x))


def test_fit_sets_the_statistics_of_values_and_outputs():
    probes = small("perceptron")
    _, x = weights_of("perceptron", probes, count=20)
    reading = Metanet(probes.weights, out_features=2, probes=probes).fit(x).reading.probed
    values, outputs = reading.standard(*probes(x))
    torch.testing.assert_close(outputs.mean(0), torch.zeros(9), rtol=0, atol=1e-5)
    torch.testing.assert_close(values["probe.2"].mean((0, 1)), torch.zeros(3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["perceptron", "convolutions"])
def test_chunks_change_nothing(name):
    probes, chunked = small(name), small(name, chunk_size=2)
    chunked.load_state_dict(probes.state_dict())
    _, x = weights_of(name, probes, count=5)
    results = []
    for one in (probes, chunked):
        values, outputs = one(x)
        (outputs.square().sum() + sum(value.square().sum() for value in values.values())).backward()
        results.append([*values.values(), outputs, *(p.grad for p in one.parameters())])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_memory_is_that_of_a_chunk():
    saved = {}
    for size in (None, 2):
        probes, kept = small("convolutions", chunk_size=size), []
        _, x = weights_of("convolutions", probes, count=8)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda value, kept=kept: kept.append(value.numel()) or value, lambda v: v
        ):
            probes(x)
        saved[size] = sum(kept)
    assert saved[2] < saved[None] / 3


@pytest.mark.parametrize("name", ["perceptron", "convolutions", "LSTM", "transformer"])
def test_half_precision(name):
    probes = small(name)
    _, x = weights_of(name, probes)
    expected, _ = probes(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed, _ = probes(x)
    halved, _ = copy.deepcopy(probes).bfloat16()({key: value.bfloat16() for key, value in x.items()})
    for key, value in expected.items():
        assert (mixed[key].dtype, halved[key].dtype) == (torch.float32, torch.bfloat16)
        torch.testing.assert_close(mixed[key], value, rtol=0.1, atol=0.1)
        torch.testing.assert_close(halved[key].float(), value, rtol=0.1, atol=0.1)
    if name != "convolutions":  # torch has no rule for these under both autocast and vmap
        assert not torch.equal(mixed[key], value)


def test_the_module_is_a_template():
    probes = small("convolutions")
    metanet = Metanet(probes.weights, out_features=1, hidden=4, probes=probes)
    kept = {
        key.removeprefix("reading.probed.probes.") for key in metanet.state_dict() if "reading.probed.probes" in key
    }
    assert kept == {"inputs.0.values"}
    own = {id(p) for p in metanet.parameters()}
    assert own.isdisjoint(id(p) for p in NETWORKS["convolutions"][0]().parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_copies_and_pickles(name):
    probes = small(name)
    _, x = weights_of(name, probes)
    stored = io.BytesIO()
    torch.save(probes, stored)
    stored.seek(0)
    for twin in (copy.deepcopy(probes), pickle.loads(pickle.dumps(probes)), torch.load(stored, weights_only=False)):
        assert torch.equal(twin(x)[1], probes(x)[1])


def test_what_the_space_lacks_is_the_modules():
    network, other = networks(perceptron, 2)
    part = WeightSpace({"0.weight": "h 2", "0.bias": "h", "2.weight": "7 h"}, sets={"h": 5})
    probes = Probes(network, [torch.randn(4, 2)], count=3, space=part)
    x = stack([other.state_dict()], part, ignore=["2.bias", "4.*"])
    mixed = {**network.state_dict(), **{name: value[0, ..., 0] for name, value in x.items()}}
    expected = functional_call(network, mixed, (probes.inputs[0](),)).flatten()
    torch.testing.assert_close(probes(x)[1][0], expected)
    torch.testing.assert_close(probes.outputs(x)[0], expected)


def test_several_inputs_and_options():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.out = nn.Linear(2, 5), nn.Linear(3, 5), nn.Linear(5, 1)

        def forward(self, x, factor, *, y):
            return self.out((self.left(x) + factor * self.right(y)).tanh())

    network = Two()
    probes = Probes(network, [torch.randn(4, 2), 0.5], count=6, example_options={"y": torch.randn(4, 3)})
    x, y = (one() for one in probes.inputs)
    expected = network(x, 0.5, y=y).flatten()
    torch.testing.assert_close(probes(stack([network.state_dict()], probes.weights))[1][0], expected)


def test_where_probes_begin():
    (example,) = NETWORKS["perceptron"][1]
    assert torch.equal(Probes(perceptron(), [example], count=6).inputs[0](), example[[0, 1, 2, 3, 0, 1]])
    uniform = Probes(perceptron(), [example], count=200, start="uniform").inputs[0]()
    assert -1 < uniform.min() < -0.9
    assert 0.9 < uniform.max() < 1
    given = torch.randn(6, 2)
    fixed = Probes(perceptron(), [example], count=6, start=[given], learned=False)
    assert torch.equal(fixed.inputs[0](), given)
    assert not list(fixed.parameters())
    assert "inputs.0.values" in fixed.state_dict()
    tokens = Probes(Transformer(11), NETWORKS["tokens"][1], count=6, start="uniform").inputs[0]()
    assert tokens.shape == (6, 6, 11)
    torch.testing.assert_close(tokens.sum(-1), torch.ones(6, 6))


def test_codes():
    start = torch.randn(6, 1) * torch.randn(1, 2) + 1
    probes = Probes(perceptron(), [start], count=6, code=1)
    torch.testing.assert_close(probes.inputs[0](), start)
    assert {name: tuple(p.shape) for name, p in probes.inputs[0].named_parameters()} == {
        "codes": (6, 1),
        "map": (1, 2),
        "shift": (2,),
    }


def test_one_probe():
    probes = Probes(Convolutional(), [torch.randn(1, 1, 15, 15)], count=1)
    (network,) = networks(Convolutional, 1)
    values, outputs = probes(stack([network.state_dict()], probes.weights))
    torch.testing.assert_close(outputs, network(probes.inputs[0]()))
    assert values["probe.a"].shape == (1, 6, 1)


def test_no_networks():
    probes = small("perceptron")
    _, x = weights_of("perceptron", probes)
    values, outputs = probes({name: value[:0] for name, value in x.items()})
    assert (values["probe.0"].shape, outputs.shape) == ((0, 5, 3), (0, 9))


def test_record_and_reduce():
    probes = small("convolutions", record=["a", "relu*"], reduce=torch.amax)
    made, x = weights_of("convolutions", probes)
    values, _ = probes(x)
    assert list(values) == ["probe.a", "probe.relu_"]
    torch.testing.assert_close(values["probe.a"][0], made[0].a(probes.inputs[0]()).amax((-2, -1)).T)


def test_concatenated_values_keep_their_axis():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Linear(2, 3), nn.Linear(2, 4), nn.Linear(9, 1)

        def forward(self, x):
            return self.out(torch.cat([self.a(x).tanh(), self.b(x).tanh(), x], dim=-1))

    probes = Probes(Beside(), [torch.randn(3, 2)], count=3)
    assert str(probes.space["probe.cat"]) == "probe.cat[(a + b + 2)]"


def test_scattered_modules():
    torch.manual_seed(0)
    network = Scattered()
    probes = Probes(network, [torch.randn(4, 2)], count=3)
    values, outputs = probes(stack([network.state_dict()], probes.weights))
    expected = network(probes.inputs[0]())
    torch.testing.assert_close(outputs[0], torch.cat([expected["y"].T, expected["z"]], dim=1).flatten())
    assert {str(tensor).split("[")[1] for tensor in probes.space} <= {"a]", "b]"}
    torch.testing.assert_close(values["probe.a"][0], network.a(probes.inputs[0]()).T)


def test_values_on_wrong_axes_are_noticed(monkeypatch):
    right = OwnAxes.of
    monkeypatch.setattr(OwnAxes, "of", lambda self, value, reduce: right(self, value, reduce).roll(1, 0))
    with pytest.raises(ValueError, match=r"'probe\.0' does not move with the weights"):
        small("perceptron")


class Sine(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(1, 8), nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.c(self.b(self.a(x).sin()).sin())


def sines(count):
    """The weights of networks that are a·sin(bx), and the standardised a and b."""
    targets, network = torch.rand(count, 2) * 2 + 0.5, Sine()
    states = [Sine().state_dict() for _ in range(count)]
    weights = {name: torch.stack([state[name] for state in states]).requires_grad_() for name in states[0]}
    x = torch.linspace(-3, 3, 32)[:, None]
    optimiser = torch.optim.Adam(weights.values(), 1e-2)
    for _ in range(150):
        y = torch.vmap(lambda state: functional_call(network, state, (x,)))(weights)
        loss = (y[..., 0] - targets[:, :1] * torch.sin(targets[:, 1:] * x[:, 0])).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    features = {name: value.detach().unsqueeze(-1) for name, value in weights.items()}
    return features, (targets - targets.mean(0)) / targets.std(0)


def test_probes_learn_what_weights_hide():
    torch.manual_seed(0)
    x, targets = sines(200)
    space = trace(Sine(), [torch.zeros(3, 1)]).space
    errors = {}
    for kind in ("weights", "probes"):
        torch.manual_seed(0)
        probes = Probes(Sine(), [6 * torch.rand(16, 1) - 3]) if kind == "probes" else None
        seen = {name: value[:150] for name, value in x.items()}
        metanet = Metanet(space, out_features=2, hidden=8, probes=probes).fit(seen)
        optimiser = torch.optim.Adam(metanet.parameters(), 3e-3)
        for _ in range(60):
            loss = (metanet(seen) - targets[:150]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            held_out = metanet({name: value[150:] for name, value in x.items()})
            errors[kind] = float((held_out - targets[150:]).square().mean())
    assert errors["probes"] < 0.3 * errors["weights"], errors
