"""For layers that know permutations only: weights in canonical form, and weights moved at random in their orbits."""

from __future__ import annotations

import numpy as np
import torch

from layergen.features import Features, observed
from symmetry.space.elements import random_element
from symmetry.space.representatives import representatives
from symmetry.space.weight_space import WeightSpace

__all__ = ["augment", "canonicalise"]


def canonicalise(features: Features, space: WeightSpace) -> Features:
    """Features of networks in canonical form: no sign, scale or basis of a hidden index is left to chance.

    Neurons with signs get those by which the sum of their incoming entries is positive, neurons with positive scales
    unit incoming norm, vectors under GL the basis in which the Gram matrices of both sides are one diagonal matrix,
    vectors under O that of their eigenvectors. Entries "come in" where their charge is 1. Vectors of one charge only
    that are no more than their coordinates have no canonical basis. Networks keep the functions that they compute.
    Permutations are left to the layers: declare the same tensors without `scaled`, and vectors as free indices.

    Parameters
    ----------
    features
        `{tensor: (network, *axes, channels)}`, the weights in the first channel; other channels transform with it.
    space
        The weight space of the networks, with its signs, scales and vectors.

    Returns
    -------
    Features
        Features of the same shapes, through which no gradients flow.

    Examples
    --------
    >>> space = WeightSpace({"w": "h", "v": "h^-1"}, sets={"h": {"size": 2, "scaled": "positive"}})
    >>> x = {"w": torch.tensor([[[4.0], [-0.5]]]), "v": torch.tensor([[[1.0], [1.0]]])}
    >>> {name: value.flatten().tolist() for name, value in canonicalise(x, space).items()}
    {'w': [1.0, -1.0], 'v': [4.0, 0.5]}
    """
    seen = observed(space, features)
    with torch.no_grad():
        return representatives(seen, {name: features[name] for name in seen.names})


def augment(features: Features, space: WeightSpace, rng: np.random.Generator | int | None = None) -> Features:
    """Features of networks that compute the same functions: each is moved by a random element of the group.

    Parameters
    ----------
    features
        `{tensor: (network, *axes, channels)}`.
    space
        The weight space of the networks.
    rng
        A numpy generator, or the seed of one.

    Returns
    -------
    Features
        Features of the same shapes.

    Examples
    --------
    >>> space = WeightSpace({"w": "h", "v": "h^-1"}, sets={"h": {"size": 3, "scaled": "positive"}})
    >>> x = {"w": torch.rand(1, 3, 1, dtype=torch.float64), "v": torch.rand(1, 3, 1, dtype=torch.float64)}
    >>> y = augment(x, space, 0)
    >>> torch.equal(x["w"], y["w"]), torch.allclose((x["w"] * x["v"]).sum(), (y["w"] * y["v"]).sum())
    (False, True)
    """
    rng, seen = np.random.default_rng(rng), observed(space, features)
    networks = range(next(iter(features.values())).shape[0])
    moved = [
        random_element(seen, rng).act({name: features[name][n : n + 1] for name in seen.names}, channels=True)
        for n in networks
    ]
    return {name: torch.cat([one[name] for one in moved]) for name in seen.names}
