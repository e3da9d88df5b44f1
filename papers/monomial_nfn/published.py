"""The public code of Monomial-NFN, which is a package `nfn` of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from layergen import Features
from layergen.testing import Form, random_features
from papers.published import Published
from symmetry import WeightSpace

__all__ = ["LAYERS", "REPOSITORY", "layer"]

REPOSITORY = "MathematicalAI-NUS/Monomial-NFN"
LAYERS = {"HNPSLinear": "positive", "HNPS_SirenLinear": "sign"}
"""Its two linear layers, and what a neuron may be multiplied by."""


def layer(published: Published, name: str, space: WeightSpace, channels: int = 1) -> tuple[nn.Module, Form]:
    """A linear layer of the code for a perceptron, and the form in which it takes features.

    Parameters
    ----------
    published
        Where the code is.
    name
        A key of `LAYERS`.
    space
        The weight space, tensors in turn: a weight `(out, in)` and its bias.
    channels
        The number of channels taken and given.

    Returns
    -------
    Module
        The layer, in evaluation mode.
    Form
        The clone's own `WeightSpaceFeatures`, channels before the axes.
    """
    with published.importing(REPOSITORY) as module, torch.random.fork_rng():
        torch.manual_seed(0)
        common, layers = module("nfn.common"), module("nfn.layers.layers")

        def pack(x: Features, space: WeightSpace) -> Any:
            values = [x[name].movedim(-1, 1) for name in space.names]
            return common.WeightSpaceFeatures(values[::2], values[1::2])

        def unpack(found: Any, space: WeightSpace) -> Features:
            values = [value for pair in zip(found.weights, found.biases, strict=True) for value in pair]
            return {name: value.movedim(1, -1) for name, value in zip(space.names, values, strict=True)}

        specification = common.network_spec_from_wsfeat(pack(random_features(space), space))
        made: nn.Module = getattr(layers, name)(specification, channels, channels)
    return made.eval(), Form(REPOSITORY, pack, unpack)
