"""How a group element acts on one tensor, as a dense matrix."""

import math

import numpy as np


def matrix_of(g, name):
    """The matrix by which `g` acts on the flattened tensor `name`."""
    shape = g.space[name].shape
    basis = np.eye(math.prod(shape)).reshape(*shape, -1)[None]
    return g.act({name: basis}, channels=True)[name].reshape(math.prod(shape), -1)
