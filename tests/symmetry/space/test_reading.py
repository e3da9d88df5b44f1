"""Sizes that are read from shapes, and what is said where they cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symmetry import SpecificationError, WeightSpace
from symmetry.space.reading import orders, readings
from symmetry.strategies import weight_spaces


@given(weight_spaces(max_entries=10_000, max_diagrams=10**9), st.data())
def test_what_is_not_bound_is_observed(space, data):
    found, stay = readings(space, space)
    sizes = {reading.name: space.sizes[reading.name] + data.draw(st.integers(0, 3)) for reading in found}
    wider = space.resized(sizes)
    assert space.observed(wider.shapes) == wider
    assert {reading.name for reading in found}.isdisjoint(stay)
    assert {*stay, *sizes} == {index.name for index in space.indices if index.joined}


SPACE = WeightSpace({"w": "h k", "b": "h"}, sets={"h": 8, "k": 1})


@pytest.mark.parametrize(
    ("shapes", "fault"),
    [
        ({"w": (9, 5), "b": (9,)}, "'w' has axes (9, 5), expected (9, 1)"),
        ({"w": (9, 1), "b": (10,)}, "'b' has axes (10,), expected (9,)"),
        ({"w": (9,), "b": (9,)}, "'w' has axes (9,), expected (9, 1)"),
    ],
)
def test_shapes_that_fit_no_widths_are_refused_with_the_sets_that_stay(shapes, fault):
    with pytest.raises(SpecificationError) as caught:
        SPACE.observed(shapes)
    assert (
        str(caught.value)
        == f"{fault}\n'k' stays 1: its declared size is below its order, 2, from which on sizes are read"
    )


@pytest.mark.parametrize(
    ("source", "target", "reasons"),
    [
        (SPACE, SPACE, {"k": "its declared size is below its order, 2, from which on sizes are read"}),
        (
            WeightSpace({"w": "(head dk)"}, sets={"head": 4, "dk": {"size": 4, "within": "head"}}),
            None,
            {"dk": "left open by the axes over it"},
        ),
        (
            WeightSpace({"b": "h"}, sets={"h": 4}),
            WeightSpace({"c": "h z"}, sets={"h": 4, "z": 3}),
            {"z": "on no axis of the input"},
        ),
    ],
)
def test_why_sets_stay(source, target, reasons):
    assert readings(source, target or source)[1] == reasons


@pytest.mark.parametrize(
    ("tensors", "sets", "expected"),
    [
        ({"w": "h k"}, {"h": 9, "k": 9}, []),
        ({"w": "(a b)"}, {"a": 9, "b": 9}, ["b"]),
        ({"w": "(a b)", "v": "b"}, {"a": 9, "b": 9}, []),
        ({"w": "(a + b)", "v": "(a + a + b)"}, {"a": 9, "b": 9}, ["b"]),
        ({"w": "(a a)"}, {"a": 9}, ["a"]),
        ({"w": "((a b) + (a b) + (a v))", "o": "(a v)"}, {"a": 9, "b": 9, "v": 9}, ["v"]),
        ({"w": "h h"}, {"h": 3}, ["h"]),
    ],
)
def test_sizes_that_cannot_be_read_stay(tensors, sets, expected):
    space = WeightSpace(tensors, sets=sets)
    assert list(readings(space, space)[1]) == expected


def test_orders():
    space = WeightSpace({"w": "h h", "v": "h k", "u": "x"}, sets={"h": 9, "k": 9}, free={"x": 2})
    assert orders(space, space) == {"h": 4, "k": 2}
