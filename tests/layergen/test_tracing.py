"""Traced specifications: as large as they should be, right, and of use without an edit."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import layergen
import symmetry
from layergen.testing import assert_equivariant, assert_function_preserved
from layergen.tracing.trace import in_general_position
from symmetry import EquivariantMaps, SpecificationError, group_order
from tests.generated.architectures import ARCHITECTURES, random_network, sizes, specification
from tests.layergen.commands import run
from tests.layergen.networks import IMAGE, NETWORKS, Forward, made

SETS = {
    "perceptron": {5: 1, 4: 1},
    "CNN": {4: 1, 5: 1},
    "CNN, batch norm": {4: 1},
    "ResNet, basic": {4: 2, 6: 3},
    "ResNet, bottleneck": {4: 1, 3: 2, 8: 2, 2: 2},
    "depthwise separable": {6: 1, 2: 1, "2 in 2": 1, "4 in 2": 1},
    "U-Net": {4: 2, 6: 1, 5: 1},
    "DenseNet block": {4: 3},
    "autoencoder": {4: 2, 6: 1},
    "LSTM": {4: 2},
    "LSTM, both ways": {4: 4},
    "GRU": {4: 2},
    "RNN": {4: 2},
    "attention": {8: 1, 2: 1, "4 in 2": 2},
    "transformer encoder": {8: 1, 16: 2, 2: 2, "4 in 2": 4},
    "transformer": {8: 1, 16: 2, 2: 3, "4 in 2": 6},
    "SIREN": {5: 2},
    "NeRF skip": {6: 1, 5: 1},
    "MLP-mixer": {8: 1, 6: 1, 10: 1},
    "squeeze and excitation": {8: 1, 2: 1},
    "SwiGLU": {6: 1},
    "grouped queries": {12: 1, 2: 1, "2 in 2": 1, "3 in 2": 2},
    "tied embedding": {4: 1},
}
"""How many sets of each size there are; nested ones with the size of their parent."""
UNSEEN = {
    "attention": "key biases add the same to all scores, which softmax takes away",
    "transformer encoder": "key biases",
    "transformer": "key biases",
    "grouped queries": "key biases",
    "autoencoder": "the normalised channels' mean takes the bias before it away",
    "MLP-mixer": "the mean over tokens takes their order away",
}
"""Where more is possible than any specification of this kind declares, and why."""
every_network = pytest.mark.parametrize("name", NETWORKS)


def traced(name, **options):
    network, inputs = made(name)
    return layergen.trace(network, inputs, **options)


def kinds(space):
    """Sets by size, nested ones with the size of their parent."""
    found = {}
    for index in space.indices:
        kind = index.size if index.parent is None else f"{index.size} in {space.index(index.parent).size}"
        found[kind] = found.get(kind, 0) + 1
    return found


@every_network
def test_every_set_is_found_and_proved(name):
    found = traced(name)
    assert kinds(found.space) == SETS[name]
    assert found.preserved
    assert found.warnings == ()
    assert bool(found.possible) == (name in UNSEEN), found.possible
    assert found.tried > 0
    assert [frozen.why for frozen in found.frozen if not frozen.why] == []


@every_network
def test_without_proof_the_result_is_the_same(name):
    found = traced(name, prove=False)
    assert (found.preserved, found.space) == (None, traced(name).space)
    network, inputs = made(name)
    assert_function_preserved(in_general_position(network), found.space, inputs, examples=3)


@every_network
def test_the_round_trip(name):
    space = traced(name, prove=False).space
    assert symmetry.parse(symmetry.dumps(space)) == space
    assert EquivariantMaps(space).dimension > 0
    networks = [made(name)[0].state_dict() for _ in range(2)]
    x = layergen.stack(networks, space)
    layer = layergen.EquivariantLinear(space, 1, 2, terms="local")
    assert layer(x).keys() == x.keys()
    assert_equivariant(layer, space, examples=3)


def test_every_tensor_is_declared_once():
    network, inputs = made("tied embedding")
    network.again = network.hidden
    space = layergen.trace(network, inputs).space
    assert set(space.names) == {"embed.weight", "hidden.weight", "hidden.bias"}


def test_frozen_axes_have_reasons():
    reasons = {str(one) for one in traced("CNN").frozen}
    assert "0.weight, axis 1 (3): an axis of the input" in reasons
    assert "0.weight, axis 2 (3): the positions of a kernel" in reasons
    assert "5.bias, axis 0 (5): an axis of the output" in reasons


class Odd(nn.Module):
    """A network with an operator that has no rule."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 5), nn.Linear(5, 1)

    def forward(self, x):
        return self.second(torch.special.bessel_j0(self.first(x)))


def test_unknown_operators_freeze_and_say_so():
    found = layergen.trace(Odd(), [torch.randn(3, 2)])
    assert kinds(found.space) == {}
    assert any("there is no rule for this operator" in text for text in found.warnings)


def test_a_wrong_rule_is_caught_by_the_proof(monkeypatch):
    from layergen.tracing.operators import RULES

    monkeypatch.setitem(RULES, "cumsum", RULES["softmax"])

    def running(net, x):
        return net.out(torch.tanh(net.first(x)).cumsum(-1))

    network = Forward(running, first=nn.Linear(2, 5), out=nn.Linear(5, 1))
    found = layergen.trace(network, [torch.randn(3, 2)])
    assert kinds(found.space) == {}
    assert "frozen, because permuting it changes what the module computes" in found.warnings[0]
    assert kinds(layergen.trace(network, [torch.randn(3, 2)], prove=False).space) == {5: 1}


def test_units_that_are_shared_by_heads_are_not_nested():
    def scaled(net, x):
        heads = net.first(x).unflatten(-1, (2, 4)) * net.scale
        return net.out(heads.tanh().amax(-2))

    network = Forward(scaled, first=nn.Linear(3, 8), out=nn.Linear(4, 2))
    network.scale = nn.Parameter(torch.rand(4))
    found = layergen.trace(network, [torch.randn(3, 3)])
    assert kinds(found.space) == {2: 1, 4: 1} or kinds(found.space) == {"2 in 4": 1, 4: 1}


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (nn.Linear(2, 3), [torch.randn(3, 4)], "the module cannot be exported"),
        (nn.ReLU(), [torch.randn(3)], "no floating-point tensors"),
    ],
)
def test_what_cannot_be_traced(module, inputs, message):
    with pytest.raises(SpecificationError, match=message):
        layergen.trace(module, inputs)


def scaled_in_place(y, gate):
    y.view(-1, gate.bias.shape[0], 1).mul_(gate.bias[:, None])
    return y


def run_cells(cells, x):
    hidden = state = torch.zeros(x.shape[0], 4)
    for step in x.unbind(1):
        hidden, state = cells(step, (hidden, state))
    return hidden


def beside(net, x):
    x = net.e(x)
    q, k, v = net.a(x).view(*x.shape[:2], 2, 12).transpose(1, 2).chunk(3, dim=-1)
    mixed = torch.softmax(q @ k.mT, -1) @ v
    return net.o(x.tanh()) + mixed.transpose(1, 2).flatten(2).square().sum(-1, keepdim=True)


NETS = """
import torch
from torch import nn

def perceptron(): return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))

class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x

class Options(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(9, 4), nn.Linear(4, 2)
    def forward(self, ids, mask=None):
        return self.out((self.embed(ids).tanh() * mask[..., None]).sum(1))

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("traceable.py").write_text(NETS)
    return tmp_path


def test_on_the_command_line(folder):
    result = run("trace", "traceable.py:perceptron", "--input", "4,2", "--output", "net.toml")
    assert result.exit_code == 0, result.output
    assert "function preserved  yes" in result.stdout
    space = symmetry.load("net.toml")
    assert [str(tensor) for tensor in space] == ["0.weight[h_0 2]", "0.bias[h_0]", "2.weight[3 h_0]", "2.bias[3]"]
    assert run("dims", "net.toml").exit_code == 0
    arguments = ("traceable.py:Options", "--input", "2,5:int64:9", "--input", "mask=2,5:bool", "--output", "net.toml")
    found = json.loads(run("trace", *arguments, "--json").stdout)
    assert found["sets"] == {"embed": {"size": 4, "within": None}}
    assert (found["preserved"], found["group_order"], found["possible"]) == (True, 24, [])
    assert group_order(symmetry.load("net.toml")) == 24


@pytest.mark.parametrize(
    ("reference", "inputs", "message"),
    [
        ("traceable.py:Branching", "4,2", "cannot be exported"),
        ("traceable.py:perceptron", "4,3", "cannot be exported"),
        ("traceable.py:perceptron", "4;2", "'4;2' is not an input"),
        ("traceable.py:perceptron", "4,2:complex", "'complex' is no dtype"),
        ("traceable.py:nothing", "4,2", "has no 'nothing'"),
        ("traceable.py:number", "4,2", "is 3, not a function"),
        ("nowhere.py:net", "4,2", "there is no such file"),
    ],
)
def test_bad_input(folder, reference, inputs, message):
    result = run("trace", reference, "--input", inputs, "--output", "net.toml")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not Path("net.toml").exists()


@pytest.mark.parametrize("name", ["mlp", "cnn", "cnn_flatten", "resnet_block"])
def test_traced_specifications_are_those_written_by_hand(name):
    """What the emitted layers of `generated/` are declared for, up to names.

    (Of the three others, two have positional indices, and one lies over a set that its inputs and outputs move with.)
    """
    declared = specification(name, small=True)
    network = random_network(name, declared)
    inputs = ARCHITECTURES[name].inputs(sizes(declared))
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    found = layergen.trace(network, [inputs])
    assert found.warnings == ()
    assert symmetry.canonical(found.space) == symmetry.canonical(declared)


def test_checking_a_specification_on_the_command_line(folder):
    run("trace", "traceable.py:perceptron", "--input", "4,2", "--output", "net.toml")
    assert run("check", "traceable.py:perceptron", "net.toml", "--function", "--input", "4,2").exit_code == 0
    wrong = Path("net.toml").read_text().replace("h_0 = 5", "h_0 = 5\nk = 5").replace('"3 h_0"', '"3 k"')
    Path("wrong.toml").write_text(wrong)
    result = run("check", "traceable.py:perceptron", "wrong.toml", "--function", "--input", "4,2", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["kind"] == "not preserved"
    assert "exchanging elements 0 and 1 of 'h_0'" in json.loads(result.stdout)["message"]
    assert run("check", "traceable.py:perceptron", "net.toml", "--function").exit_code == 2
    other = run("check", "traceable.py:Options", "net.toml", "--function", "--input", "2,5:int64:9")
    assert (other.exit_code, "does not fit the module" in other.stderr) == (2, True)


def small(function, first=(3, 5), second=(5, 2), **others):
    """A network of two linear layers with a function of them."""
    return Forward(function, a=nn.Linear(*first), o=nn.Linear(*second), **others)


OPERATORS = {
    "a maximum along a dimension": (small(lambda net, x: net.o(net.a(x).max(1)[0])), (2, 4, 3), {5: 1}),
    "sorted along another dimension": (small(lambda net, x: net.o(net.a(x).sort(1)[0][:, 0])), (2, 4, 3), {5: 1}),
    "cumulated along another dimension": (small(lambda net, x: net.o(net.a(x).cumsum(1))), (2, 4, 3), {5: 1}),
    "rolled along another dimension": (small(lambda net, x: net.o(net.a(x).roll(1, 1))), (2, 4, 3), {5: 1}),
    "flipped along another dimension": (small(lambda net, x: net.o(net.a(x).flip(1))), (2, 4, 3), {5: 1}),
    "cumulated along the set": (small(lambda net, x: net.o(net.a(x).cumsum(-1))), (2, 3), {}),
    "the place of the largest": (small(lambda net, x: net.o(net.a(x)) + net.a(x).argmax(-1)[:, None]), (2, 3), {}),
    "an equation with dots": (
        small(lambda net, x: net.o(torch.einsum("...i,hi->...h", x, net.a.weight))), (2, 4, 3), {5: 2}
    ),
    "an equation without an arrow": (
        small(lambda net, x: net.o(torch.einsum("bi,hi", x, net.a.weight))), (2, 3), {5: 2}
    ),
    "an empty slice": (
        small(lambda net, x: net.o(torch.cat([net.a(x)[..., :5], net.a(x)[..., 5:]], -1))), (2, 3), {5: 1}
    ),
    "a slope for each channel": (small(lambda net, x: net.o(net.p(net.a(x))), p=nn.PReLU(5)), (2, 3), {5: 1}),
    "a gate": (small(lambda net, x: net.o(nn.functional.glu(net.a(x))), first=(3, 10)), (2, 3), {5: 1}),
    "positions out of channels": (
        Forward(lambda net, x: net.b(net.a(x)), a=nn.Conv2d(3, 4, 3), b=nn.Sequential(
            nn.Conv2d(4, 20, 1), nn.PixelShuffle(2), nn.Conv2d(5, 2, 1))), IMAGE, {4: 1, 5: 1}
    ),
    "written into a view": (
        small(lambda net, x: net.o(scaled_in_place(net.a(x), net.g)), g=nn.Linear(1, 5)), (2, 3), {5: 2}
    ),
    "zeros made on the way": (
        small(lambda net, x: net.o(torch.tanh(net.a(x) + net.h(torch.zeros(2, 5)))), h=nn.Linear(5, 5)), (2, 3), {5: 2}
    ),
    "cells in a loop": (
        Forward(lambda net, x: net.o(run_cells(net.c, x)), c=nn.LSTMCell(3, 4), o=nn.Linear(4, 2)), (2, 5, 3), {4: 1}
    ),
    "the last state of the last layer": (
        Forward(lambda net, x: net.o(net.c(x)[1][-1]), c=nn.GRU(3, 4, 2, batch_first=True), o=nn.Linear(4, 2)),
        (2, 5, 3), {4: 2},
    ),
    "the last states of both ways": (
        Forward(
            lambda net, x: net.o(torch.cat([net.c(x)[1][0][-2], net.c(x)[1][0][-1]], -1)),
            c=nn.LSTM(3, 4, bidirectional=True, batch_first=True), o=nn.Linear(8, 2),
        ),
        (2, 5, 3), {4: 2},
    ),
    "a state handed on": (
        Forward(
            lambda net, x: net.o(net.d(x, net.c(x)[1])[0]),
            c=nn.GRU(3, 4, 2, batch_first=True), d=nn.GRU(3, 4, 2, batch_first=True), o=nn.Linear(4, 2),
        ),
        (2, 5, 3), {4: 2},
    ),
    "all states at once": (
        Forward(lambda net, x: net.o(net.c(x)[1].mean(0)), c=nn.GRU(3, 4, 2, batch_first=True), o=nn.Linear(4, 2)),
        (2, 5, 3), {4: 1},
    ),
    "stacked and flattened": (
        Forward(
            lambda net, x: net.o(torch.stack([net.a(x).tanh(), net.b(x), net.c(x).relu()], 1).flatten(1)),
            a=nn.Linear(3, 4), b=nn.Linear(3, 4), c=nn.Linear(3, 4), o=nn.Linear(12, 2),
        ),
        (2, 3), {4: 3},
    ),
    "stacked and summed": (
        Forward(
            lambda net, x: net.o(torch.stack([net.a(x).tanh(), net.b(x)]).amax(0)),
            a=nn.Linear(3, 4), b=nn.Linear(3, 4), o=nn.Linear(4, 2),
        ),
        (2, 3), {4: 1},
    ),
    "masked logits": (
        small(lambda net, x: net.o(net.a(x).tanh()).masked_fill(torch.tensor([True, False]), -torch.inf)),
        (2, 3), {5: 1},
    ),
    "heads with their queries, keys and values side by side": (
        Forward(beside, e=nn.Linear(3, 8), a=nn.Linear(8, 24), o=nn.Linear(8, 2)),
        (2, 5, 3), {8: 1, 2: 1, "4 in 2": 2},
    ),
    "weights with norms of their own": (
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 5)), nn.Tanh(), nn.Linear(5, 2)),
        (2, 3), {5: 1},
    ),
}  # fmt: skip
"""What is done to the units of a layer, and the sets that there should be; what is not used has one of its own."""


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_leave_what_they_leave_alone(name):
    network, shape, sets = OPERATORS[name]
    torch.manual_seed(0)
    found = layergen.trace(network, [torch.randn(shape)])
    assert kinds(found.space) == sets
    assert found.preserved
    assert found.warnings == ()


def test_a_deep_network_of_small_weights_hides_nothing():
    """The gate is written through a view and its set has to be that of the units, though little reaches the output."""
    tower = nn.Sequential(*[layer for _ in range(14) for layer in (nn.Linear(6, 6), nn.Tanh())])
    for parameter in tower.parameters():
        nn.init.normal_(parameter, 0, 0.02)
    network = Forward(
        lambda net, x: net.o(net.t(scaled_in_place(net.a(x), net.g))),
        a=nn.Linear(3, 6), g=nn.Linear(1, 6), o=nn.Linear(6, 2), t=tower,
    )  # fmt: skip
    space = layergen.trace(network, [torch.randn(4, 3)]).space
    assert str(space["a.bias"].axes[0]) == str(space["g.bias"].axes[0])


def test_what_cannot_be_proved_is_not_called_preserved(folder):
    network = small(lambda net, x: net.o(net.a(x).tanh()) + torch.rand_like(x[:, :2]))
    found = layergen.trace(network, [torch.randn(4, 3)])
    assert (found.preserved, kinds(found.space)) == (None, {5: 1})
    assert "not proved: AssertionError: the module is not deterministic" in found.warnings[-1]
    Path("random_net.py").write_text(
        "import torch\nclass Net(torch.nn.Linear):\n    def forward(self, x):\n"
        "        return super().forward(x) + torch.rand_like(x)\nnet = Net(2, 2)\n"
    )
    result = run("trace", "random_net.py:net", "--input", "4,2", "--output", "net.toml")
    assert (result.exit_code, "not proved" in result.stdout, Path("net.toml").exists()) == (1, True, True)
