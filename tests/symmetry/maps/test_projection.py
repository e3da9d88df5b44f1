"""Projection on the diagrams of a block: exact on equivariant maps, orthogonal on all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symmetry import EquivariantMaps, SpecificationError, WeightSpace, random_element
from symmetry.maps.projection import project
from symmetry.strategies import weight_spaces
from tests.symmetry.action import matrix_of

SPACES = weight_spaces(max_entries=60, max_diagrams=400, max_size=4)


def shape(block):
    return math.prod(block.target.shape), math.prod(block.source.shape)


@given(SPACES, st.integers(0, 2**16))
def test_sums_of_diagrams_are_read_back(space, seed):
    rng = np.random.default_rng(seed)
    for block in EquivariantMaps(space).blocks:
        projection = project(block)
        assert [str(one) for one in projection.diagrams] == [str(one) for one in block.diagrams()]
        wanted = rng.standard_normal((2, block.dimension))
        none = np.zeros(shape(block))
        dense = np.array([sum((c * d.matrix() for c, d in zip(row, block, strict=True)), none) for row in wanted])
        found, rest = projection(dense)
        np.testing.assert_allclose(found, wanted, atol=1e-9)
        np.testing.assert_allclose(rest, 0, atol=1e-9)


@given(SPACES, st.integers(0, 2**16))
def test_the_rest_is_orthogonal_and_the_projection_is_the_mean_over_the_group(space, seed):
    rng = np.random.default_rng(seed)
    block = next(iter(EquivariantMaps(space).blocks))
    projection, dense = project(block), rng.standard_normal(shape(block))
    (found,), (rest,) = projection(dense[None])
    near = sum((c * d.matrix() for c, d in zip(found, block, strict=True)), np.zeros(shape(block)))
    np.testing.assert_allclose(rest, np.linalg.norm(dense - near), atol=1e-9)
    for diagram in block:
        assert abs(((dense - near) * diagram.matrix()).sum()) < 1e-8
    g = random_element(space, rng, positional=True)
    moved = matrix_of(g.inverse(), block.target.name) @ dense @ matrix_of(g, block.source.name)
    np.testing.assert_allclose(projection(moved[None])[0][0], found, atol=1e-9)


def test_too_many_pairs_are_refused():
    space = WeightSpace({"w": "h h h", "v": "h h h"}, sets={"h": 16})
    with pytest.raises(SpecificationError, match="too many to compare"):
        project(EquivariantMaps(space).block("w", "v"))
