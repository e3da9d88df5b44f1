"""Wider networks that compute the same, and entries by fan-in, in which they look alike."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from layergen import by_fan_in, widen
from layergen.testing import assert_widening_preserved, random_features
from layergen.widening import widened
from symmetry import SpecificationError, WeightSpace

PERCEPTRON = WeightSpace(
    {
        "0.weight": "h1 x",
        "0.bias": "h1",
        "2.weight": "h2 h1",
        "2.bias": "h2",
        "4.weight": "y h2",
        "4.bias": "y",
    },
    sets={"h1": 3, "h2": 4},
    free={"x": 2, "y": 2},
)
SUMMED = {"2.weight": "h1", "4.weight": "h2"}


def perceptron(first, second):
    return nn.Sequential(nn.Linear(2, first), nn.Tanh(), nn.Linear(first, second), nn.Tanh(), nn.Linear(second, 2))


class Convolutional(nn.Module):
    """Two convolutions with batch norm, and a perceptron on the flattened image."""

    def __init__(self, width):
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, width, 3), nn.BatchNorm2d(width)
        self.second, self.last = nn.Conv2d(width, width, 2), nn.Linear(4 * width, 3)
        for one in (self.norm.weight, self.norm.bias, self.norm.running_mean):
            nn.init.normal_(one)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x):
        return self.last(torch.relu(self.second(torch.relu(self.norm(self.first(x))))).flatten(1))


CONVOLUTIONAL = WeightSpace(
    {
        "first.weight": "c i 3 3",
        "first.bias": "c",
        "norm.weight": "c",
        "norm.bias": "c",
        "norm.running_mean": "c",
        "norm.running_var": "c",
        "second.weight": "k c 2 2",
        "second.bias": "k",
        "last.weight": "y (k p)",
        "last.bias": "y",
    },
    sets={"c": 3, "k": 3},
    free={"i": 2, "p": 4, "y": 3},
)


class Recurrent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cell, self.last = nn.LSTM(2, width), nn.Linear(width, 1)

    def forward(self, x):
        return self.last(self.cell(x)[0])


RECURRENT = WeightSpace(
    {
        "cell.weight_ih_l0": "(gate h) x",
        "cell.weight_hh_l0": "(gate h) h",
        "cell.bias_ih_l0": "(gate h)",
        "cell.bias_hh_l0": "(gate h)",
        "last.weight": "y h",
        "last.bias": "y",
    },
    sets={"h": 3},
    free={"gate": 4, "x": 2, "y": 1},
)


class Residual(nn.Module):
    """A stream that an embedding, attention of several heads and a perceptron write to, with layer norms."""

    def __init__(self, width, heads, units=2, values=3):
        super().__init__()
        self.heads, self.units, self.values = heads, units, values
        self.embed, self.norm = nn.Embedding(5, width), nn.LayerNorm(width)
        self.queries, self.keys = nn.Linear(width, heads * units), nn.Linear(width, heads * units)
        self.value, self.output = nn.Linear(width, heads * values), nn.Linear(heads * values, width)
        self.up, self.down, self.read = nn.Linear(width, 2 * width), nn.Linear(2 * width, width), nn.Linear(width, 5)
        for one in (self.norm.weight, self.norm.bias):
            nn.init.normal_(one)

    def forward(self, tokens):
        x = self.embed(tokens)
        y = self.norm(x)
        parts = ((self.queries, self.units), (self.keys, self.units), (self.value, self.values))
        q, k, v = (layer(y).unflatten(-1, (self.heads, size)).transpose(1, 2) for layer, size in parts)
        found = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.output(found.transpose(1, 2).flatten(2))
        x = x + self.down(torch.relu(self.up(self.norm(x))))
        return self.read(x)


RESIDUAL = WeightSpace(
    {
        "embed.weight": "t d",
        "norm.weight": "d",
        "norm.bias": "d",
        "queries.weight": "(head dk) d",
        "queries.bias": "(head dk)",
        "keys.weight": "(head dk) d",
        "keys.bias": "(head dk)",
        "value.weight": "(head dv) d",
        "value.bias": "(head dv)",
        "output.weight": "d (head dv)",
        "output.bias": "d",
        "up.weight": "u d",
        "up.bias": "u",
        "down.weight": "d u",
        "down.bias": "d",
        "read.weight": "t d",
        "read.bias": "t",
    },
    sets={
        "d": 4,
        "head": 2,
        "u": 8,
        "dk": {"size": 2, "within": "head"},
        "dv": {"size": 3, "within": "head"},
    },
    free={"t": 5},
)
READS = ("queries.weight", "keys.weight", "value.weight", "up.weight", "read.weight")
STREAM = {**dict.fromkeys(READS, "d"), "output.weight": 1, "down.weight": "u"}


def test_a_wider_perceptron_computes_the_same():
    inputs = [torch.randn(7, 2)]
    assert_widening_preserved(perceptron(3, 4), perceptron(6, 8), PERCEPTRON, inputs, summed=SUMMED)
    assert_widening_preserved(
        perceptron(3, 4), perceptron(3, 12), PERCEPTRON, inputs, summed={"4.weight": 1}, factor={"h2": 3}
    )


def test_a_wider_convolutional_network_computes_the_same():
    summed = {"second.weight": "c", "last.weight": "k"}
    networks, inputs = [Convolutional(3), Convolutional(9)], [torch.randn(2, 2, 5, 5)]
    assert_widening_preserved(*networks, CONVOLUTIONAL, inputs, summed=summed, factor=3)


def test_a_wider_recurrent_network_computes_the_same():
    """The axis is given by number: the hidden state is on both axes of its own weights."""
    summed = {"cell.weight_hh_l0": 1, "last.weight": "h"}
    assert_widening_preserved(Recurrent(3), Recurrent(6), RECURRENT, [torch.randn(4, 2, 2)], summed=summed)


def test_wider_residual_streams_and_more_heads_compute_the_same():
    tokens = [torch.tensor([[0, 1, 2, 3], [4, 0, 0, 1]])]
    factor = {"d": 2, "u": 2, "head": 3, "dv": 2}
    wide = Residual(8, heads=6, values=6)
    assert_widening_preserved(Residual(4, heads=2), wide, RESIDUAL, tokens, summed=STREAM, factor=factor)


def test_units_of_a_query_and_its_key_cannot_be_widened():
    tokens = [torch.tensor([[0, 1, 2, 3]])]
    with pytest.raises(AssertionError, match=r"repeating each element of 'dk' \(2 times\) changes .* over 'dk'"):
        assert_widening_preserved(
            Residual(4, 2), Residual(4, 2, units=4), RESIDUAL, tokens, summed=STREAM, factor={"dk": 2}
        )


@pytest.mark.parametrize("wrong", [{}, {"2.weight": "h1"}, {**SUMMED, "0.weight": 0}, {**SUMMED, "2.weight": "h2"}])
def test_a_wrong_fan_in_changes_the_function(wrong):
    """Sets that are repeated equally often are not told apart on one tensor: here they are not."""
    factor = {"h1": 2, "h2": 3}
    networks = perceptron(3, 4), perceptron(6, 12)
    with pytest.raises(AssertionError, match="the function is not preserved: repeating each element of 'h1'"):
        assert_widening_preserved(*networks, PERCEPTRON, [torch.randn(7, 2)], summed=wrong, factor=factor)


def test_the_message_names_the_set_that_nothing_is_summed_over():
    networks = perceptron(3, 4), perceptron(6, 8)
    with pytest.raises(AssertionError, match=r"names no tensor that is summed over 'h2'$"):
        assert_widening_preserved(*networks, PERCEPTRON, [torch.randn(7, 2)], summed={"2.weight": "h1"})


def test_undeclared_tensors_are_the_modules_own():
    hidden = PERCEPTRON.only([name for name in PERCEPTRON.names if name != "4.bias"])
    inputs = [torch.randn(7, 2)]
    assert_widening_preserved(perceptron(3, 4), perceptron(6, 8), hidden, inputs, summed=SUMMED)
    part = PERCEPTRON.only(["0.weight", "2.weight", "4.weight", "0.bias"])
    with pytest.raises(ValueError, match=r"undeclared tensors have other shapes in the wider module: '2\.bias'$"):
        assert_widening_preserved(perceptron(3, 4), perceptron(6, 8), part, inputs, summed=SUMMED)


@given(st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_features_by_fan_in_are_repeated_and_otherwise_the_same(first, second, whole):
    """Whatever the widths that are seen; halving twice is dividing by four."""
    space = PERCEPTRON.resized({"h1": 2, "h2": 5})
    x = random_features(space, 2, dtype=torch.float64)
    factor = {"h1": first, "h2": second} if not whole else first
    wide = widen(x, PERCEPTRON, SUMMED, factor)
    assert {name: tuple(value.shape[1:-1]) for name, value in wide.items()} == widened(space, factor).shapes
    found, expected = by_fan_in(wide, PERCEPTRON, SUMMED), widen(by_fan_in(x, space, SUMMED), space, {}, factor)
    for name in x:
        torch.testing.assert_close(found[name], expected[name])
    back = by_fan_in(found, PERCEPTRON, SUMMED, power=-1)
    torch.testing.assert_close(back["2.weight"], wide["2.weight"])
    assert torch.equal(back["0.weight"], x["0.weight"].repeat_interleave(factor if whole else first, 1))


def test_pieces_of_a_tensor_have_fan_ins_of_their_own():
    space = WeightSpace({"w": "y (h + (k 2) + 1)", "b": "(k h)"}, sets={"h": 2, "k": 3}, free={"y": 1})
    ones = {name: torch.ones(1, *shape, 1) for name, shape in space.shapes.items()}
    assert by_fan_in(ones, space, {"w": ["h", "k"]})["w"].flatten().tolist() == [2.0] * 2 + [3.0] * 6 + [1.0]
    assert by_fan_in(ones, space, {"w": -1})["w"].flatten().tolist() == [2.0] * 2 + [6.0] * 6 + [1.0]
    assert by_fan_in(ones, space, {"b": ("k", "h")}, power=0.5)["b"].flatten().tolist() == pytest.approx([6**0.5] * 6)
    wide = widen(ones, space, {"w": 1}, {"h": 2, "k": 4})
    assert wide["w"].flatten().tolist() == [0.5] * 4 + [0.25] * 24 + [1.0]
    assert wide["b"].shape == (1, 48, 1)


def test_copies_of_an_element_stand_beside_each_other():
    space = WeightSpace({"b": "(head dk)"}, sets={"head": 2, "dk": {"size": 2, "within": "head"}})
    x = {"b": torch.arange(4.0).reshape(1, 4, 1)}
    assert widen(x, space, {}, {"dk": 2})["b"].flatten().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert widen(x, space, {}, {"head": 2})["b"].flatten().tolist() == [0, 1, 0, 1, 2, 3, 2, 3]


@pytest.mark.parametrize(
    ("summed", "factor", "text"),
    [
        ({"w": "h"}, 2, "there is no tensor 'w'"),
        ({"cell.weight_ih_l0": "y"}, 2, r'tensor "cell.weight_ih_l0": there is no index .y. to sum over.*gate, h, x'),
        ({"cell.weight_hh_l0": "h"}, 2, r"'h' is on its axes \[0, 1\]: which of them is summed over\?.*number"),
        ({"last.weight": 2}, 2, "there is no axis 2.*2 axes"),
        ({}, {"x": 2}, "'x' cannot be widened: it is a free index.*sets: h"),
        ({}, {"z": 2}, "there is no index 'z'"),
        ({}, 0, "elements of 'h' repeated 0 times.*integers from 1"),
        ({}, 1.5, "repeated 1.5 times"),
    ],
)
def test_bad_input_gets_one_clear_message(summed, factor, text):
    x = random_features(RECURRENT)
    with pytest.raises(SpecificationError, match=f"(?s){text}"):
        widen(x, RECURRENT, summed, factor)
