"""Specifications of the same tensors compared: what they disagree about is said, names do not matter."""

import re

import pytest
from hypothesis import given

from benchmarks.spaces import transformer
from symmetry import WeightSpace, parse
from symmetry.space.comparison import differences
from symmetry.space.repetition import in_families
from symmetry.strategies import weight_spaces

TEXT = """
[sets]
head = 2
dk = { size = 3, within = "head" }
d = 4
h = 6
[free]
x = 5
[positional]
token = 40
[tensors]
"emb" = "token d"
"q" = "(head dk) d"
"up" = "h d"
"up.bias" = "h"
"down" = "d h"
"out" = "x d"
"""
CHANGES = {
    "positional here, free there": (
        ("[positional]\n", ""),
        ("", ""),
        ["'token' (emb, axis 0) is positional in the first, free in the second"],
    ),
    "nested here": (
        (', within = "head"', ""),
        ("", ""),
        [
            "'dk' (q, axis 0) is nested set (S_3) nested in set 2 in the first, set (S_3) in the second",
            "the group of the first has 6 times as many elements",
        ],
    ),
    "two sets": (
        ('"down" = "d h"', '"down" = "d k"'),
        ("h = 6", "h = 6\nk = 6"),
        [
            "'h' of the first is several indices of the second: 'h' (first in up), 'k' (first in down)",
            "the group of the second has 720 times as many elements",
        ],
    ),
    "a product and an index": (
        ("(head dk)", "m"),
        ('head = 2\ndk = { size = 3, within = "head" }', "m = 6"),
        [
            "q, axis 0: '(head dk)' in the first and 'm' in the second",
            "the group of the second has 10 times as many elements",
        ],
    ),
    "other shapes": (("x = 5", "x = 7"), ("", ""), ["'out' has shape (5, 4) in the first and (7, 4) in the second"]),
    "a tensor more": (('"out" = "x d"', '"out" = "x d"\n"b" = "x"'), ("", ""), ["'b' is only in the second"]),
    "signs": (
        ("h = 6", 'h = { size = 6, scaled = "sign" }'),
        ("", ""),
        [
            "'h' (up, axis 0) is set (S_6) in the first, set (Z_2 ≀ S_6) in the second",
            "the group of the second has 64 times as many elements",
        ],
    ),
    "scales": (
        ("h = 6", 'h = { size = 6, scaled = "positive" }'),
        ("", ""),
        [
            "'h' (up, axis 0) is set (S_6) in the first, set (R_+ ≀ S_6) in the second",
            "the group of the second has infinitely many elements, the other's has not",
        ],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_disagreement_is_said(name):
    first, second, expected = CHANGES[name]
    changed = TEXT.replace(*first).replace(*second)
    assert changed != TEXT
    found = differences(parse(TEXT), parse(changed))
    if name == "nested here":
        expected = [expected[0].replace("nested set (S_3) nested", "set (S_3) nested"), expected[1]]
    assert found == expected
    assert bool(differences(parse(changed), parse(TEXT)))


def test_names_do_not_matter():
    renamed = re.sub(r"\b(head|dk|d|h|x|token)\b", r"\1_other", TEXT)
    assert differences(parse(TEXT), parse(renamed)) == []
    unnamed = TEXT.replace('"x d"', '"5 d"').replace("[free]\nx = 5\n", "")
    assert differences(parse(TEXT), parse(unnamed)) == []


def test_charges_are_compared():
    signs = {"sets": {"h": {"size": 3, "scaled": "positive"}}}
    first = WeightSpace({"w": "h", "v": "h^-1"}, **signs)
    second = WeightSpace({"w": "h", "v": "h"}, **signs)
    assert differences(first, second) == ["'h' (v, axis 0) has charge -1 in the first and 1 in the second"]


def test_families_are_the_tensors_that_they_stand_for():
    plain = transformer(3, width=8, heads=2, hidden=16)
    assert differences(plain, in_families(plain)) == []
    shared = parse(str(in_families(plain)).replace('m0 = { size = 16, within = "layers" }', "m0 = 16"))
    found = differences(plain, shared)
    assert found[0].startswith("'m0' of the second is several indices of the first: 'm0' (first in layers.0.linear1.w")
    assert "the group of the first has 10^" in found[-1]
    folded = str(in_families(plain)).replace("layers}", "block}").replace('"layers"', '"block"')
    permuted = parse(folded.replace("[positional]\nlayers = 3\n", "").replace("[sets]\n", "[sets]\nblock = 3\n"))
    found = differences(permuted, in_families(plain))
    where = "'block' (layers.{block}.self_attn.in_proj_weight, its numbers)"
    assert found[0] == f"{where} is set (S_3) in the first, positional in the second"
    assert found[-1] == "the group of the first has 6 times as many elements"


@given(weight_spaces())
def test_a_space_agrees_with_itself(space):
    assert differences(space, parse(str(space))) == []
