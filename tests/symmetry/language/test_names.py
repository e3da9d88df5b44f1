"""Names and sizes of indices: what is refused, and what is chosen instead."""

import pytest

from symmetry import SpecificationError
from symmetry.language.names import check_name, check_size, fresh_name


@pytest.mark.parametrize("name", ["h", "h1", "_", "_h", "Größe", "h__"])
def test_identifiers_are_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (3, "3 is not a name"),
        ("1h", "'1h' is not a name"),
        ("", "'' is not a name"),
        ("lambda", "'lambda' is reserved in Python\nchoose another name, such as lambda_ or h1"),
        ("__h__", "'__h__' is reserved in Python\nchoose another name, such as h_ or h1"),
        ("µ", "'µ' is not in the normal form"),
    ],
)
def test_other_names_are_refused_with_one_that_would_do(name, message):
    with pytest.raises(SpecificationError) as caught:
        check_name(name)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (True, "the size of 'h' is True, which is not an integer\nwrite h = 32"),
        ("3", "the size of 'h' is '3', which is not an integer\nwrite h = 32"),
        (0, "the size of 'h' is 0\n"),
    ],
)
def test_sizes_are_integers_of_at_least_one(size, message):
    assert check_size("h", 1) == 1
    with pytest.raises(SpecificationError) as caught:
        check_size("h", size)
    assert str(caught.value).startswith(message)


def test_fresh_names_count_from_two_and_are_no_keywords():
    assert fresh_name("h", ()) == "h"
    assert fresh_name("h", {"h"}) == "h_2"
    assert fresh_name("h", {"h", "h_2", "h_3"}) == "h_4"
    assert fresh_name("in", {"in_2"}) == "in_3"
