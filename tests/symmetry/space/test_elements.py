"""Group elements: a group, acting."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symmetry
from symmetry import SpecificationError, WeightSpace
from symmetry.strategies import group_elements, weight_spaces
from tests.symmetry.action import arrays


def same(left, right):
    return all(np.allclose(left[name], right[name], rtol=0, atol=1e-12) for name in left)


@given(weight_spaces(), st.data())
def test_group_laws_and_action(space, data):
    f, g, h = (data.draw(group_elements(space, positional=True)) for _ in range(3))
    one = symmetry.identity(space)
    assert (f @ g) @ h == f @ (g @ h)
    assert one @ g == g == g @ one
    assert g @ g.inverse() == one == g.inverse() @ g
    x = arrays(space)
    assert same((g @ h).act(x), g.act(h.act(x)))
    assert same(one.act(x), x)
    copies = {name: array.copy() for name, array in x.items()}
    assert same(g.inverse().act(g.act(x)), x)
    assert all(np.array_equal(x[name], copies[name]) for name in x)
    assert symmetry.element(space, g.described) == g
    assert one.moved == ()


def test_nested_element_by_hand():
    """Heads exchanged, and the units of what was head 0 reversed."""
    space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 3, "within": "head"}})
    g = symmetry.element(space, {"head": [1, 0], "dk": [[2, 1, 0], [0, 1, 2]]})
    assert g.act({"w": np.array([1, 2, 3, 4, 5, 6])})["w"].tolist() == [4, 5, 6, 3, 2, 1]


@pytest.mark.parametrize(
    ("sets", "axes"),
    [
        ({"h": 4}, "h"),
        ({"h": 3, "k": 2}, "h k"),
        ({"head": 2, "dk": {"size": 3, "within": "head"}}, "(head dk)"),
        ({"a": 2, "b": {"size": 2, "within": "a"}, "c": {"size": 2, "within": "b"}}, "(a b c)"),
    ],
)
def test_generators_generate_a_group_of_the_stated_order(sets, axes):
    space = WeightSpace({"w": axes}, sets=sets)
    found = {symmetry.identity(space)}
    frontier = set(found)
    while frontier:
        frontier = {g @ h for g, h in itertools.product(symmetry.generators(space), frontier)} - found
        found |= frontier
    assert len(found) == symmetry.group_order(space)


def test_random_elements_are_uniform_on_a_small_group():
    space = WeightSpace({"w": "h"}, sets={"h": 3})
    rng = np.random.default_rng(0)
    seen = [tuple(symmetry.random_element(space, rng).parts["h"].tolist()) for _ in range(3000)]
    counts = [seen.count(order) for order in itertools.permutations(range(3))]
    assert sum(counts) == 3000
    assert all(abs(count - 500) < 5 * math.sqrt(500) for count in counts)


def test_positional_indices_stay_unless_asked():
    space = WeightSpace({"w": "h p"}, sets={"h": 2}, positional={"p": 50})
    rng = np.random.default_rng(0)
    assert "p" not in symmetry.random_element(space, rng).moved
    assert "p" in symmetry.random_element(space, rng, positional=True).moved
    assert not any("p" in g.moved for g in symmetry.generators(space))


def test_elements_are_values():
    space = WeightSpace({"w": "h"}, sets={"h": 3})
    g = symmetry.element(space, {"h": [1, 0, 2]})
    assert {g: 1}[symmetry.element(space, {"h": (1, 0, 2)})] == 1
    with pytest.raises(ValueError, match="read-only"):
        g.parts["h"][0] = 2
    with pytest.raises(TypeError):
        g.parts["h"] = None
    assert pickle.loads(pickle.dumps(g)) == g == copy.deepcopy(g)


@pytest.mark.parametrize("part", [[0, 0, 1], [0, 1], [[0, 1, 2]], [0, 1, 3], [0.5, 1, 2]])
def test_parts_that_are_no_permutations(part):
    space = WeightSpace({"w": "h"}, sets={"h": 3})
    with pytest.raises(SpecificationError, match="not a permutation"):
        symmetry.element(space, {"h": part})


def test_wrong_shapes_and_names():
    space = WeightSpace({"w": "h x"}, sets={"h": 3}, free={"x": 2})
    g = symmetry.identity(space)
    with pytest.raises(SpecificationError, match="there is no tensor 'v'"):
        g.act({"v": np.zeros(3)})
    with pytest.raises(SpecificationError, match=r"its axes are \(3, 2\)"):
        g.act({"w": np.zeros((2, 3))})
    with pytest.raises(SpecificationError, match="features"):
        g.act({"w": np.zeros((3, 2))}, channels=True)
    with pytest.raises(SpecificationError, match="'x' is free"):
        symmetry.element(space, {"x": [1, 0]})
