"""Permutations of the elements of a set: the simplest ones, their words, and what is simpler than a given one."""

import itertools
import math

import numpy as np
import pytest

from symmetry.kinds.permuted import Permutations

FOUR = Permutations("h", 4)


@pytest.mark.parametrize("copies", [(), (2,), (2, 3)])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_simple_parts_are_the_transpositions_lowest_first(size, copies):
    action = Permutations("h", size)
    parts = [action.simple(copies, number) for number in range(action.simple_count(copies))]
    pairs = list(itertools.combinations(range(size), 2))
    expected = list(itertools.product(range(math.prod(copies)), pairs))
    assert len(parts) == len(expected)
    for part, (copy, (low, high)) in zip(parts, expected, strict=True):
        rows = np.tile(np.arange(size), (math.prod(copies), 1))
        rows[copy, [low, high]] = high, low
        assert part.tolist() == rows.reshape(*copies, size).tolist()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ([0, 3, 2, 1], "exchanging elements 1 and 3 of 'h'"),
        ([1, 2, 0, 3], "permuting 'h'"),
        ([1, 0, 3, 2], "permuting 'h'"),
        ([[0, 1, 2, 3], [2, 1, 0, 3]], "exchanging elements 0 and 2 of copy (1,) of 'h'"),
        ([[1, 0, 2, 3], [0, 1, 3, 2]], "permuting 'h'"),
        ([[[0, 1, 2, 3], [0, 1, 3, 2]]], "exchanging elements 2 and 3 of copy (0, 1) of 'h'"),
    ],
)
def test_a_transposition_is_named_by_its_elements(part, words):
    assert FOUR.deed(np.array(part)) == words


def test_what_is_simpler_exchanges_an_element_with_the_one_in_its_place():
    found = [part.tolist() for part in FOUR.simpler(np.array([1, 2, 0, 3]))]
    assert found == [[1, 0, 2, 3], [0, 2, 1, 3], [2, 1, 0, 3]]
    nested = [part.tolist() for part in FOUR.simpler(np.array([[0, 1, 2, 3], [0, 3, 1, 2]]))]
    still = [0, 1, 2, 3]
    assert nested == [[still, [0, 3, 2, 1]], [still, [0, 2, 1, 3]], [still, [0, 1, 3, 2]]]


def test_generators_and_orders():
    assert [part.tolist() for part in FOUR.generators(())] == [[1, 0, 2, 3], [1, 2, 3, 0]]
    assert [part.tolist() for part in Permutations("h", 2).generators((2,))] == [[[1, 0], [0, 1]]]
    assert not [*Permutations("h", 1).generators(())]
    assert FOUR.order((3,)) == 24**3
    assert FOUR.log_order((3,)) == pytest.approx(3 * math.log(24))
    assert (FOUR.symbol, Permutations("h", 1000).order_symbol) == ("S_4", "1,000!")


def test_values_that_are_moved_in_every_copy_alike():
    assert FOUR.moving(np.array([1, 0, 3, 2]), (2,)).tolist() == [[1, 0, 3, 2]] * 2
