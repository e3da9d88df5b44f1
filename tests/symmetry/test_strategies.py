"""The strategies reach every form of the language, and keep within their bounds."""

import math

import pytest
from hypothesis import Phase, find, given, settings

from symmetry import EquivariantMaps, WeightSpace
from symmetry.kinds.registry import KINDS
from symmetry.language.axes import Product, Sum
from symmetry.strategies import MOST_EXAMPLES, transpositions, weight_spaces

ENOUGH = settings(max_examples=2000, derandomize=True, database=None, phases=[Phase.generate])
EXAMPLES = [section for section, kind in KINDS.items() if kind.examples()]


def axes(space):
    return [axis for tensor in space for axis in tensor.axes]


def sections(space):
    return {index.section for index in space.indices}


def example_positions(space):
    """For each tensor the number of positions of indices whose declarations are drawn from examples."""
    return [sum(index.section in EXAMPLES for index in tensor_indices(space, tensor)) for tensor in space]


def tensor_indices(space, tensor):
    return [position.index for position in tensor.pieces[0].positions]


@pytest.mark.parametrize(
    "form",
    {
        "a set in a set": lambda space: any(index.parent for index in space.indices),
        "a set in a set in a set": lambda space: any(len(space.lineage(index)) == 3 for index in space.indices),
        "a set twice": lambda space: any("h h" in str(tensor) for tensor in space),
        "a product": lambda space: any(isinstance(axis, Product) for axis in axes(space)),
        "a concatenation": lambda space: any(isinstance(axis, Sum) and len(axis.terms) == 2 for axis in axes(space)),
        "a concatenation in a product": lambda space: any(
            isinstance(axis, Product) and any(isinstance(item, Sum) for item in axis.items) for axis in axes(space)
        ),
        "a free index": lambda space: "free" in sections(space),
        "a positional index": lambda space: "positional" in sections(space),
        "a scalar": lambda space: () in space.shapes.values(),
        "a set of one": lambda space: any(index.joined and index.size == 1 for index in space.indices),
        "five tensors": lambda space: len(space) == 5,
    }.items(),
    ids=lambda form: form[0],
)
def test_every_form_is_drawn(form):
    assert form[1](find(weight_spaces(), form[1], settings=ENOUGH))


@pytest.mark.skipif(not EXAMPLES, reason="no kind gives examples")
def test_indices_drawn_from_examples_stand_in_pairs_and_no_more():
    found = find(
        weight_spaces(kinds=EXAMPLES), lambda space: MOST_EXAMPLES in example_positions(space), settings=ENOUGH
    )
    assert sections(found) & {*EXAMPLES}


@given(weight_spaces(max_sets=2, max_tensors=3, max_size=4, max_entries=50, max_diagrams=200))
def test_spaces_keep_within_their_bounds(space):
    assert len(space) <= 3
    assert len({index.name for index in space.indices if index.section == "sets"} - {"h"}) <= 1
    assert all(index.size <= 4 for index in space.indices if index.section == "sets")
    assert all(math.prod(tensor.shape) <= 50 for tensor in space)
    assert EquivariantMaps(space).diagram_count <= 200
    assert max(example_positions(space)) <= MOST_EXAMPLES


def test_families_are_drawn_and_sets_nested_within_positions():
    stacked = find(weight_spaces(), lambda space: any(tensor.family.numbers for tensor in space), settings=ENOUGH)
    assert any("{" in name for name in stacked.names)
    nested = find(weight_spaces(), lambda space: any(index.parent == "p" for index in space.indices), settings=ENOUGH)
    assert nested.index("p").embedded


@given(weight_spaces(max_entries=1))
def test_tensors_that_cannot_be_made_small_enough_are_taken_out(space):
    """Those over an axis of 2 without a name, and those over a representation, have no smaller size."""
    assert all(math.prod(tensor.shape) == 1 for tensor in space)


def test_transpositions_exchange_two_elements_of_one_set():
    space = WeightSpace({"w": "h k p x"}, sets={"h": 1, "k": 3}, positional={"p": 2}, free={"x": 5})
    shrinking = settings(database=None, phases=[Phase.generate, Phase.shrink])
    for condition, simplest in {
        (lambda g: True): {"k": [1, 0, 2]},
        (lambda g: "p" in g.moved): {"p": [1, 0]},
        (lambda g: g.described.get("k", [1])[0] == 0): {"k": [0, 2, 1]},
    }.items():
        found = find(transpositions(space, positional=True), condition, settings=shrinking)
        assert found.described == simplest
    assert find(transpositions(space), lambda g: True, settings=shrinking).moved == ("k",)
    with pytest.raises(ValueError, match="no set has two elements"):
        transpositions(WeightSpace({"w": "h p"}, sets={"h": 1}, positional={"p": 2}))


def test_a_group_on_data_exchanges_nothing():
    pytest.importorskip("escnn.group", exc_type=ImportError)
    turns = {"r": {"group": "C4", "representation": "regular"}}
    with pytest.raises(ValueError, match="no set has two elements"):
        transpositions(WeightSpace({"w": "r"}, representations=turns))
