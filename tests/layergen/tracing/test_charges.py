"""More than permutations: signs, positive scales and matrices that are found by rules, and proved."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch

import layergen
import symmetry
from layergen.testing import assert_function_preserved
from layergen.tracing.charges import CHARGES
from layergen.tracing.charges.entries import DEGREES, powered
from layergen.tracing.copying import in_general_position
from tests.layergen.cli.commands import run
from tests.layergen.tracing.charged import CHARGED
from tests.layergen.tracing.networks import NETWORKS, traced

NAME = re.compile(r"[a-z_]\w*")


def network(name):
    """A network of the table and example inputs for it."""
    make, shapes, *expected = CHARGED[name]
    torch.manual_seed(0)
    inputs = [torch.randn(shape) for shape in shapes]
    module = make().eval()
    module(*inputs)
    return module, inputs, *expected


@cache
def by_rules(name, **options):
    """What the rules find in a network of the table: several tests look at the same."""
    module, inputs, *_ = network(name)
    return layergen.trace(module, inputs, prove=False, **options)


def spelled_alike(space, expected):
    """Assert that tensors have some axes, up to the names of indices; the name of each index by the expected one."""
    names = {}
    for tensor, axes in expected.items():
        found = str(space[tensor])[len(tensor) + 1 : -1]
        assert NAME.sub("?", found) == NAME.sub("?", axes), (tensor, found)
        for own, wanted in zip(NAME.findall(found), NAME.findall(axes), strict=True):
            assert names.setdefault(wanted, own) == own
    assert len(set(names.values())) == len(names)
    return names


def acting(index):
    """What acts on an index beside permutations."""
    return getattr(index, "group", getattr(index, "scaled", None))


@pytest.mark.parametrize("name", CHARGED)
def test_the_rules_find_what_acts_on_each_index(name):
    module, inputs, group, tensors = network(name)
    free = {name: range(value.ndim) for name, value in module.state_dict().items() if name in tensors}
    found = layergen.trace(module, inputs, symmetries="all", prove=False, free=free)
    names = spelled_alike(found.space, tensors)
    if "h" in names:
        assert acting(found.space.index(names["h"])) == group
    assert_function_preserved(in_general_position(module), found.space, inputs, examples=3)


@pytest.mark.parametrize("name", CHARGED)
def test_the_proof_takes_nothing_back(name):
    module, inputs, *_ = network(name)
    found = layergen.trace(module, inputs, symmetries="all", extend=False)
    assert found.preserved
    assert not any("computes" in text for text in found.warnings)
    assert found.space == by_rules(name, symmetries="all").space
    assert symmetry.parse(symmetry.dumps(found.space)) == found.space


BEYOND = {
    "perceptron": {"sign": 2},
    "CNN": {"positive": 1, "GL": 1},
    "CNN, batch norm": {"positive": 1},
    "ResNet, basic": {"positive": 5},
    "ResNet, bottleneck": {"positive": 6, "GL": 1},
    "depthwise separable": {"positive": 2, "GL": 1},
    "U-Net": {"positive": 3, "GL": 1},
    "DenseNet block": {"positive": 3},
    "autoencoder": {"positive": 3},
    "LSTM": {"sign": 2},
    "LSTM, both ways": {"sign": 4},
    "GRU": {"sign": 2},
    "RNN": {"sign": 2},
    "attention": {"GL": 3},
    "transformer encoder": {"positive": 3, "GL": 4},
    "transformer": {"positive": 3, "GL": 6},
    "SIREN": {"sign": 2},
    "NeRF skip": {"positive": 2},
    "MLP-mixer": {},
    "squeeze and excitation": {"positive": 2},
    "SwiGLU": {"positive": 1},
    "grouped queries": {"GL": 3},
    "tied embedding": {"sign": 1},
}
"""On how many indices of each network which group acts."""


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_many_kinds(name):
    found = traced(name, symmetries="all", extend=False)
    assert Counter(acting(index) for index in found.space.indices if index.charged) == BEYOND[name]
    assert (found.preserved, found.warnings) == (True, ())
    assert traced(name, symmetries="all", prove=False).space == found.space
    assert bool(traced(name, prove=False).more) == bool(BEYOND[name])


MIXED = """
import torch
from torch import nn

def relu(): return nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3))
"""


def test_the_default_says_what_more_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("relus.py").write_text(MIXED)
    arguments = ("trace", "relus.py:relu", "--input", "4,2", "--output", "net.toml")
    plain = json.loads(run(*arguments, "--json").stdout)
    assert plain["groups"] == {"h_0": "S_5"}
    assert plain["more"] == ["'h_0' (5) may be multiplied by positive numbers"]
    assert plain["more"][0] in " ".join(run(*arguments).stdout.split())
    every = json.loads(run(*arguments, "--symmetries", "all", "--json").stdout)
    assert (every["groups"], every["more"], every["preserved"]) == ({"h_0": "R_+ ≀ S_5"}, [], True)
    assert every["tensors"]["2.weight"] == "3 h_0^-1"
    assert acting(symmetry.load("net.toml").index("h_0")) == "positive"
    assert "R_+ ≀ S_5 on h_0" in run(*arguments, "--symmetries", "all").stdout
    assert run("check", "relus.py:relu", "net.toml", "--function", "--input", "4,2").exit_code == 0
    assert run(*arguments, "--symmetries", "signs").exit_code == 2
    with pytest.raises(symmetry.SpecificationError, match="symmetries are 'signs'"):
        layergen.trace(torch.nn.Linear(2, 3), [torch.randn(1, 2)], symmetries="signs")


def test_what_cannot_be_declared_beside_the_rest_is_said():
    module, inputs, *_ = network("a gate")
    found = layergen.trace(module, inputs, symmetries="all")
    assert found.more == ("'a' (5) may be multiplied by -1 beside that",)
    module, inputs, *_ = network("cube")
    assert layergen.trace(module, inputs, prove=False).more == (
        "'a' (5) may be multiplied by positive numbers, and multiplied by -1",
    )


def like(name):
    """The rule of a function of single entries, for another."""
    return lambda equations, step: powered(equations, step, DEGREES[name])


def passes(equations, step):
    """A function of single entries that lets any charge pass."""
    equations.power(step.arguments[0], step.results[0], 1)


def first_only(equations, step):
    """Operators of which only the first argument is looked at."""
    equations.equal(equations.aligned(step.results[0]), equations.aligned(step.arguments[0]))


def nothing(equations, step):
    """No demand at all."""


def variance_with_the_channels(equations, step):
    x, _, _, mean, variance = step.arguments
    equations.alike(equations.along(x, 1), equations.along(mean, 0), equations.along(variance, 0))
    equations.alike(equations.along(x, 1), equations.along(step.results[0], 1))


def gates_alike(equations, step):
    equations.alike(equations.along(step.arguments[0], 1), equations.along(step.results[0], 1) * 2)


PLANTED = [
    ("the cosine is odd", "cos", like("sin"), "cosine"),
    ("GELU is homogeneous", "gelu", like("relu"), "gelu"),
    ("ReLU is linear", "relu", like("neg"), "relu"),
    ("the absolute value is odd", "abs", like("neg"), "absolute value"),
    ("the sigmoid is odd", "sigmoid", like("tanh"), "sigmoid"),
    ("softmax passes scales", "softmax", like("relu"), "softmax"),
    ("a norm passes scales", "layer_norm", like("relu"), "layer norm"),
    ("a sum drops what it sums over", "sum", nothing, "a sum of neurons"),
    ("an extreme drops what it is taken over", "amax", nothing, "the largest beside"),
    ("what is added does not count", "add", first_only, "odd and even, added"),
    ("what multiplies does not count", "mul", first_only, "odd times odd"),
    ("a product is no product", "mul", first_only, "linear but for a scale of each unit"),
    ("a shift is nothing", "sub", first_only, "shifted relu"),
    ("a square is linear", "square", passes, "square"),
    ("a threshold may be anywhere", "threshold", like("relu"), "a threshold"),
    ("any bounds are odd", "clamp", like("tanh"), "clamped between others"),
    ("max pooling is linear", "max_pool2d", passes, "a tanh CNN with max pooling"),
    ("the variance is scaled", "batch_norm", variance_with_the_channels, "batch norm and ReLU"),
    ("a linear map passes its input", "linear", nothing, "relu"),
    ("queries and keys alike", "matmul", nothing, "queries and keys"),
    ("all gates are odd", "chunk", gates_alike, "an LSTM cell by hand"),
    ("a state of any charge", "final state", nothing, "states of an LSTM in a sigmoid"),
    ("rounding is linear", "to", passes, "rounded to whole numbers"),
]
"""Rules that are wrong on purpose: what is wrong, the operator, its rule, and a network that shows it."""


@pytest.mark.parametrize(("operator", "rule", "name"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED])
def test_wrong_rules_are_noticed_without_the_proof_and_taken_back_by_it(operator, rule, name, monkeypatch):
    module, inputs, *_ = network(name)
    right = layergen.trace(module, inputs, symmetries="all", prove=False)
    monkeypatch.setitem(CHARGES, operator, rule)
    found = layergen.trace(module, inputs, symmetries="all", prove=False)
    with pytest.raises(AssertionError, match="the function is not preserved"):
        assert_function_preserved(in_general_position(module), found.space, inputs)
    assert found.space != right.space
    proved = layergen.trace(module, inputs, symmetries="all", extend=False)
    assert proved.preserved
    assert "because that changes what the module computes" in proved.warnings[-1]
    assert_function_preserved(in_general_position(module), proved.space, inputs)
