import pytest
from hypothesis import given
from hypothesis import strategies as st

from symmetry import SpecificationError, WeightSpace, parse
from symmetry.language.families import literal_name, parse_name

TEXTS = st.text("ab.{}_7", min_size=1)
NUMBERS = st.sampled_from(["l", "e", "(1 + l)", "(l e)", "3"])


@given(st.lists(st.tuples(TEXTS, NUMBERS, st.integers(1, 3), st.integers(0, 12)), max_size=3), TEXTS)
def test_printed_names_are_read_as_the_same_names(parts, end):
    written = "".join(
        f"{literal_name(text)}{{{step}*{axis}+{first}}}" if first else f"{literal_name(text)}{{ {step} * {axis} }}"
        for text, axis, step, first in parts
    )
    name = parse_name(written + literal_name(end))
    assert parse_name(str(name)) == name
    assert len(name.numbers) == len(parts)


@given(st.integers(1, 3), st.integers(0, 12), st.lists(st.integers(0, 30), min_size=2, max_size=2))
def test_the_place_of_a_member_is_found_from_its_name(step, first, places):
    name = parse_name(f"blocks.{{{step}*l+{first}}}.experts.{{e}}.w")
    member = name.member(places)
    assert member == f"blocks.{first + step * places[0]}.experts.{places[1]}.w"
    assert name.places(member) == tuple(places)


@pytest.mark.parametrize("other", ["b.0.w", "b.7.w", "b.05.w", "b.-1.w", "b.x.w", "b.5.w.6", "b.5"])
def test_other_names_are_no_members(other):
    assert parse_name("b.{2*l+1}.w").places("b.5.w") == (2,)
    assert (parse_name("b.{2*l+1}.w").places(other) is None) == (other != "b.7.w")


BAD = {
    "b.{l.w": ("'{' has no partner", 2, 3),
    "b.l}.w": ("'}' has no partner", 3, 4),
    "b.{l}{e}.w": ("two numbers touch", 5, 8),
    "b.{l e}.w": ("2 axes stand between braces", 2, 7),
    "b.{}.w": ("0 axes stand between braces", 2, 4),
    "b.{0*l}.w": ("a number is out of range", 2, 7),
    "b.{l+1234567}.w": ("a number is out of range", 2, 13),
    "b.{l-1}.w": ("'l-1' is not a name", 3, 6),
    "b.{l + e}.w": ("'+' stands outside brackets", 5, 6),
    "b.{class}.w": ("'class' is reserved in Python", 3, 8),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_in_a_name_is_shown(name):
    with pytest.raises(SpecificationError) as caught:
        WeightSpace({name: "h", "x": "l e"}, sets={"h": 2, "e": 2}, positional={"l": 3})
    error = caught.value
    assert (error.fault, error.text, error.start, error.end) == (BAD[name][0], name, *BAD[name][1:])
    assert f'tensor "{name}"' in str(error)


def test_what_a_name_and_axes_do_not_agree_on_is_shown_in_both():
    with pytest.raises(SpecificationError) as caught:
        WeightSpace({"b.{k}.w": "h"}, sets={"h": 2})
    assert str(caught.value).splitlines()[:3] == [
        """tensor "b.{k}.w": 'k' is not declared""",
        '''    "b.{k}.w" = "h"''',
        "        ^",
    ]
    with pytest.raises(SpecificationError) as caught:
        WeightSpace({"b.{l}.w": "h k"}, sets={"h": 2, "m": 2, "k": {"size": 2, "within": "m"}}, positional={"l": 3})
    assert str(caught.value).splitlines()[1:3] == ['''    "b.{l}.w" = "h k"''', "                   ^"]


def test_a_tensor_has_one_declaration():
    with pytest.raises(SpecificationError, match=r"'b.1.w' is declared twice, by 'b.\{l\}.w' too"):
        WeightSpace({"b.{l}.w": "h", "b.1.w": "h"}, sets={"h": 2}, positional={"l": 3})
    assert len(WeightSpace({"b.{l}.w": "h", "b.3.w": "h"}, sets={"h": 2}, positional={"l": 3})) == 2


def test_families_have_a_bounded_number_of_members():
    with pytest.raises(SpecificationError, match="a family of 1,000,000 tensors"):
        WeightSpace({"b.{l}.w": "h"}, sets={"h": 2}, positional={"l": 1_000_000})


def test_sizes_and_tensors_are_those_of_the_family():
    text = """
[sets]
expert = { size = 4, within = "layer" }
h = { size = 6, within = "expert" }
d = 3
[positional]
layer = 2
[tensors]
"b.{ layer + 1 }.experts.{expert}.w" = "h d"
"b.{layer+1}.scale" = "d"
"""
    space = parse(text)
    assert parse(str(space)) == space
    name = "b.{layer+1}.experts.{expert}.w"
    assert space.names == (name, "b.{layer+1}.scale")
    tensor = space[name]
    assert (tensor.shape, tensor.own_shape, tensor.stored) == ((2, 4, 6, 3), (6, 3), (6, 3))
    assert tensor.members[:5] == (*(f"b.1.experts.{e}.w" for e in range(4)), "b.2.experts.0.w")
    deeper = space.resized({"layer": 24})
    assert deeper[name].shape == (24, 4, 6, 3)
    assert space.observed(deeper.shapes) == deeper
    assert space.only({"b.{layer+1}.scale"}).names == ("b.{layer+1}.scale",)
