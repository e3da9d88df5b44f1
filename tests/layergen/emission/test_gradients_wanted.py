"""A layer computes in other operations where gradients are wanted: that its outputs are the same, and what it does."""

import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional

from layergen.linear import EquivariantLinear
from symmetry import WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features

SPACE = WeightSpace({"w": "h x", "v": "k h", "c": "k", "d": "y"}, sets={"h": 4, "k": 3}, free={"x": 2, "y": 1})


def randomised(space, **options):
    """A layer in float64 whose biases are not zero."""
    layer = EquivariantLinear(space, 2, 3, dtype=torch.float64, **options)
    if "bias" in layer.state_dict():
        torch.nn.init.normal_(layer.bias)
    return layer


@given(weight_spaces(max_entries=60, max_diagrams=200, max_size=3))
@settings(max_examples=25)
def test_outputs_are_the_same_with_gradients_and_without(space):
    layer, x = randomised(space), features(space, 3, 2)
    wanted = layer({name: value.clone().requires_grad_() for name, value in x.items()})
    with torch.no_grad():
        unwanted = layer(x)
    for name, value in unwanted.items():
        torch.testing.assert_close(value, wanted[name].detach(), rtol=1e-10, atol=1e-10)


@given(weight_spaces(max_entries=60, max_diagrams=200, max_size=3))
@settings(max_examples=25)
def test_the_bias_is_added_once_to_every_network(space):
    layer, x = randomised(space), features(space, 3, 2)
    plain = EquivariantLinear(space, 2, 3, bias=False, dtype=torch.float64)
    plain.load_state_dict({name: value for name, value in layer.state_dict().items() if name != "bias"})
    shift = layer({name: torch.zeros_like(value) for name, value in x.items()})
    assert any(value.any() for value in shift.values()) == ("bias" in layer.state_dict())
    with_bias, without = layer(x), plain(x)
    for name, value in with_bias.items():
        torch.testing.assert_close(value, without[name] + shift[name], rtol=1e-10, atol=1e-10)


def test_a_free_axis_of_one_value_changes_nothing_but_the_shape():
    """Wherever it stands in a tensor, alone or with others: `w` and `v` have one each, `b` has two."""
    sets = {"h": 3, "k": 2}
    flat = WeightSpace({"w": "h k", "v": "k", "b": "h", "s": ""}, sets=sets)
    tensors = {"w": "h one k", "v": "one k", "b": "one h two", "s": "two"}
    deep = WeightSpace(tensors, sets=sets, free={"one": 1, "two": 1})
    layer, other = randomised(flat), randomised(deep)
    other.load_state_dict(layer.state_dict())
    x = features(flat, 3, 2)
    out = layer(x)
    for name, value in other({name: x[name].view(3, *deep[name].shape, 2) for name in x}).items():
        assert value.shape == (3, *deep[name].shape, 3)
        torch.testing.assert_close(value.reshape(out[name].shape), out[name])


@pytest.mark.parametrize("wanted", [False, True])
def test_nothing_is_padded_or_divided_for_nothing(monkeypatch, wanted):
    layer, x = randomised(SPACE), features(SPACE, 3, 2)
    padded, pad, sums, total = [], functional.pad, [], torch.Tensor.sum
    monkeypatch.setattr(functional, "pad", lambda value, widths: padded.append(widths) or pad(value, widths))
    monkeypatch.setattr(torch.Tensor, "sum", lambda value, *dims: sums.append(dims) or total(value, *dims))
    with torch.set_grad_enabled(wanted):
        layer({name: value.requires_grad_(wanted) for name, value in x.items()})
    assert all(any(widths) for widths in padded)
    assert bool(padded) == bool(sums) == wanted
