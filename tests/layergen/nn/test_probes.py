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


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Conv2d(1, 6, 3, stride=2), nn.BatchNorm2d(6), nn.Conv2d(6, 5, 3)
        self.out = nn.Linear(5 * 4, 3)

    def forward(self, x):
        x = torch.relu_(self.norm(self.a(x)))  # in place: what the norm gave is recorded as it was
        return self.out(nn.functional.max_pool2d(self.b(x).relu(), 2).flatten(1))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.out = kind(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class LastState(Recurrent):
    def forward(self, x):
        return self.out(self.rnn(x)[1][-1])


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.LSTMCell(3, 5), nn.Linear(5, 2)

    def forward(self, x):
        nothing = torch.zeros(x.shape[0], 5)
        state = self.cell(x[:, 0], (nothing, nothing))
        return self.out(self.cell(x[:, 1], state)[0])


class Transformer(nn.Module):
    def __init__(self, tokens=None):
        super().__init__()
        self.read = nn.Linear(3, 8) if tokens is None else nn.Embedding(tokens, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 10, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.encoder(self.read(x)).mean(1))


class Tied(nn.Module):
    """Two names of one weight, a residual connection, and a buffer that is no weight."""

    def __init__(self):
        super().__init__()
        self.read, self.a, self.b, self.out = nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.b.weight = self.a.weight
        self.register_buffer("scale", torch.tensor(0.7), persistent=False)

    def forward(self, x):
        x = self.read(x).tanh_()  # in place: what the layer gave is recorded as it was
        x = x + self.scale * self.a(x).tanh()
        return self.out(self.b(x))


class Scattered(nn.Module):
    """Parts without gradients and in another precision, constants, and several outputs, one with its axes turned."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 5), nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x):
        with torch.no_grad():
            y = self.a(x).tanh()
        with torch.autocast("cpu", enabled=False):
            z = self.b(self.a(x).sin()) * torch.tensor([1.0, 2.0]).sum()
        return {"y": self.c(y + z).T, "nothing": None, "place": x.argmax(-1), "z": self.c(z)}


def perceptron():
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))


NETWORKS = {
    "perceptron": (perceptron, [torch.randn(4, 2)]),
    "convolutions": (Convolutional, [torch.randn(4, 1, 15, 15)]),
    "GRU": (lambda: Recurrent(nn.GRU), [torch.randn(4, 6, 3)]),
    "LSTM": (lambda: Recurrent(nn.LSTM), [torch.randn(4, 6, 3)]),
    "last state": (lambda: LastState(nn.GRU), [torch.randn(4, 6, 3)]),
    "cell": (Cell, [torch.randn(4, 2, 3)]),
    "transformer": (Transformer, [torch.randn(4, 6, 3)]),
    "tokens": (lambda: Transformer(11), [torch.randint(11, (4, 6))]),
    "tied": (Tied, [torch.randn(4, 2)]),
}
CHANNELS_LAST = {"perceptron", "GRU", "LSTM", "last state", "transformer", "tokens", "tied", "cell"}
RECORDED = {
    "perceptron": ["probe.0[h_0]", "probe.1[h_0]", "probe.2[h_2]", "probe.3[h_2]"],
    "convolutions": ["probe.a[a]", "probe.norm[a]", "probe.relu_[a]", "probe.b[b]", "probe.max_pool2d[b]"],
    "GRU": ["probe.rnn[rnn]", "probe.select[rnn]"],
    "last state": ["probe.rnn[rnn]", "probe.select[rnn]"],
    "cell": ["probe.cell[cell]", "probe.cell_2[cell]", "probe.cell_3[cell]"],
}


def networks(make, count=3):
    """Some networks in general position, in evaluation mode."""
    torch.manual_seed(0)
    made = [make().eval() for _ in range(count)]
    for network in made:
        for buffer in network.buffers():
            if buffer.is_floating_point() and buffer.ndim:
                buffer.data = torch.rand_like(buffer) + 0.5
    return made


def small(name, **options):
    make, example = NETWORKS[name]
    torch.manual_seed(1)
    return Probes(make().eval(), example, count=3, **options)


def weights_of(name, probes, count=3):
    made = networks(NETWORKS[name][0], count)
    return made, stack([network.state_dict() for network in made], probes.weights)


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


def test_declared_positions_are_kept():
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.place, self.out = nn.Linear(3, 5), nn.Parameter(torch.randn(4, 5)), nn.Linear(5, 2)

        def forward(self, x):
            return self.out((self.read(x) + self.place).tanh()).mean(1)

    tensors = {"place": "p d", "read.weight": "d x", "read.bias": "d", "out.weight": "y d", "out.bias": "y"}
    space = WeightSpace(tensors, sets={"d": 5}, positional={"p": 4}, free={"x": 3, "y": 2})
    probes = Probes(Patches(), [torch.randn(3, 4, 3)], count=3, space=space)
    assert [str(tensor) for tensor in probes.space] == ["probe.read[p d]", "probe.add[p d]", "probe.tanh[p d]"]
    metanet = Metanet(space, out_features=1, hidden=4, probes=probes.double()).double()
    assert_invariant(metanet, space, examples=5)


def test_concatenated_values_keep_their_axis():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Linear(2, 3), nn.Linear(2, 4), nn.Linear(9, 1)

        def forward(self, x):
            return self.out(torch.cat([self.a(x).tanh(), self.b(x).tanh(), x], dim=-1))

    probes = Probes(Beside(), [torch.randn(3, 2)], count=3)
    assert str(probes.space["probe.cat"]) == "probe.cat[(a + b + 2)]"


MLP = {"0.weight": "h x", "0.bias": "h", "2.weight": "k h", "2.bias": "k", "4.weight": "y k", "4.bias": "y"}
FREE = {"x": 2, "y": 3}


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


def make(tensors=(), **sections):
    sections = {"sets": {"h": 5, "k": 7}, "free": FREE} | sections
    space = WeightSpace({**MLP, **dict(tensors)}, **sections)
    return Probes(perceptron(), [torch.randn(4, 2)], count=3, space=space)


def test_a_declared_space():
    assert make().space.names == ("probe.0", "probe.1", "probe.2", "probe.3")
    part = make({"2.bias": "7", "2.weight": "7 h", "4.weight": "y 7"}, sets={"h": 5})  # a smaller group
    assert part.space.names == ("probe.0", "probe.1")


class WithHeads(nn.Module):
    """A hidden layer that is read as two heads, which all have the same matrix over their units."""

    def __init__(self):
        super().__init__()
        self.a, self.mix, self.out = nn.Linear(2, 6), nn.Linear(3, 3), nn.Linear(6, 1)

    def forward(self, x):
        return self.out(self.mix(self.a(x).tanh().unflatten(1, (2, 3))).flatten(1).tanh())


def nested():
    tensors = {"a.weight": "(n u) x", "a.bias": "(n u)", "mix.weight": "v w", "mix.bias": "v"}
    sets = {"n": 2, "u": {"size": 3, "within": "n"}, "v": 3, "w": 3}
    space = WeightSpace({**tensors, "out.weight": "1 (n v)", "out.bias": "1"}, sets=sets, free={"x": 2})
    return Probes(WithHeads(), [torch.randn(4, 2)], space=space)


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 5), nn.Linear(5, 1)

    def forward(self, x):
        return self.b(self.a(x).tanh()).mean(0)


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.v, self.b = nn.Embedding(7, 5), nn.Linear(5, 1)

    def forward(self, k):
        return self.b(self.v(k).sin() * (k > 2)[..., None])


def other_space():
    probes = small("perceptron")
    return Metanet(trace(Convolutional(), NETWORKS["convolutions"][1]).space, out_features=1, probes=probes)


def other_width():
    probes = small("perceptron")
    return probes(
        {name: torch.zeros(2, *shape, 1) for name, shape in probes.weights.resized({"h_0": 6}).shapes.items()}
    )


X = torch.randn(4, 2)
BAD = {
    "a set where there is none": (
        lambda: make({"0.weight": "h q", "4.bias": "y"}, sets={"h": 5, "k": 7, "q": 2}, free={"y": 3}),
        r"tensor '0.weight', axis 1 \(q\): the module does not let 'q' be permuted: an axis of the input",
    ),
    "two sets for one": (
        lambda: make({"2.weight": "k g"}, sets={"h": 5, "k": 7, "g": 5}),
        r"tensor '2.weight', axis 1 \(g\): 'g' and 'h' are one set in the module",
    ),
    "another shape": (
        lambda: make({"2.bias": "h"}),
        r"'2.bias' is declared with shape \(5,\), in the module it has shape \(7,\)",
    ),
    "no such tensor": (
        lambda: make({"5.bias": "k"}),
        r"'5.bias' is declared with shape \(7,\), in the module there is no such tensor",
    ),
    "a part": (
        lambda: Probes(perceptron(), [X], space=WeightSpace({"2.weight": "k h", "2.bias": "k"}, sets={"h": 5, "k": 7})),
        "'0.weight' has the axis of 'h', and is not in the space",
    ),
    "units of all heads": (nested, "the space is not the module's"),
    "no probes": (lambda: small("perceptron") and Probes(perceptron(), [X], count=0), "count=0: give an integer"),
    "no chunks": (lambda: small("perceptron", chunk_size=0), "chunk_size=0: give an integer"),
    "long codes": (lambda: small("perceptron", code=3), "code=3: give an integer from 1 to 2"),
    "shape of probes": (
        lambda: small("perceptron", start=[torch.zeros(3, 4)]),
        r"probes of shapes \[\(3, 4\)\] given, expected \[\(3, 2\)\]",
    ),
    "start": (lambda: small("perceptron", start="zeros"), 'start is "examples", "uniform" or a list of tensors'),
    "record": (
        lambda: small("perceptron", record="x*"),
        r"record=\['x\*'\]; the values that live on sets are: '0', '1'",
    ),
    "integers": (
        lambda: Probes(Counts(), [torch.arange(5)]),
        "input 'k' holds int64, which cannot be learned, and is read by aten::gt",
    ),
    "rows": (
        lambda: Probes(nn.Bilinear(2, 3, 1), [torch.randn(4, 2), torch.randn(5, 3)]),
        r"inputs have shapes \[\(4, 2\), \(5, 3\)\]: give tensors with an example in each row",
    ),
    "no inputs": (lambda: Probes(perceptron(), []), r"inputs have shapes \[\]"),
    "mixed": (lambda: Probes(Mean(), [X]), "the module mixes the probes: its output 0"),
    "width": (other_width, r"'0.weight' has shape \(6, 2, 1\), expected \(5, 2, 1\)"),
    "another space": (other_space, "the probes run networks of another weight space .* make them with space="),
    "channels": (
        lambda: Metanet(make().weights, out_features=1, in_channels=2, probes=make()),
        "in_channels=2: probes run networks",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    bad, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        bad()


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
