"""Layers that take weights in other shapes than features: fed, read and judged alike."""

import pytest
import torch
from torch import nn

import layergen
from layergen.testing import FORMS, Form, adapted, assert_equivariant, assert_invariant, check, random_features
from symmetry import SpecificationError, WeightSpace

SPACE = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}, sets={"h": 5}, free={"x": 2, "y": 3}
)


def pairs(weights_and_biases):
    """A layer of DWSNets' sort, channels last: each tensor, and the mean of the first bias over the neurons."""
    weights, biases = weights_and_biases
    mean = biases[0].mean(1)
    return tuple(2 * w + mean[:, None, None] for w in weights), tuple(b + mean[:, None] for b in biases)


def sorted_pairs(weights_and_biases):
    weights, biases = weights_and_biases
    return weights, (biases[0] + biases[0][:, :1], biases[1])


def flat(vector):
    return vector + vector[:, 10:15].mean(1, keepdim=True)


def flat_wrong(vector):
    return vector + vector[:, 9:14].mean(1, keepdim=True)


def one_network(weights):
    return {name: value - weights["0.bias"].mean() for name, value in weights.items()}


def one_network_wrong(weights):
    return {**weights, "0.bias": weights["0.bias"] - weights["0.bias"][0]}


class Reader(nn.Module):
    """A module that takes a state_dict and returns a prediction."""

    def __init__(self, neuron=None):
        super().__init__()
        self.neuron = neuron

    def forward(self, weights):
        hidden = weights["2.weight"] @ torch.sin(weights["0.weight"])
        return hidden if self.neuron is None else hidden + weights["0.bias"][self.neuron]


@pytest.mark.parametrize(
    ("form", "sound", "faulty"),
    [
        ("pairs", pairs, sorted_pairs),
        ("flat", flat, flat_wrong),
        ("weights", one_network, one_network_wrong),
        ("state_dict", one_network, one_network_wrong),
    ],
)
def test_sound_and_faulty_layers(form, sound, faulty):
    assert_equivariant(sound, SPACE, form=form)
    with pytest.raises(AssertionError, match=r"not equivariant: exchanging elements 0 and [1-4] of 'h'") as caught:
        assert_equivariant(faulty, SPACE, form=form)
    assert f"layergen.testing.adapted(f, space, {form!r})" in str(caught.value)


@pytest.mark.parametrize("form", ["weights", "state_dict"])
def test_modules_that_take_a_state_dict(form):
    assert_invariant(Reader(), SPACE, form=form)
    with pytest.raises(AssertionError, match="not invariant"):
        assert_invariant(Reader(neuron=2), SPACE, form=form)


def test_nfn_takes_channels_first():
    layers, common = pytest.importorskip("nfn.layers"), pytest.importorskip("nfn.common")
    example = random_features(SPACE, 2)
    spec = common.network_spec_from_wsfeat(FORMS["nfn"].pack(example, SPACE))
    assert_equivariant(layers.HNPLinear(spec, 2, 3), SPACE, form="nfn", channels=2)
    assert_invariant(layers.HNPPool(spec), SPACE, form="nfn", channels=2)

    def wrong(x):
        return common.WeightSpaceFeatures(x.weights, [b.cumsum(-1) for b in x.biases])

    assert check(wrong, SPACE, form="nfn").kind == "not equivariant"


@pytest.mark.parametrize("name", ["features", "pairs", "nfn", "flat"])
def test_what_is_packed_comes_back(name):
    if name == "nfn":
        pytest.importorskip("nfn.common")
    x = random_features(SPACE, 1)
    found = adapted(lambda packed: packed, SPACE, name)(x)
    assert set(found) == set(SPACE.names)
    assert all(torch.equal(value, x[key]) for key, value in found.items())


def test_a_form_of_ones_own():
    stacked = Form(
        "stacked", lambda x, space: list(x.values()), lambda found, space: dict(zip(space.names, found, strict=False))
    )
    assert_equivariant(lambda values: [2 * value for value in values], SPACE, form=stacked)
    assert not check(lambda values: values[:2], SPACE, form=stacked).passed


@pytest.mark.parametrize(
    ("function", "form", "message"),
    [
        (lambda pair: (pair[0], pair[1][:1]), "pairs", "not features of"),
        (lambda pair: (pair[0], [*pair[1], pair[1][0]]), "pairs", "'bias 2'"),
        (lambda vector: vector[:, 1:], "flat", "returned Tensor, not features"),
        (lambda weights: {"0.bias": weights["0.bias"]}, "weights", "returned ['0.bias'], not features"),
        (lambda pair: (pair[0], [pair[1][0].mul_(2), pair[1][1]]), "pairs", "changes its input '0.bias' in place"),
    ],
)
def test_what_is_wrong_is_said(function, form, message):
    assert message in check(function, SPACE, form=form).message


def test_what_cannot_be_fed():
    odd = WeightSpace({"w": "h x", "b": "h", "v": "h"}, sets={"h": 3}, free={"x": 2})
    with pytest.raises(SpecificationError, match="pairs of a weight and a bias"):
        check(pairs, odd, form="pairs")
    with pytest.raises(SpecificationError, match="one channel"):
        check(flat, SPACE, form="flat", channels=2)
    with pytest.raises(SpecificationError, match="has no channels"):
        check(one_network, SPACE, form="weights", channels=2)
    with pytest.raises(SpecificationError, match="one of features, weights"):
        check(flat, SPACE, form="vector")


def test_layers_of_ours_in_other_forms():
    layer = layergen.EquivariantLinear(SPACE, 1, 1)

    def as_pairs(pair):
        out = layer(dict(zip(SPACE.names, [v for both in zip(*pair, strict=True) for v in both], strict=True)))
        return [out["0.weight"], out["2.weight"]], [out["0.bias"], out["2.bias"]]

    assert_equivariant(as_pairs, SPACE, form="pairs")
