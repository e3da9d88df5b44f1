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
TURNED = weight_spaces(kinds=("representations",), max_tensors=2, max_order=2, max_entries=16, max_diagrams=120)
"""Over representation indices too, where escnn is installed."""


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


@given(TURNED, st.integers(0, 2**16))
def test_the_projection_is_least_squares_on_the_matrices_of_the_diagrams(space, seed):
    """And it gives an equivariant map back as it is, over representation indices too."""
    rng = np.random.default_rng(seed)
    for block in EquivariantMaps(space).blocks:
        matrices = np.array([one.matrix().ravel() for one in block]).reshape(block.dimension, math.prod(shape(block)))
        dense = rng.standard_normal((3, *shape(block)))
        found, rest = project(block)(dense)
        wanted = np.linalg.lstsq(matrices.T, dense.reshape(3, -1).T, rcond=None)[0].T
        np.testing.assert_allclose(found, wanted, atol=1e-8)
        near = (wanted @ matrices).reshape(dense.shape)
        np.testing.assert_allclose(rest, np.linalg.norm((dense - near).reshape(3, -1), axis=1), atol=1e-8)
        again, nothing = project(block)(near)
        np.testing.assert_allclose(again, found, atol=1e-8)
        np.testing.assert_allclose(nothing, 0, atol=1e-8)


@given(TURNED, st.integers(0, 2**16))
def test_a_map_and_its_conjugates_have_one_projection(space, seed):
    """The projection is the mean over the group: a map seen in moved coordinates has the same."""
    rng = np.random.default_rng(seed)
    block, g = next(iter(EquivariantMaps(space).blocks)), random_element(space, rng)
    dense = rng.standard_normal(shape(block))
    moved = matrix_of(g, block.target.name) @ dense @ np.linalg.inv(matrix_of(g, block.source.name))
    np.testing.assert_allclose(project(block)(moved[None])[0], project(block)(dense[None])[0], atol=1e-7)


def test_a_projection_over_a_rotation_by_hand():
    """Of a 2 × 2 matrix that SO(2) conjugates the trace and the antisymmetric part stay."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    space = WeightSpace({"v": "r"}, representations={"r": {"group": "SO(2)", "representation": "irrep(1)"}})
    block = EquivariantMaps(space).block("v", "v")
    ((first, second),), (rest,) = project(block)(np.array([[[3.0, 5.0], [1.0, 7.0]]]))
    near = sum(c * one.matrix() for c, one in zip((first, second), block, strict=True))
    np.testing.assert_allclose(near, [[5, 2], [-2, 5]], atol=1e-12)
    assert rest == pytest.approx(math.sqrt(4 + 9 + 9 + 4))


@pytest.mark.parametrize("representations", [{}, {"r": {"group": "C4", "representation": "regular"}}])
def test_too_many_pairs_are_refused(representations):
    if representations:
        pytest.importorskip("escnn.group", exc_type=ImportError)
    axes = " ".join(["h h", *(representations or "h")])
    space = WeightSpace({"w": axes, "v": axes}, sets={"h": 16}, representations=representations)
    with pytest.raises(SpecificationError, match="too many to compare"):
        project(EquivariantMaps(space).block("w", "v"))
