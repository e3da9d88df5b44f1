"""Group elements act on features of torch as they do on arrays of numpy."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

import symmetry
from symmetry.strategies import weight_spaces
from tests.symmetry.action import arrays


@given(weight_spaces(), st.integers(0, 99))
def test_acts_on_features_of_numpy_and_torch_alike(space, seed):
    g = symmetry.random_element(space, np.random.default_rng(seed))
    x = arrays(space)
    features = {name: np.stack([value, -value])[..., None] for name, value in x.items()}
    moved = g.act(features, channels=True)
    tensors = g.act({name: torch.from_numpy(value) for name, value in features.items()}, channels=True)
    for name, value in g.act(x).items():
        np.testing.assert_allclose(moved[name][0, ..., 0], value, atol=1e-14)
        np.testing.assert_allclose(moved[name][1, ..., 0], -value, atol=1e-14)
        np.testing.assert_allclose(tensors[name].numpy(), moved[name], atol=1e-14)
