"""Canonical forms and random moves: orbits have one form, and networks keep their functions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import layergen
from layergen.preservation.outputs import outputs
from symmetry import WeightSpace, element, random_element

SCALED = {
    "tanh": ("sign", nn.Tanh()),
    "relu": ("positive", nn.ReLU()),
}


def network(activation):
    return nn.Sequential(nn.Linear(3, 5), activation, nn.Linear(5, 4), activation, nn.Linear(4, 2)).double()


def perceptron(scaled):
    return WeightSpace(
        {"0.weight": "h x", "0.bias": "h", "2.weight": "k h^-1", "2.bias": "k", "4.weight": "y k^-1", "4.bias": "y"},
        sets={"h": {"size": 5, "scaled": scaled}, "k": {"size": 4, "scaled": scaled}},
        free={"x": 3, "y": 2},
    )


ATTENTION = WeightSpace(
    {"q": "(head u) d", "k": "(head u^-1) d", "v": "(head w) d", "o": "d (head w^-1)"},
    sets={"head": 3},
    free={"d": 7},
    vectors={
        "u": {"size": 2, "group": "GL", "within": "head"},
        "w": {"size": 4, "group": "GL", "within": "head"},
    },
)
SPACES = {
    "signs": perceptron("sign"),
    "scales": perceptron("positive"),
    "attention": ATTENTION,
    "orthogonal": WeightSpace(
        {"a": "r x", "b": "y r"}, vectors={"r": {"size": 3, "group": "O"}}, free={"x": 4, "y": 5}
    ),
    "one side": WeightSpace({"a": "x r^-1"}, vectors={"r": {"size": 3, "group": "GL"}}, free={"x": 6}),
}


def still(g):
    """The element without its permutations."""
    parts = {}
    for name, part in g.parts.items():
        if part.dtype.names:
            parts[name] = {"factors": part["factor"]}
        elif part.dtype.kind == "f":
            parts[name] = part
    return element(g.space, parts)


def random_weights(space, networks, seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(networks, *shape, 1, generator=generator, dtype=torch.float64)
        for name, shape in space.shapes.items()
    }


@pytest.mark.parametrize("name", SPACES)
@given(seed=st.integers(0, 2**32 - 1))
def test_an_orbit_has_one_form(name, seed):
    space = SPACES[name]
    x, g = random_weights(space, 2, seed), still(random_element(space, seed))
    found, moved = layergen.canonicalise(x, space), layergen.canonicalise(g.act(x, channels=True), space)
    for key in space.names:
        torch.testing.assert_close(moved[key], found[key], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", SPACES)
def test_the_form_moves_with_permutations_and_is_in_the_orbit(name):
    """Permuting first or last is the same; products that cancel the group are those of the weights."""
    space = SPACES[name]
    x = random_weights(space, 2, 0)
    found = layergen.canonicalise(x, space)
    parts = {n: {"images": p["image"]} for n, p in random_element(space, 1).parts.items() if p.dtype.names}
    parts |= {n: p for n, p in random_element(space, 1).parts.items() if p.dtype.kind == "i"}
    g = element(space, parts)
    for key, value in g.act(found, channels=True).items():
        other = layergen.canonicalise(g.act(x, channels=True), space)[key]
        torch.testing.assert_close(value, other, rtol=1e-6, atol=1e-8)
    assert any(not torch.allclose(found[key], x[key]) for key in space.names)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("change", [layergen.canonicalise, lambda x, space: layergen.augment(x, space, 0)])
def test_functions_are_preserved(name, change):
    torch.manual_seed(0)
    scaled, activation = SCALED[name]
    space, networks = perceptron(scaled), [network(activation) for _ in range(3)]
    x = layergen.stack([one.state_dict() for one in networks], space)
    y = change(x, space)
    data = torch.randn(6, 3, dtype=torch.float64)
    for number, one in enumerate(networks):
        weights = {key: value[number, ..., 0] for key, value in y.items()}
        assert any(not torch.allclose(weights[key], x[key][number, ..., 0]) for key in weights)
        (found,), expected = outputs(one, weights, (data,), {}), one(data)
        torch.testing.assert_close(found, expected)


def test_canonical_forms_by_hand():
    x = layergen.canonicalise(random_weights(SPACES["scales"], 3, 0), SPACES["scales"])
    for layer, width in (("0", 5), ("2", 4)):
        incoming = torch.cat([x[f"{layer}.weight"].flatten(2), x[f"{layer}.bias"]], -1)
        torch.testing.assert_close(incoming.norm(dim=-1), torch.ones(3, width, dtype=torch.float64))
    x = layergen.canonicalise(random_weights(SPACES["signs"], 3, 0), SPACES["signs"])
    assert all((x[f"{layer}.weight"].flatten(2).sum(-1) + x[f"{layer}.bias"][..., 0] > 0).all() for layer in "02")
    x = layergen.canonicalise(random_weights(ATTENTION, 2, 0), ATTENTION)
    q, k = (x[name][..., 0].unflatten(1, (3, 2)) for name in "qk")
    gram = q @ q.mT
    torch.testing.assert_close(gram, k @ k.mT)
    torch.testing.assert_close(gram, torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1)))


@pytest.mark.parametrize("zero", ["a", "b"])
def test_rows_of_nought_stay_finite(zero):
    """A freshly made LoRA, with one factor nought: nothing divides by it."""
    space = WeightSpace({"a": "r x", "b": "y r^-1"}, vectors={"r": {"size": 2, "group": "GL"}}, free={"x": 3, "y": 4})
    x = random_weights(space, 2, 0)
    x[zero].zero_()
    found = layergen.canonicalise(x, space)
    assert all(torch.isfinite(value).all() for value in found.values())
    dead = random_weights(SPACES["scales"], 1, 0)
    dead["0.weight"][0, 0], dead["0.bias"][0, 0] = 0, 0
    found = layergen.canonicalise(dead, SPACES["scales"])
    assert np.isfinite(found["2.weight"]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("change", [layergen.canonicalise, lambda x, space: layergen.augment(x, space, 0)])
def test_types_stay(change, dtype):
    space = perceptron("positive")
    x = {name: torch.randn(2, *shape, 1, dtype=dtype) for name, shape in space.shapes.items()}
    assert {value.dtype for value in change(x, space).values()} == {dtype}


@pytest.mark.parametrize("change", [layergen.canonicalise, lambda x, space: layergen.augment(x, space, 0)])
def test_weights_of_other_networks_are_refused(change):
    space = perceptron("positive")
    x = {name: torch.randn(2, *shape, 1) for name, shape in space.shapes.items()}
    with pytest.raises(ValueError, match=r"there are no arrays for the tensors \['2\.bias'\]"):
        change({name: value for name, value in x.items() if name != "2.bias"}, space)
    with pytest.raises(ValueError, match=r"'2\.bias' has axes \(\), expected \(4,\)"):
        change(x | {"2.bias": x["2.bias"][0]}, space)
