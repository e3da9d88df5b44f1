"""Probes beside a weight space that was declared, and what is said of one that does not fit."""

import pytest
import torch
from torch import nn

from layergen import trace
from layergen.nn import Metanet, Probes
from layergen.testing import assert_invariant
from symmetry import WeightSpace
from tests.layergen.nn.probed import NETWORKS, Convolutional, perceptron, small

MLP = {"0.weight": "h x", "0.bias": "h", "2.weight": "k h", "2.bias": "k", "4.weight": "y k", "4.bias": "y"}
FREE = {"x": 2, "y": 3}


def make(tensors=(), **sections):
    sections = {"sets": {"h": 5, "k": 7}, "free": FREE} | sections
    space = WeightSpace({**MLP, **dict(tensors)}, **sections)
    return Probes(perceptron(), [torch.randn(4, 2)], count=3, space=space)


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
