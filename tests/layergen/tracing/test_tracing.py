"""Traced specifications: as large as they should be, right, and of use without an edit."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import layergen
import symmetry
from layergen.testing import assert_equivariant, assert_function_preserved
from layergen.tracing.copying import in_general_position
from symmetry import EquivariantMaps, SpecificationError, group_order
from tests.generated.architectures import ARCHITECTURES, random_network, sizes, specification
from tests.layergen.cli.commands import run
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.networks import NETWORKS, Forward, kinds, made, small, traced

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
        (small(lambda net, x: net.o(net.a(x)) * torch.where(net.a.weight > 0)[0].sum()), [torch.randn(2, 3)], "data"),
    ],
)
def test_what_cannot_be_traced(module, inputs, message):
    with pytest.raises(SpecificationError, match=message):
        layergen.trace(module, inputs)


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
    free = {name: range(len(shape)) for name, shape in declared.shapes.items()}
    found = layergen.trace(network, [inputs], free=free)
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


@pytest.mark.parametrize("name", ["lambda", "class", "µ", "ﬁ", "None", "match", "2", "_", "é", "a-b"])
def test_parameters_of_every_name(name):
    network = small(lambda net, x: net.o(getattr(net, name) * net.a(x).tanh()))
    network.register_parameter(name, nn.Parameter(torch.rand(5)))
    first = Forward(lambda net, x: net.inner(x), inner=network)
    for module in (network, first):
        module._modules = dict(reversed(module._modules.items()))
        space = layergen.trace(module, [torch.randn(2, 3)]).space
        assert kinds(space) == {5: 1}
        assert symmetry.parse(symmetry.dumps(space)) == space
    layergen.EquivariantLinear(space, 1, 1)


def shuffled(groups):
    def forward(net, x):
        for layer in net.layers:
            x = layer(x).unflatten(-1, (groups, -1)).transpose(-1, -2).flatten(-2).tanh()
        return net.o(x)

    layers = nn.ModuleList([nn.Linear(3, 12), nn.Linear(12, 12), nn.Linear(12, 12)])
    return Forward(forward, layers=layers, o=nn.Linear(12, 2))


@pytest.mark.parametrize("groups", [2, 3, 4, 6])
def test_channels_that_are_shuffled(groups):
    network, examples = shuffled(groups), [[torch.randn(2, 3)], [torch.randn(4, 3)]]
    found = layergen.trace(network, examples[0])
    assert found.preserved
    assert found.warnings == ()
    assert kinds(found.space) != {}
    assert_preserved(network, found.space, examples)


def test_complex_and_empty_parameters_are_named():
    def forward(net, x):
        return net.o((net.a(x) * (net.turn * net.turn.conj()).real).tanh()) + torch.cat([net.none, net.none]).sum()

    network = small(forward)
    network.turn = nn.Parameter(torch.ones(5, dtype=torch.cfloat))
    network.none = nn.Parameter(torch.zeros(0, 4))
    found = layergen.trace(network, [torch.randn(2, 3)])
    assert "'turn' is not declared: it is complex; what it meets is frozen" in found.warnings
    assert "'none' is not declared: it has no entries; what it meets is frozen" in found.warnings
    with pytest.raises(ValueError, match="'turn' is not declared") as caught:
        layergen.stack([network.state_dict()], found.space)
    assert "'none'" not in str(caught.value)
    assert layergen.stack([network.state_dict()], found.space, ignore="turn").keys() == set(found.space.names)
    assert (kinds(found.space), set(found.space.names)) == ({}, {"a.weight", "a.bias", "o.weight", "o.bias"})


def test_a_branch_on_the_data_prints_nothing(capfd):
    class Branching(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else x

    with pytest.raises(SpecificationError, match="cannot be exported") as caught:
        layergen.trace(Branching(2, 2), [torch.randn(4, 2)])
    assert len(str(caught.value).splitlines()) == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["pruned", "normalised"])
def test_weights_that_hooks_compute(how):
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    if how == "pruned":
        prune.l1_unstructured(network[0], "weight", 0.3)
    else:
        with pytest.warns(FutureWarning):
            nn.utils.weight_norm(network[0])
    network(torch.randn(2, 3))
    found = layergen.trace(network, [torch.randn(2, 3)])
    assert (kinds(found.space), found.preserved, found.warnings) == ({5: 1}, True, ())
    assert set(found.space.names) == set(network.state_dict())


def test_a_module_that_cannot_be_copied_says_why():
    network = nn.Linear(2, 2)
    network.lock = __import__("threading").Lock()
    with pytest.raises(SpecificationError, match="cannot be copied: TypeError: cannot pickle"):
        layergen.trace(network, [torch.randn(1, 2)])


INPUTS = {
    "2,7:int64:0": "HIGH is at least 1",
    f"2,7:int64:{10**20}": "HIGH is at most 9,223,372,036,854,775,807 for int64",
    "2,7:int32:3000000000": "HIGH is at most 2,147,483,647 for int32",
    "2,7:float32:5": "HIGH is for integers",
    "1000000,1000000,1000000": "more than fit into memory",
    f"{10**20}": "more than fit into memory",
}


@pytest.mark.parametrize("text", INPUTS)
@pytest.mark.parametrize("option", ["--input", "--also"])
def test_inputs_that_cannot_be_made(folder, text, option):
    given = ("--input", text) if option == "--input" else ("--input", "4,2", "--also", f"x={text} 2,2")
    result = run("trace", "traceable.py:perceptron", *given, "--output", "net.toml")
    assert result.exit_code == 2, result.output
    assert INPUTS[text] in " ".join(result.stderr.split())
    assert option in result.stderr
    assert "Traceback" not in result.output


def test_further_examples_on_the_command_line(folder):
    net = "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    net += "        self.a, self.b, self.o = (torch.nn.Linear(*s) for s in ((3, 5), (3, 5), (5, 2)))\n"
    net += "    def forward(self, x):\n        return self.o((self.b if x.shape[1] > 4 else self.a)(x).tanh())\n"
    Path("lengths.py").write_text("import torch\n" + net)
    arguments = ("trace", "lengths.py:Net", "--input", "2,3,3", "--output", "net.toml", "--json")
    one = json.loads(run(*arguments).stdout)
    assert ({5: 1}, "no example reaches it" in one["warnings"][0]) == (kinds(symmetry.load("net.toml")), True)
    both = json.loads(run(*arguments, "--also", "2,6,3", "--also", "x=2,7,3").stdout)
    assert (both["warnings"], both["preserved"], both["assumed_constant"]) == ([], True, [])
    assert str(symmetry.load("net.toml")["b.bias"]) == str(symmetry.load("net.toml")["a.bias"]).replace("a.", "b.", 1)


@pytest.mark.parametrize("name", ["transformer", "attention", "grouped queries", "LSTM, both ways"])
def test_the_same_again_takes_nothing_back(name):
    network, inputs = made(name)
    alone = layergen.trace(network, inputs, vary=False, prove=False)
    both = layergen.trace(network, inputs, also=[inputs], vary=False, prove=False)
    assert symmetry.canonical(both.space) == symmetry.canonical(alone.space)
