"""The slow oracle: a layer's output as the sum over its parameters of dense diagram matrices."""

import numpy as np
import torch

from layergen.plan.lowering import lower
from layergen.plan.parameters import name_weights
from layergen.plan.passes import optimised
from layergen.plan.terms import bias_terms, terms
from symmetry import SCALAR
from symmetry.maps.diagrams import Diagram
from symmetry.space.layout import Piece


def features(space, batch, channels, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        tensor.name: torch.randn(batch, *tensor.shape, channels, generator=generator, dtype=torch.float64).to(dtype)
        for tensor in space
    }


def plan_of(layer, passes=None):
    plan = lower(layer.maps)
    return optimised(plan) if passes is None else optimised(plan, passes)


def matrix_of(layer, weights):
    """The matrix of a mix, the product of its two factors where its rank is bounded."""
    if weights.mix.rank is None:
        return getattr(layer, weights.name).detach().numpy()
    return (getattr(layer, f"{weights.name}_in") @ getattr(layer, f"{weights.name}_out")).detach().numpy()


def oracle(layer, x, passes=None):
    """The output of a layer on features `x`, from diagrams alone; float64 arrays by target tensor."""
    plan = plan_of(layer, passes)
    n, c = layer.in_channels, layer.out_channels
    weights = name_weights(plan.mixes)
    flat = {name: value.detach().numpy().reshape(value.shape[0], -1, n) for name, value in x.items()}
    batch = next(iter(flat.values())).shape[0]
    out = {t.name: np.zeros((batch, int(np.prod(t.shape)), c)) for t in plan.maps.target}
    for term in terms(plan):
        parameter = matrix_of(layer, weights[term.mix])
        block = parameter[term.row * n : (term.row + 1) * n, term.column * c : (term.column + 1) * c]
        matrix = term.diagram.matrix() / term.averaged
        out[term.diagram.target.name] += np.einsum("ts,bsn,nc->btc", matrix, flat[term.diagram.source.name], block)
    for number, (side, values) in enumerate(bias_terms(plan)):
        target, nothing = plan.maps.target[side.piece.tensor], SCALAR.tensors[0]
        diagram = Diagram(target, nothing, side.piece, Piece("invariant", 0, ()), side.blocks, values)
        bias = layer.bias.detach().numpy()[number * c : (number + 1) * c]
        out[target.name] += diagram.matrix()[None, :, :] * bias
    return {t.name: out[t.name].reshape(batch, *t.shape, c) for t in plan.maps.target}
