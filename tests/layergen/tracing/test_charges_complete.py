"""Are scales and matrices found wherever there are any? Asked of derivatives, which know nothing of the rules.

A one-parameter group of scales of a neuron, or of shears that add one neuron to another, leaves the function alone
where a combination of the weights' tangents is in the null space of its derivative.
"""

import numpy as np
import pytest
import torch
from torch.func import functional_call, jvp

from layergen.preservation.moves import positions_of
from layergen.tracing.copying import in_general_position
from symmetry.space.layout import take_apart
from tests.layergen.tracing.charged import CHARGED
from tests.layergen.tracing.test_charges import acting, by_rules, network

OTHERS = {
    "relu6": "no neuron of the example is above 6",
    "a threshold": "a neuron of the example is always above it, or always below",
    "shifted relu": "a neuron of the example is always above, or always below",
    "rounded to whole numbers": "it has no derivative",
    "a norm": "lengths are the same under orthogonal matrices, which no rule says",
    "shifted by a parameter": "of two biases one may grow as the other shrinks",
    "a ReLU RNN": "of two biases one may grow as the other shrinks",
    "queries and keys with biases": "biases of keys do nothing",
    "rotary embeddings, fused": "torch has no forward derivative of fused attention",
    "cut in pairs and in fours": "an index has one charge in a product with a concatenation, derivatives see two",
    "a gate": "the halves of an axis are one free index here",
    "a sigmoid of half": "the halves of an axis are one free index here",
    "linear but for a scale of each unit": "what a scale loses another weight in the same place may gain",
    "a depthwise convolution": "what a bias loses the one after it may gain",
    "an equation of three": "what a weight loses another in the same place may gain",
    "batch norm and tanh": "torch has no derivative by the statistics",
    "batch norm and GELU": "torch has no derivative by the statistics",
    "batch norm and ReLU": "torch has no derivative by the statistics",
}
"""Where derivatives see what is no group on an index, or see nothing, and why."""


def tangents(space, weights, index, kind):
    """The directions in which weights move at each occurrence of an index: a scale of its value 0, or a shear."""
    for name, number, place, position in positions_of(space):
        if position.index.name != index.name:
            continue
        tensor = space[name]
        flat = np.arange(weights[name].numel()).reshape(tensor.shape)
        piece = next(places for piece, places in take_apart(tensor.layout, flat) if piece.number == number)
        if position.parent is not None:
            piece = np.take(piece, [0], axis=position.parent)
        first, second = (np.take(piece, value, axis=place).ravel() for value in (0, 1))
        for to, origin in [(first, first)] if kind == "scale" else [(first, second), (second, first)]:
            tangent = torch.zeros_like(weights[name]).flatten()
            tangent[to] = weights[name].flatten()[origin]
            yield name, tangent.reshape(weights[name].shape)


def nullity(module, space, inputs, index, kind):
    """How many combinations of the directions leave the function as it is."""
    module = in_general_position(module).double()
    weights = {name: value.double() for name, value in module.state_dict().items() if name in space.names}
    columns = []
    for name, tangent in tangents(space, weights, index, kind):
        moved = {other: torch.zeros_like(value) for other, value in weights.items()} | {name: tangent}
        change = jvp(lambda own: functional_call(module, own, inputs), (weights,), (moved,))[1]
        columns.append(change.flatten() / tangent.norm())
    values = torch.linalg.svdvals(torch.stack(columns, 1))
    return int((values < 1e-9 * values[0]).sum()) + max(len(columns) - len(values), 0)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own jvp
@pytest.mark.parametrize("name", [name for name in CHARGED if name not in OTHERS])
def test_derivatives_see_no_more(name):
    module, inputs = network(name)[:2]
    torch.manual_seed(1)
    many = [torch.randn(40, *x.shape[1:]).double() if x.is_floating_point() else x for x in inputs]
    plain, every = by_rules(name).space, by_rules(name, symmetries="all").space
    parents = {index.parent for index in plain.indices}
    for index in plain.indices:
        group = acting(every.index(index.name))
        if index.name not in parents:
            assert (nullity(module, plain, tuple(many), index, "scale") > 0) == (group in ("positive", "GL")), index
            assert (nullity(module, plain, tuple(many), index, "shear") > 0) == (group in ("O", "GL")), index
