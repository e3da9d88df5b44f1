"""Weights that are moved axis by axis are those that the group element moves entry by entry."""

import numpy as np
import pytest
import torch
from torch import nn

from layergen.preservation import outputs as outputs_module
from layergen.preservation.function import Function
from layergen.preservation.moving import Mover, axis_by_axis
from layergen.stacking import gathered
from symmetry import WeightSpace, random_element

NESTED = {"h": 3, "u": {"size": 2, "within": "h"}, "v": {"size": 4, "within": "h"}, "x": 5}
SPACES = {
    "sets": WeightSpace({"a": "x h", "b": "h"}, sets={"x": 5, "h": 3}),
    "the same set twice": WeightSpace({"a": "x x", "b": "x"}, sets={"x": 5}),
    "nested": WeightSpace({"a": "x (h u)", "b": "(h u) (h v)", "c": "h"}, sets=NESTED),
    "sums": WeightSpace({"a": "(x + 2 + (h u) + (h u)) (x + (h v))", "b": "2 (h u)"}, sets=NESTED),
    "units before their heads": WeightSpace({"a": "(u h) x", "b": "(h u)"}, sets={n: NESTED[n] for n in "hux"}),
    "units beside their heads": WeightSpace({"a": "h u x", "b": "u h"}, sets={n: NESTED[n] for n in "hux"}),
    "scales": WeightSpace({"a": "x h", "b": "h^-1"}, sets={"x": 5, "h": {"size": 3, "scaled": "positive"}}),
    "a family": WeightSpace(
        {"l.{l}.a": "x u", "l.{l}.b": "u x", "c": "x"},
        sets={"x": 5, "u": {"size": 4, "within": "l"}},
        positional={"l": 3},
    ),
    "heads in a family": WeightSpace(
        {"l.{l}.a": "x ((h u) + (h u))", "l.{l}.b": "(h u) x"},
        sets={"x": 5, "h": {"size": 3, "within": "l"}, "u": {"size": 2, "within": "h"}},
        positional={"l": 2},
    ),
    "a family that is a set": WeightSpace(
        {"l.{l}.a": "x u", "b": "l"}, sets={"x": 5, "l": 3, "u": {"size": 4, "within": "l"}}
    ),
    "experts of blocks": WeightSpace(
        {"l.{l}.{e}.a": "x u", "l.{l}.{e}.b": "u u 2", "l.{l}.gate": "(x + e)"},
        sets={"x": 5, "e": {"size": 3, "within": "l"}, "u": {"size": 4, "within": "e"}},
        positional={"l": 2},
    ),
    "blocks among the axes as well": WeightSpace(
        {"l.{l}.a": "l x", "l.{l}.b": "l u"}, sets={"x": 5, "l": 3, "u": {"size": 4, "within": "l"}}
    ),
    "kernels": WeightSpace({"a": "h x 3 x", "b": "x 2 2"}, sets={"x": 5, "h": 3}),
}


def module_of(space):
    """A module with the tensors of a space as parameters, which gives nothing but their sum."""
    module = nn.Module()
    for tensor in space:
        for member in tensor.members:
            *path, name = member.split(".")
            part = module
            for step in path:
                if not hasattr(part, step):
                    part.add_module(step, nn.Module())
                part = getattr(part, step)
            part.register_parameter(name, nn.Parameter(torch.randn(tensor.own_shape)))
    module.forward = lambda: sum(one.sum() for one in module.parameters())
    return module


@pytest.mark.parametrize("name", SPACES)
def test_axis_by_axis_is_entry_by_entry(name):
    space = SPACES[name]
    function = Function.of(module_of(space), space, [])
    mover = Mover(function)
    for seed in range(5):
        g = random_element(space, np.random.default_rng(seed))
        found = {**function.weights, **mover.moved(g)}
        assert found.keys() == function.weights.keys()
        for tensor in space:
            expected = g.act({tensor.name: function.declared(tensor.name)})[tensor.name]
            torch.testing.assert_close(gathered(found, tensor), expected)


def test_which_axes_go_by_themselves():
    alone = {name: all(axis_by_axis(tensor, space) for tensor in space) for name, space in SPACES.items()}
    others = {"units before their heads", "units beside their heads", "scales", "blocks among the axes as well"}
    assert {name for name, found in alone.items() if not found} == others


class Writing(nn.Module):
    """A module that writes into its weights, one of them by a view, and reads what it wrote."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.rand(3)), nn.Parameter(torch.rand(2, 2))

    def forward(self, x):
        self.a.add_(1)
        self.b[0].mul_(x[:2])
        return self.a.sum() * self.b


@pytest.mark.parametrize("large", [0, 3, 10])
def test_what_a_module_writes_into_its_weights_is_undone(large, monkeypatch):
    monkeypatch.setattr(outputs_module, "LARGE", large)
    module = Writing()
    space = WeightSpace({"a": "3", "b": "2 2"})
    function = Function.of(module, space, [torch.rand(3)])
    before = {name: function.declared(name).clone() for name in space.names}
    assert function.change({}) == 0
    assert function.change({"a": 2 * before["a"]}) > 0.1
    assert function.change({}) == 0
    for name, value in before.items():
        assert torch.equal(function.declared(name), value)
        assert torch.equal(module.get_parameter(name).double(), value)


def test_tied_weights_are_held_once():
    module = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    module[1].weight = module[0].weight
    function = Function.of(module, WeightSpace({"0.weight": "3 3"}), [torch.rand(1, 3)])
    assert function.weights["0.weight"] is function.weights["1.weight"]
    assert function.module[0].weight is function.module[1].weight
    assert function.module[0].weight.data_ptr() == function.weights["0.weight"].data_ptr()
