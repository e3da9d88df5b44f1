"""Large products run as convolutions: that they are the same products, that they are run so, and only where meant."""

import math
import sys
from itertools import product

import pytest
import torch
from hypothesis import given
from torch.nn import functional

from layergen.linear import EquivariantLinear
from symmetry import WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features

SPACE = WeightSpace({"w": "h k", "b": "h"}, sets={"h": 4, "k": 3})


def module_of(layer):
    """The emitted module of a layer."""
    return sys.modules[layer.emitted.layer.__module__]


@pytest.fixture
def module():
    return module_of(EquivariantLinear(SPACE, 1, 1))


def outcomes(call, tensors, weights):
    """The outputs of a call and the gradients of a fixed function of them."""
    out = call()
    total = sum((value * torch.linspace(-1, 1, value.numel()).view_as(value)).sum() for value in out)
    return [*out, *torch.autograd.grad(total, [*tensors, *weights])]


@pytest.mark.parametrize(("rows", "turned"), list(product([(4, 16), (5, 7), (1, 1), (2, 3, 4, 8)], [False, True])))
def test_a_convolution_is_the_product(module, monkeypatch, rows, turned):
    x = torch.randn(*rows, 6)
    x = (x.transpose(0, -2).contiguous().transpose(0, -2) if turned else x).requires_grad_()
    weight = torch.randn(6, 5, requires_grad=True)
    found = []
    for least in (math.inf, 0):
        monkeypatch.setattr(module, "_CONVOLVED", least, raising=False)  # none in layers of scalars
        found.append(outcomes(lambda: [module._product(x, weight)], [x], [weight]))
    for plain, convolved in zip(*found, strict=True):
        torch.testing.assert_close(convolved, plain, rtol=1e-5, atol=1e-5)


@given(weight_spaces(max_entries=60, max_diagrams=200, max_size=3))
def test_layers_agree_with_and_without(space):
    layer, x = EquivariantLinear(space, 2, 3), features(space, 3, 2, torch.float32)
    values = [value.requires_grad_() for value in x.values()]
    module, found = module_of(layer), []
    with pytest.MonkeyPatch.context() as patch:
        for least in (math.inf, 0):
            patch.setattr(module, "_CONVOLVED", least, raising=False)  # none in layers of scalars
            found.append(outcomes(lambda: list(layer(x).values()), values, list(layer.parameters())))
    for plain, convolved in zip(*found, strict=True):
        torch.testing.assert_close(convolved, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "rows", "convolved"),
    [(torch.float32, 1024, True), (torch.float32, 1023, False), (torch.float64, 1024, False)],
)
def test_only_large_single_precision_products_are_convolved(module, monkeypatch, dtype, rows, convolved):
    calls, conv2d = [], functional.conv2d
    monkeypatch.setattr(functional, "conv2d", lambda *arguments: calls.append(1) or conv2d(*arguments))
    module._product(torch.ones(rows, 64, dtype=dtype), torch.ones(64, 64, dtype=dtype))
    assert bool(calls) == convolved


def test_a_layer_above_the_threshold_exports_with_any_batch():
    layer, batch = EquivariantLinear(SPACE, 256, 256), torch.export.Dim("batch", min=1, max=4096)
    x = features(SPACE, 8, 256, torch.float32)
    program = torch.export.export(layer, (x,), dynamic_shapes=({name: {0: batch} for name in x},))
    other = features(SPACE, 3, 256, torch.float32)
    for name, value in program.module()(other).items():
        torch.testing.assert_close(value, layer(other)[name], rtol=1e-4, atol=1e-4)
