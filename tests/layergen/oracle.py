"""The slow oracle: a layer's output as the sum over its parameters of dense diagram matrices, and its variance."""

import math
from collections import Counter

import numpy as np
import pytest
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


def standard_deviations(make):
    """The layer that `make` returns, each random parameter replaced by its standard deviation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "normal_", lambda tensor: tensor.fill_(1))
        return make()


def mean_squares(maps, deviations):
    """The mean square of an output entry, for every target piece and free value that a diagram reaches.

    Inputs are independent and have unit variance, and so are the weights but for their standard deviations, which are
    given as the parameters of a layer: then every weight adds its variance times the squares of its diagram's matrix.
    """
    plan, n, c = optimised(lower(maps)), deviations.in_channels, deviations.out_channels
    variances = []
    for weights in name_weights(plan.mixes):
        factors = [getattr(deviations, name).detach().double().square().numpy() for name in weights.factors]
        variances.append(np.linalg.multi_dot(factors) if len(factors) > 1 else sum(factors))
    found = Counter()
    for term in terms(plan):
        diagram, written = term.diagram, len(term.diagram.target_piece.positions)
        block = variances[term.mix][term.row * n : (term.row + 1) * n, term.column * c : (term.column + 1) * c]
        sizes = {places: diagram.positions[places[0]].index.size for places in diagram.blocks}
        ends = [places for places in sizes if diagram.positions[places[0]].index.name in dict(diagram.steps)]
        inside = math.prod(sizes.pop(places) - 1 for places in ends if places[0] < written)
        sizes = {places: size for places, size in sizes.items() if places not in ends}
        averaged = math.prod(size for places, size in sizes.items() if min(places) >= written)
        entries = math.prod(diagram.target_piece.positions[place].index.size for place in diagram.target_piece.joined)
        squares = inside * math.prod(sizes.values()) / averaged**2 / entries
        values = diagram.values[: len(diagram.target_piece.free)]
        found[diagram.target.name, diagram.target_piece.number, values] += squares * block.sum(0).mean()
    return found
