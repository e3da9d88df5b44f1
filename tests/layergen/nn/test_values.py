"""What the modules compute, in numbers: equivariance alone does not tell a sine from a cosine."""

import math

import pytest
import torch
from torch import nn

from layergen.nn import ChannelNorm, FourierFeatures, Gated, PerTensorLinear, Standardise
from symmetry import WeightSpace

PLAIN = WeightSpace({"b": "h"}, sets={"h": 3})
TURNED = WeightSpace(
    {"w": "h xy"}, sets={"h": 3}, representations={"xy": {"group": "C4", "representation": "standard"}}
)


@pytest.fixture
def vectors():
    pytest.importorskip("escnn")
    return torch.randn(5, 3, 2, 4, dtype=torch.float64)


def test_fourier_features_are_the_entries_then_cosines_then_sines():
    module = FourierFeatures(2, count=3).double()
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    phases = 2 * math.pi * x[..., None] * module.frequencies
    expected = torch.cat([x, phases.cos().flatten(2), phases.sin().flatten(2)], dim=-1)
    assert torch.allclose(module({"b": x})["b"], expected)


def test_fourier_features_of_vectors_are_multiples_by_waves_of_the_length(vectors):
    module = FourierFeatures(4, count=1, space=TURNED).double()
    out = module({"w": vectors})["w"]
    phases = 2 * math.pi * vectors.square().mean(2, keepdim=True).sqrt() * module.frequencies
    kept, cosines, sines = out.split(4, dim=-1)
    assert torch.equal(kept, vectors)
    assert torch.allclose(cosines, vectors * phases.cos())
    assert torch.allclose(sines, vectors * phases.sin())


def test_gates_are_sigmoids_of_scaled_and_shifted_lengths(vectors):
    module = Gated(TURNED, 4, torch.relu).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    out = module({"w": vectors})["w"]
    lengths = vectors.square().mean(2, keepdim=True).sqrt()
    gates = torch.sigmoid(module.scale[0] * lengths + module.shift[0])
    assert torch.allclose(out, vectors * gates)


@pytest.mark.parametrize("size", [1.0, 1e-2])
def test_norms_divide_by_the_deviation_and_an_eps_of_one_part_in_100_000(size):
    x = 3 * size + size * torch.randn(5, 3, 4, dtype=torch.float64)
    out = ChannelNorm(PLAIN, channels=4).double()({"b": x})["b"]
    centred = x - x.mean(-1, keepdim=True)
    assert torch.allclose(out, centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt())


def test_norms_of_vectors_divide_by_the_root_mean_square(vectors):
    out = ChannelNorm(TURNED, channels=4).double()({"w": vectors})["w"]
    assert torch.allclose(out, vectors / (vectors.square().mean((2, 3), keepdim=True) + 1e-5).sqrt())


@pytest.mark.parametrize("size", [1e-3, 30.0])
def test_vectors_are_standardised_by_their_root_mean_square_however_small(vectors, size):
    x = {"w": size * vectors}
    out = Standardise(TURNED, channels=4).double().fit(x)(x)["w"]
    assert torch.allclose(out.square().mean((0, 1, 2)), torch.ones(4, dtype=torch.float64))
    assert torch.allclose(out * x["w"].square().mean((0, 1, 2)).sqrt(), x["w"])


def test_a_channel_without_vectors_stays_nought():
    pytest.importorskip("escnn")
    x = {"w": torch.zeros(5, 3, 2, 1)}
    assert torch.equal(Standardise(TURNED, channels=1).fit(x)(x)["w"], x["w"])


def test_matrices_of_channels_begin_with_outputs_of_the_inputs_size():
    torch.manual_seed(0)
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 30}, free={"x": 20})
    x = {"w": torch.randn(10, 30, 20, 64), "b": torch.randn(10, 30, 64)}
    for value in PerTensorLinear(space, 64, 100)(x).values():
        assert 0.9 < value.std() < 1.1


@pytest.mark.parametrize("hears", [True, False])
def test_companions_gate_vectors_and_take_up_their_lengths(vectors, hears):
    space = WeightSpace(
        {"w": "h xy", "gate": "h 1"},
        sets={"h": 3},
        representations={"xy": {"group": "C4", "representation": "standard"}},
    )
    module = Gated(space, 4, torch.tanh, lengths={"w": "gate"}, hears=hears).double()
    gate = torch.randn(5, 3, 1, 4, dtype=torch.float64)
    if hears:
        nn.init.normal_(module.scale)
    out = module({"w": vectors, "gate": gate})
    assert torch.allclose(out["w"], vectors * torch.sigmoid(gate))
    heard = module.scale[0] * vectors.square().mean(2, keepdim=True).sqrt() if hears else 0
    assert torch.allclose(out["gate"], torch.tanh(gate + heard))
