"""Rearrangements of some positions and some values: outside the group all of them, and noticed by sound layers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given

from layergen import EquivariantLinear
from layergen.testing import assert_no_more_symmetric, check, sensitivity
from layergen.testing.rearrangements import (
    EACH,
    factors,
    listed,
    moved,
    parts,
    permutations_of,
    rearrangements,
    rescalings,
    sliced,
)
from symmetry import WeightSpace, group_order
from symmetry.strategies import weight_spaces
from tests.layergen.preservation.test_moves import every_element


@given(weight_spaces(kinds=("free", "positional"), max_entries=60, max_diagrams=300, max_size=3))
def test_rearrangements_are_permutations_outside_the_group(space):
    assume(group_order(space, positional=True) <= 400)
    elements = {tuple(tuple(g.tensor_index(name)) for name in space.names) for g in every_element(space)}
    for move in rearrangements(space):
        rows = [move.origins.get(name, (name, np.arange(math.prod(space[name].shape)))) for name in space.names]
        assert [origin for origin, _ in rows] == list(space.names)
        for name, (_, gather) in zip(space.names, rows, strict=True):
            assert np.array_equal(np.sort(gather), np.arange(math.prod(space[name].shape)))
        assert tuple(tuple(gather) for _, gather in rows) not in elements, move.text


@given(weight_spaces(max_entries=60, max_diagrams=300, max_size=3))
def test_sound_layers_notice_all_that_any_would(space):
    torch.manual_seed(0)
    assert_no_more_symmetric(EquivariantLinear(space, 2, 3), space)


PARTED = WeightSpace({"w": "h x", "b": "h", "v": "h x", "c": "h"}, sets={"h": 4}, free={"x": 2})
FREE = WeightSpace({"b": "h x", "c": "h"}, sets={"h": 4}, free={"x": 5})
SHARED = WeightSpace({"q": "(head dk) d", "b": "(head dk)"}, sets={"head": 3, "dk": 3, "d": 3})
COLUMNS = WeightSpace({"w": "h x"}, sets={"h": 4}, free={"x": 3})
MLP = WeightSpace({"w": "h x", "v": "y h"}, sets={"h": 4}, free={"x": 3, "y": 2})
BOTH = WeightSpace({"w": "h x", "v": "h y"}, sets={"h": 4}, free={"x": 3, "y": 3})


def of(tensors, **declared):
    """A layer of another specification with the same tensors."""
    torch.manual_seed(0)
    return EquivariantLinear(WeightSpace(tensors, **declared), 1, 1)


def alike(first, second):
    """A layer that treats two values of the free index as one set."""
    weights = torch.tensor([0.3, 1.0, 0.5, 1.0, 0.7])
    assert weights[first] == weights[second]

    def function(x):
        mixed = (x["b"] * weights[:, None]).sin().sum(2, keepdim=True) * x["c"][:, :, None]
        return {"b": x["b"] + mixed * weights[:, None], "c": x["c"] + mixed.sum(2)}

    return function


def circular(x):
    return {"b": x["b"] + (x["b"].roll(1, 2) * x["c"][:, :, None]).sin(), "c": x["c"] + x["b"].roll(1, 2).sin().sum(2)}


def even(x):
    """Equivariant to even permutations of the free index, and to no others."""
    first, second = torch.triu_indices(5, 5, 1)
    product = (x["b"][:, :, first] - x["b"][:, :, second]).prod(2)
    return {"b": x["b"] + product[:, :, None] * x["b"], "c": x["c"] + product}


def both_alike(x):
    product = x["w"] * x["v"]
    return {"w": x["w"] + product.sum(1, keepdim=True), "v": x["v"] + product.sin()}


MORE = {
    "a set uncoupled between two pairs of tensors": (
        PARTED,
        lambda: of({"w": "h x", "b": "h", "v": "k x", "c": "k"}, sets={"h": 4, "k": 4}, free={"x": 2}),
        "exchanging values 0 and 1 of 'h' in 'w' (position 0), 'b' (position 0) alone",
    ),
    "units that each head permutes by itself": (
        SHARED,
        lambda: of(
            {"q": "(head dk) d", "b": "(head dk)"}, sets={"head": 3, "dk": {"size": 3, "within": "head"}, "d": 3}
        ),
        "exchanging two values of 'dk' for one of 'head'",
    ),
    "columns that are permuted apart": (
        COLUMNS,
        lambda: lambda x: {"w": x["w"] * torch.arange(1.0, 4)[:, None] + x["w"].sin().mean(1, keepdim=True)},
        "exchanging two values of 'h' for one of 'x'",
    ),
    "one free pair of several": (FREE, lambda: alike(1, 3), "exchanging values 1 and 3 of the free index 'x'"),
    "a free index taken for a circle": (FREE, lambda: circular, "a cycle of all values of the free index 'x'"),
    "even permutations of a free index": (FREE, lambda: even, "a cycle of three values of the free index 'x'"),
    "two free indices taken for one": (BOTH, lambda: both_alike, "exchanging values 0 and 1 of x and alike of y"),
    "the sign of a neuron": (
        COLUMNS,
        lambda: lambda x: {"w": x["w"] * (x["w"].square() * torch.arange(1.0, 4)[:, None]).sum((1, 2), keepdim=True)},
        "equivariant to flipping the sign of an element of 'h'",
    ),
    "the scale of a neuron": (
        MLP,
        lambda: (
            lambda x: {
                "w": x["w"] * scale_free(x),
                "v": x["v"] * scale_free(x),
            }
        ),
        "doubling an element of 'h' in 'w' (position 0) and halving it in 'v' (position 1)",
    ),
}


def scale_free(x):
    """A number of each network that does not change when a neuron's weights in are scaled and those out inversely."""
    products = torch.einsum("nyhc,nhxc->nyxc", x["v"], x["w"])
    return (products * torch.arange(1.0, 7).view(2, 3, 1)).cos().sum((1, 2, 3)).view(-1, 1, 1, 1)


@pytest.mark.parametrize("name", MORE)
def test_finer_symmetries_are_found(name):
    space, make, says = MORE[name]
    function = make()
    assert check(function, space).passed
    verdict = sensitivity(function, space)
    assert verdict.kind == "more symmetric"
    assert says in verdict.message


def test_rescalings_touch_one_element_in_the_positions_named():
    features = {"w": torch.ones(1, 4, 3, 1), "v": torch.ones(1, 2, 4, 1)}
    found = {one.text: one.act(features) for one in rescalings(MLP)}
    assert len(found) == 2 * 3 + 1
    inverse = found["doubling an element of 'h' in 'w' (position 0) and halving it in 'v' (position 1)"]
    assert inverse["w"][0, :, 0, 0].tolist() == [2, 1, 1, 1]
    assert inverse["v"][0, 0, :, 0].tolist() == [0.5, 1, 1, 1]
    assert found["flipping the sign of an element of 'h' in 'v' (position 1) alone"]["w"].eq(1).all()


def test_only_what_is_done_wherever_a_set_is_says_what_a_function_does_not_notice():
    for one in rescalings(PARTED):
        assert bool(one.blind) == (set(one.factors) == set(PARTED.names)), one.text
    assert {one.blind for one in rescalings(PARTED)} == {
        "",
        ": it does not notice the sign of a neuron",
        ": it does not notice the scale of a neuron",
    }


def test_permutations_that_are_tried_by_hand():
    assert [(text, gather.tolist()) for text, gather in permutations_of(4)] == [
        ("exchanging values 0 and 1", [1, 0, 2, 3]),
        ("exchanging values 0 and 2", [2, 1, 0, 3]),
        ("exchanging values 0 and 3", [3, 1, 2, 0]),
        ("exchanging values 1 and 2", [0, 2, 1, 3]),
        ("exchanging values 1 and 3", [0, 3, 2, 1]),
        ("exchanging values 2 and 3", [0, 1, 3, 2]),
        ("a cycle of three values", [1, 2, 0, 3]),
        ("a cycle of all values", [3, 0, 1, 2]),
        ("the reverse order", [3, 2, 1, 0]),
    ]
    assert [text for text, _ in permutations_of(3, pairs=1)] == ["exchanging values 0 and 1", "a cycle of three values"]
    assert [text for text, _ in permutations_of(2)] == ["exchanging values 0 and 1"]


@pytest.mark.parametrize(
    ("count", "halves"),
    [(1, []), (2, ["a"]), (3, ["a", "b", "c"]), (4, ["a", "b", "c", "d", "ab", "ac", "ad"])],
)
def test_positions_are_parted_in_each_way_once(count, halves):
    places = [(letter, 0, 0) for letter in "abcd"[:count]]
    assert ["".join(name for name, *_ in some) for some in parts(places)] == halves
    assert len(list(parts([(str(place), 0, 0) for place in range(12)]))) == EACH


def test_entries_that_are_moved_by_hand():
    """A row of `w` is a value of `h`; the biases `b` are two pieces side by side, of which only the second is named."""
    space = WeightSpace({"w": "h x", "b": "(x + h)"}, sets={"h": 3}, free={"x": 2})
    turned = np.array([1, 2, 0])
    found = moved(space, "turned", {("w", 0, 0): turned, ("b", 1, 0): turned})
    assert found.text == "turned"
    assert {name: (origin, gather.tolist()) for name, (origin, gather) in found.origins.items()} == {
        "w": ("w", [2, 3, 4, 5, 0, 1]),
        "b": ("b", [0, 1, 3, 4, 2]),
    }
    assert sliced(space, "w", {("w", 0, 1): 0}).tolist() == [1, 0, 2, 3, 4, 5]
    assert sliced(space, "w", {("w", 0, 0): 1}).tolist() == [2, 1, 0, 3, 4, 5]
    multiplied = factors(space, {("w", 0, 1): 2.0, ("w", 0, 0): 0.5, ("b", 1, 0): 3.0})
    assert {name: values.tolist() for name, values in multiplied.items()} == {
        "w": [[1, 0.5], [2, 1], [2, 1]],
        "b": [1, 1, 3, 1, 1],
    }
    assert listed([("w", 0, 1), ("b", 1, 0)]) == "'w' (position 1), 'b' (position 0 of piece 1)"


def test_moves_that_are_tried_by_name():
    """Two rows of one tensor; a set in two positions, in one of which it is permuted; units for one of two heads."""
    rows = WeightSpace({"w": "h 2"}, sets={"h": 3})
    assert [move.text for move in rearrangements(rows)] == [
        "exchanging values 0 and 1 of an axis of 2 (position 1) of 'w'"
    ]
    twice = WeightSpace({"w": "h h"}, sets={"h": 2})
    assert [(move.text, move.index) for move in rearrangements(twice)] == [
        ("exchanging values 0 and 1 of 'h' in 'w' (position 0) alone", "h")
    ]
    heads = WeightSpace({"w": "head d"}, sets={"head": 2, "d": 2})
    assert [(move.text, move.index, move.origins["w"][1].tolist()) for move in rearrangements(heads)] == [
        ("exchanging two values of 'head' for one of 'd'", "head", [2, 1, 0, 3]),
        ("exchanging two values of 'd' for one of 'head'", "d", [1, 0, 2, 3]),
    ]
    alike = WeightSpace({"w": "x y"}, free={"x": 2, "y": 2})
    assert [(move.text, move.origins["w"][1].tolist()) for move in rearrangements(alike)] == [
        ("exchanging values 0 and 1 of the free index 'x'", [2, 3, 0, 1]),
        ("exchanging values 0 and 1 of the free index 'y'", [1, 0, 3, 2]),
        ("exchanging values 0 and 1 of x and alike of y", [3, 2, 1, 0]),
        ("exchanging two values of 'x' for one of 'y'", [2, 1, 0, 3]),
        ("exchanging two values of 'y' for one of 'x'", [1, 0, 2, 3]),
    ]
