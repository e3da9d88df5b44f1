"""The layers of `generated/` with weights and features, at small widths."""

import importlib

import pytest
import torch

from generated.regenerate import LAYERS
from symmetry import SCALAR, EquivariantMaps
from symmetry.space.reading import readings

every_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)


def layer_class(layer):
    return getattr(importlib.import_module(f"generated.{layer.name}"), layer.class_name)


def maps_of(layer):
    return EquivariantMaps(layer.space, layer.target_space)


def small_maps(layer):
    """The maps at widths of 2, 3 and 4 for every set whose size the layer reads from its input."""
    maps = maps_of(layer)
    _, fixed = readings(maps.source, maps.target)
    sizes = {
        index.name: 2 + number % 3
        for number, index in enumerate(maps.source.indices)
        if index.joined and index.name not in fixed
    }
    return EquivariantMaps(maps.source.resized(sizes), maps.target.resized(shared(sizes, maps.target)))


def shared(sizes, space):
    """The sizes of those indices that a weight space has."""
    return {index.name: sizes[index.name] for index in space.indices if index.name in sizes}


def random_layer(layer, in_channels=2, out_channels=3, dtype=torch.float64):
    torch.manual_seed(0)
    module = layer_class(layer)(in_channels, out_channels, dtype=dtype)
    if module.bias is not None:
        torch.nn.init.normal_(module.bias)
    return module


def features(space, batch=2, channels=2, dtype=torch.float64):
    torch.manual_seed(1)
    return {t.name: torch.randn(batch, *t.shape, channels, dtype=torch.float64).to(dtype) for t in space}


def as_dict(output):
    return output if isinstance(output, dict) else {SCALAR.names[0]: output}


def assert_same(found, expected, **tolerance):
    found, expected = as_dict(found), as_dict(expected)
    assert list(found) == list(expected)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}")
