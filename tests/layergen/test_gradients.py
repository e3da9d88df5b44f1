"""Gradients of a loss transform against the weights: declared with opposite charges, they move as they should."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad

from symmetry import WeightSpace, random_element
from symmetry.language.axes import print_axes, substitute
from tests.layergen.oracle import features

SPACES = {
    "sign": WeightSpace(
        {"0.weight": "h x", "0.bias": "h", "2.weight": "y h^-1", "2.bias": "y"},
        sets={"h": {"size": 5, "scaled": "sign"}},
        free={"x": 3, "y": 2},
    ),
    "GL": WeightSpace(
        {"0.weight": "r x", "0.bias": "r", "2.weight": "y r^-1", "2.bias": "y"},
        vectors={"r": {"size": 5, "group": "GL"}},
        free={"x": 3, "y": 2},
    ),
}
SPACES["positive"] = WeightSpace(
    SPACES["sign"].declarations({})[0], sets={"h": {"size": 5, "scaled": "positive"}}, free={"x": 3, "y": 2}
)
ACTIVATIONS = {"sign": nn.Tanh(), "positive": nn.ReLU(), "GL": nn.Identity()}


def against(space):
    """The space of gradients: the same tensors with opposite charges."""
    tensors, sections = space.declarations({})
    for tensor in space:

        def opposite(atom):
            index = space.index(atom.name)
            return type(atom)(atom.name, charge=index.opposite(atom.charge))

        tensors[tensor.name] = print_axes(substitute(axis, opposite) for axis in tensor.axes)
    return WeightSpace(tensors, **sections)


@pytest.mark.parametrize("kind", SPACES)
def test_gradients_move_with_opposite_charges(kind):
    space = SPACES[kind]
    network = nn.Sequential(nn.Linear(3, 5), ACTIVATIONS[kind], nn.Linear(5, 2)).double()
    weights = {name: value[0, ..., 0] for name, value in features(space, 1, 1).items()}
    x = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loss(weights):
        return functional_call(network, weights, (x,)).square().sum()

    g = random_element(space, 0)
    moved = g.on(against(space)).act(grad(loss)(weights))
    for name, value in grad(loss)(g.act(weights)).items():
        torch.testing.assert_close(value, moved[name])
    # With the weights' own charges they would not move so, but for signs, which are their own inverses.
    wrong = g.act(grad(loss)(weights))
    same = all(torch.allclose(wrong[name], moved[name]) for name in moved)
    assert same == (kind == "sign")
