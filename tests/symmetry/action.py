"""What group elements act on, and how they act on one tensor as a dense matrix."""

import math

import numpy as np


def matrix_of(g, name):
    """The matrix by which `g` acts on the flattened tensor `name`."""
    shape = g.space[name].shape
    basis = np.eye(math.prod(shape)).reshape(*shape, -1)[None]
    return g.act({name: basis}, channels=True)[name].reshape(math.prod(shape), -1)


def arrays(space, seed=0):
    rng = np.random.default_rng(seed)
    return {tensor.name: rng.normal(size=tensor.shape) for tensor in space}
