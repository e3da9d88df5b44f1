"""The terms of UNF's public code, as a layer in PyTorch that can be judged."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from layergen import Features
from papers.published import Published
from papers.unf.numpy_for_jax import stand_ins
from symmetry import WeightSpace

__all__ = ["REPOSITORY", "UNFLayer", "term_matrices"]

REPOSITORY = "AllanYangZhou/universal_neural_functional"


def term_matrices(published: Published, space: WeightSpace, target: str, source: str) -> Tensor:
    """The maps that the public code's `gen_basis` gives from one tensor to one, `(term, *target, *source)`.

    Parameters
    ----------
    published
        Where the code is.
    space
        A weight space in which every axis is a set, as those of `papers.unf.specification.weight_space`.
    target, source
        The names of two of its tensors.

    Returns
    -------
    Tensor
        A matrix for each term, in float64; found by giving it the unit tensors.
    """
    have = {} if find_spec("jax") else stand_ins()
    with published.importing(REPOSITORY, have) as module:
        gen_basis = module("algorithm").gen_basis
    numbers = {name: number for number, name in enumerate(space.sizes)}
    written, read = (tuple(numbers[str(axis)] for axis in space[name].axes) for name in (target, source))
    shape, size = space[target].shape, space[source].shape
    columns = []
    for place in product(*map(range, size)):
        unit = np.zeros(size)
        unit[place] = 1
        terms = gen_basis(written, read, shape, unit)
        columns.append(np.stack([np.broadcast_to(np.asarray(term), shape) for term in terms]))
    return torch.from_numpy(np.stack(columns, -1)).reshape(-1, *shape, *size)


class UNFLayer(nn.Module):
    """The linear layer of UNF: each term of each pair of tensors with a parameter, and a number for each tensor.

    Parameters
    ----------
    published
        Where the public code is.
    space
        The weight space, every axis a set.
    channels
        The number of channels of the features taken and given.
    """

    def __init__(self, published: Published, space: WeightSpace, channels: int = 1) -> None:
        super().__init__()
        self.names, self.shapes = space.names, {name: tuple(shape) for name, shape in space.shapes.items()}
        self.terms = {pair: term_matrices(published, space, *pair) for pair in product(self.names, repeat=2)}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.weights = nn.ParameterList(
                torch.randn(len(terms), channels, channels) for terms in self.terms.values()
            )
            self.biases = nn.ParameterList(torch.randn(channels) for _ in self.names)

    def forward(self, x: Features) -> Features:
        found = {
            name: bias.expand(len(x[name]), *self.shapes[name], -1)
            for name, bias in zip(self.names, self.biases, strict=True)
        }
        for ((target, source), terms), weight in zip(self.terms.items(), self.weights, strict=True):
            rows = terms.to(weight.dtype).reshape(len(terms), -1, x[source][0, ..., 0].numel())
            made = torch.einsum("kts,bsc,kcd->btd", rows, x[source].flatten(1, -2), weight)
            found[target] = found[target] + made.reshape(len(made), *self.shapes[target], -1)
        return found
