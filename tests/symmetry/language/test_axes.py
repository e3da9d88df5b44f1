"""Axis expressions: one tree, one normal form, one fold."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symmetry import SpecificationError, WeightSpace
from symmetry.language.axes import (
    Atom,
    Product,
    Sum,
    atoms,
    concatenation,
    factors,
    fold,
    multiplied,
    parse_axes,
    print_axes,
    product,
    substitute,
    terms,
)

LEAVES = st.sampled_from("abc").map(Atom) | st.integers(1, 9).map(lambda size: Atom("", size))
TREES = st.recursive(
    LEAVES,
    lambda parts: st.lists(parts, max_size=3).map(product) | st.lists(parts, min_size=1, max_size=3).map(concatenation),
    max_leaves=12,
)
SIZES = {"a": 2, "b": 3, "c": 5}


def size(tree):
    return fold(tree, leaf=lambda atom: SIZES.get(atom.name, atom.size), product=math.prod, concatenation=sum)


def in_normal_form(tree):
    inner = tree.items if isinstance(tree, Product) else tree.terms if isinstance(tree, Sum) else ()
    alone = isinstance(tree, Product | Sum) and len(inner) == 1
    return not alone and all(type(part) is not type(tree) or isinstance(part, Atom) for part in inner)


@given(TREES)
def test_the_normal_form_prints_and_parses_to_itself(tree):
    assert all(in_normal_form(part) for part in every_part(tree))
    assert parse_axes(print_axes([tree])) == (tree,)


def every_part(tree):
    yield tree
    for part in tree.items if isinstance(tree, Product) else tree.terms if isinstance(tree, Sum) else ():
        yield from every_part(part)


@given(st.lists(TREES, max_size=3))
def test_products_and_concatenations_are_what_their_parts_are(trees):
    assert size(product(trees)) == math.prod(map(size, trees))
    assert [*atoms(product(trees))] == [*atoms(*trees)]
    if trees:
        assert size(concatenation(trees)) == sum(map(size, trees))
        assert product(factors(product(trees))) == product(trees)
        assert concatenation(terms(concatenation(trees))) == concatenation(trees)


@given(TREES, st.dictionaries(st.sampled_from("abc"), TREES))
def test_substitution_puts_trees_in_the_place_of_leaves(tree, trees):
    found = substitute(tree, lambda atom: trees.get(atom.name, atom))
    assert all(in_normal_form(part) for part in every_part(found))
    sizes = {name: size(other) for name, other in trees.items()}
    expected = fold(
        tree,
        leaf=lambda atom: sizes.get(atom.name, SIZES.get(atom.name, atom.size)),
        product=math.prod,
        concatenation=sum,
    )
    assert size(found) == expected
    assert substitute(tree, lambda atom: atom) == tree


@given(st.lists(TREES, max_size=5))
def test_sizes_that_follow_each_other_are_multiplied(trees):
    found = multiplied(trees)
    assert size(product(found)) == size(product(trees))
    numbers = [isinstance(one, Atom) and not one.name for one in found]
    assert not any(first and second for first, second in itertools.pairwise(numbers))


def test_trees_of_any_leaves():
    tree = concatenation([product(["x", concatenation(["yy", "z"])]), "x"])
    assert fold(tree, leaf=len, product=math.prod, concatenation=sum) == 4
    assert [*atoms(tree)] == ["x", "yy", "z", "x"]


@pytest.mark.parametrize(
    ("text", "caret"),
    [
        ("(h +)", "    ^"),
        ("(+ h)", " ^"),
        ("(+)", " ^"),
        ("(h + + 3)", "     ^"),
        ("3 (3 (h + ))", "          ^"),
        ("((h +) + 3)", "     ^"),
    ],
)
def test_an_empty_term_is_an_error_under_what_ends_it(text, caret):
    with pytest.raises(SpecificationError) as caught:
        WeightSpace({"w": text}, sets={"h": 3})
    assert f'tensor "w": an empty term\n    {text}\n    {caret}\n' in str(caught.value)


@pytest.mark.parametrize(("text", "size"), [("()", 1), ("(h + ())", 4), ("(() + h + ())", 5), ("(h ())", 3)])
def test_empty_brackets_are_an_axis_of_size_one(text, size):
    space = WeightSpace({"w": text, "b": "h"}, sets={"h": 3})
    assert space["w"].shape == (size,)


def test_charges_of_occurrences_compare():
    assert Atom("h").charge == 1
    assert Atom("h", charge=-1) != Atom("h")
    assert Atom("h", start=3) == Atom("h")


@pytest.mark.parametrize(
    ("text", "shown", "carets"),
    [
        ("h pix-el x", "h pix-el x", "  ^^^^^^"),
        ("(h 000)", "(h 000)", "   ^^^"),
        ("h 1234567890123456789", "h 1234567890123456789", "  ^^^^^^^^^^^^^^^^^^^"),
        ("h,x", "h,x", "^^^"),
        ("h\nx )", "h x )", "    ^"),
        ("h\rx\t)", "h x )", "    ^"),
        ("h + x", "h + x", "  ^"),
        ("(h (x)", "(h (x)", "^"),
    ],
)
def test_carets_are_under_the_whole_token_on_one_line(text, shown, carets):
    with pytest.raises(SpecificationError) as caught:
        parse_axes(text)
    assert str(caught.value).split("\n")[1:3] == [f"    {shown}", f"    {carets}"]


def test_brackets_are_read_to_a_depth_of_fifty():
    assert parse_axes("(" * 50 + "h" + ")" * 50) == parse_axes("h")
    with pytest.raises(SpecificationError, match="nested too deep"):
        parse_axes("(" * 51 + "h" + ")" * 51)


def test_sizes_of_up_to_eighteen_digits_are_read():
    assert parse_axes("9" * 18) == (Atom("", 10**18 - 1),)
    with pytest.raises(SpecificationError, match="is out of range"):
        parse_axes("1" + "0" * 18)


def test_sizes_beside_each_other_are_one_size_without_a_name():
    assert multiplied([Atom("", 2), Atom("", 3), Atom("h"), Atom("", 5)]) == [Atom("", 6), Atom("h"), Atom("", 5)]
