"""What acts on the indices: laws of groups, then elements, words, orders and representatives by hand."""

import itertools
import math

import numpy as np
import pytest

from symmetry import SpecificationError, WeightSpace
from symmetry.kinds.permuted import Permutations
from symmetry.kinds.scalars import Monomials
from symmetry.kinds.vectors import LinearMaps

ACTIONS = {
    "permutations": Permutations("h", 3),
    "signs": Monomials("h", 3, "sign"),
    "scales": Monomials("h", 3, "positive"),
    "O(1)": LinearMaps("r", 1, "O"),
    "O(3)": LinearMaps("r", 3, "O"),
    "GL(2)": LinearMaps("r", 2, "GL"),
}
COPIES = [(), (2,), (2, 1)]


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("copies", COPIES)
def test_parts_make_a_group(name, copies):
    action, rng = ACTIONS[name], np.random.default_rng(0)
    still, (a, b, c) = action.identity(copies), (action.sample(copies, rng) for _ in range(3))
    for part in (a, *action.generators(copies)):
        assert action.equal(action.compose(part, still), part)
        assert action.equal(action.compose(still, part), part)
        assert action.equal(action.compose(part, action.inverse(part)), still)
        assert action.equal(action.compose(action.inverse(part), part), still)
        assert action.equal(action.read(action.described(part), copies), part)
    assert action.equal(action.compose(action.compose(a, b), c), action.compose(a, action.compose(b, c)))
    simple = [action.simple(copies, number) for number in range(action.simple_count(copies))]
    assert not any(action.equal(one, other) for one, other in itertools.combinations([still, *simple], 2))
    assert all(action.equal(action.read(one, copies), one) for one in simple)
    for one in action.simpler(a):
        assert any(action.equal(one, other) for other in simple)


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("copies", COPIES)
def test_logarithms_of_orders(name, copies):
    """A set of a million elements has an order of five million digits, which nobody multiplies out."""
    action = ACTIONS[name]
    order = action.order(copies)
    assert math.isclose(action.log_order(copies), math.inf if order is None else math.log(order), rel_tol=1e-12)


def test_orders_and_their_symbols():
    assert {name: action.order((2,)) for name, action in ACTIONS.items()} == {
        "permutations": 6**2,
        "signs": (2**3 * 6) ** 2,
        "scales": None,
        "O(1)": 4,
        "O(3)": None,
        "GL(2)": None,
    }
    assert {name: (action.symbol, action.order_symbol) for name, action in ACTIONS.items()} == {
        "permutations": ("S_3", "3!"),
        "signs": ("Z_2 ≀ S_3", "2^3 3!"),
        "scales": ("R_+ ≀ S_3", "∞ (R_+ ≀ S_3)"),
        "O(1)": ("O(1)", "2"),
        "O(3)": ("O(3)", "∞ (O(3))"),
        "GL(2)": ("GL(2)", "∞ (GL(2))"),
    }


def test_simple_elements_of_matrices_are_flips_then_turns():
    """Of the first copy first."""
    turned = [[0.8, -0.6], [0.6, 0.8]]
    orthogonal, invertible = LinearMaps("r", 2, "O"), LinearMaps("r", 2, "GL")
    assert [orthogonal.simple((), number).tolist() for number in range(3)] == [
        [[-1, 0], [0, 1]],
        [[1, 0], [0, -1]],
        turned,
    ]
    assert [invertible.simple((2,), number).tolist() for number in range(6)] == [
        [[[2, 0], [0, 1]], np.eye(2).tolist()],
        [[[1, 0], [0, 2]], np.eye(2).tolist()],
        [turned, np.eye(2).tolist()],
        [np.eye(2).tolist(), [[2, 0], [0, 1]]],
        [np.eye(2).tolist(), [[1, 0], [0, 2]]],
        [np.eye(2).tolist(), turned],
    ]
    planes = [LinearMaps("r", 3, "O").simple((), number) for number in (3, 4, 5)]
    assert [np.flatnonzero(np.diag(plane) == 0.8).tolist() for plane in planes] == [[0, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize(
    ("action", "copies", "deeds"),
    [
        (
            LinearMaps("r", 2, "O"),
            (),
            [
                "multiplying coordinate 0 of 'r' by -1",
                "multiplying coordinate 1 of 'r' by -1",
                "turning the plane of coordinates 0 and 1 of 'r'",
            ],
        ),
        (
            LinearMaps("r", 1, "GL"),
            (2,),
            ["multiplying coordinate 0 of copy (0,) of 'r' by 2", "multiplying coordinate 0 of copy (1,) of 'r' by 2"],
        ),
        (
            Monomials("h", 2, "sign"),
            (),
            [
                "multiplying element 0 of 'h' by -1",
                "multiplying element 1 of 'h' by -1",
                "exchanging elements 0 and 1 of 'h'",
            ],
        ),
        (
            Monomials("h", 1, "positive"),
            (2,),
            ["multiplying element 0 of copy (0,) of 'h' by 2", "multiplying element 0 of copy (1,) of 'h' by 2"],
        ),
    ],
)
def test_words_for_simple_elements(action, copies, deeds):
    assert [action.deed(action.simple(copies, number)) for number in range(action.simple_count(copies))] == deeds


def test_words_for_elements_that_are_not_simple():
    rng = np.random.default_rng(0)
    assert (
        LinearMaps("r", 3, "O").deed(LinearMaps("r", 3, "O").sample((), rng)) == "acting on 'r' by orthogonal matrices"
    )
    maps = LinearMaps("r", 2, "GL")
    assert maps.deed(maps.sample((2,), rng)) == "acting on 'r' by invertible matrices"
    assert maps.deed(np.array([[1.0, 0.5], [0, 1]])) == "turning the plane of coordinates 0 and 1 of 'r'"
    signs = Monomials("h", 3, "sign")
    assert signs.deed(signs.read({"factors": [-1, 1, -1]}, ())) == "multiplying elements of 'h' by 1 and -1"
    both = signs.read({"images": [1, 2, 0], "factors": [1, -1, 1]}, ())
    assert signs.deed(both) == "multiplying element 1 of 'h' by -1 and permuting 'h'"


@pytest.mark.parametrize(
    ("action", "value", "remedy"),
    [
        (Permutations("h", 3), [0, 0, 1], "give an array of shape (2, 3) whose rows are permutations of 0…2"),
        (Monomials("h", 3, "sign"), {"factors": 2}, "give an array of shape (2, 3) of 1 and -1"),
        (Monomials("h", 3, "sign"), [1], 'give {"images": [1, 0], "factors": [1, -1]}, or one of the two'),
        (LinearMaps("r", 2, "O"), np.zeros((2, 2, 2)), "give an array of shape (2, 2, 2)"),
        (LinearMaps("r", 2, "GL"), np.zeros((2, 2, 2)), "give an array of shape (2, 2, 2)"),
    ],
)
def test_what_to_give_instead(action, value, remedy):
    with pytest.raises(SpecificationError) as caught:
        action.read(value, (2,))
    assert str(caught.value).endswith(remedy)


def moved(action, part, entries):
    """Entries by charge, those of charge -1 against a matrix."""
    return {
        charge: (part if charge == 1 else np.swapaxes(np.linalg.inv(part), -1, -2)) @ values
        for charge, values in entries.items()
    }


@pytest.mark.parametrize("group", ["O", "GL"])
@pytest.mark.parametrize("widths", [{1: 7, -1: 6}, {1: 7}, {-1: 6}, {1: 4, -1: 2}])
def test_the_representative_of_entries_is_that_of_moved_entries(group, widths):
    action, rng = LinearMaps("r", 3, group), np.random.default_rng(0)
    entries = {charge: rng.normal(size=(2, 3, width)) for charge, width in widths.items()}
    first = moved(action, action.canonical(entries), entries)
    other = moved(action, action.sample((2,), rng), entries)
    for charge, values in moved(action, action.canonical(other), other).items():
        np.testing.assert_allclose(values, first[charge], atol=1e-8)


def test_gram_matrices_of_a_representative():
    rng = np.random.default_rng(0)
    entries = {1: rng.normal(size=(3, 7)), -1: rng.normal(size=(3, 6))}
    action = LinearMaps("r", 3, "GL")
    found = moved(action, action.canonical(entries), entries)
    first, second = (found[charge] @ found[charge].T for charge in (1, -1))
    np.testing.assert_allclose(first, np.diag(np.diag(first)), atol=1e-9)
    np.testing.assert_allclose(first, second, atol=1e-9)
    assert (np.diff(np.diag(first)) < 0).all()
    assert (found[1].sum(-1) > 0).all()
    for charge in (1, -1):
        alone = {charge: entries[charge]}
        (rows,) = moved(action, action.canonical(alone), alone).values()
        np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-9)
        weighted = (rows * np.square(rows).sum(0)) @ rows.T
        np.testing.assert_allclose(weighted, np.diag(np.diag(weighted)), atol=1e-9)
    action = LinearMaps("r", 3, "O")
    found = moved(action, action.canonical(entries), entries)
    gram = sum(rows @ rows.T for rows in found.values())
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-9)
    assert (np.diff(np.diag(gram)) < 0).all()
    assert (np.concatenate([*found.values()], -1).sum(-1) > 0).all()


def test_entries_that_span_too_little_are_left_as_they_are():
    flat = {1: np.outer([1.0, 2, 3], [1.0, 1])}
    np.testing.assert_array_equal(LinearMaps("r", 3, "GL").canonical(flat), np.eye(3))


def test_signs_and_scales_of_a_representative():
    entries = {1: np.array([[1.0, -3], [3, 4]])}
    signs = Monomials("h", 2, "sign").canonical(entries)
    assert (signs["image"].tolist(), signs["factor"].tolist()) == ([0, 1], [-1, 1])
    scales = Monomials("h", 2, "positive").canonical(entries)
    np.testing.assert_allclose(scales["factor"], [10**-0.5, 0.2])


@pytest.mark.parametrize("factor", [-1.0, 0.0, math.inf, math.nan])
def test_scales_are_positive_and_finite(factor):
    scales = ACTIONS["scales"]
    with pytest.raises(SpecificationError, match="the factors for 'h' are not all of positive numbers"):
        scales.read({"factors": [1, 2, factor]}, ())
    assert scales.read({"factors": [1, 2, 1e-9]}, ())["factor"].tolist() == [1, 2, 1e-9]


def test_what_acts_on_an_index_in_words():
    pytest.importorskip("escnn.group", exc_type=ImportError)
    mirror = {"group": "C2", "representation": [[[-1]]]}
    space = WeightSpace(
        {"w": "h s p r", "v": "m t"},
        sets={"h": 3, "s": {"size": 2, "scaled": "sign"}},
        free={"p": 2},
        vectors={"r": {"size": 2, "group": "O"}},
        representations={"m": mirror, "t": {"group": "C4", "representation": "standard"}},
    )
    assert {index.name: index.acted_on_by for index in space.indices} == {
        "h": "S_3",
        "s": "Z_2 ≀ S_2",
        "p": "nothing",
        "r": "O(2)",
        "m": "C2 by matrices",
        "t": "C4 by standard",
    }
