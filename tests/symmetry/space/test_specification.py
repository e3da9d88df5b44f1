"""The specification language: what it accepts, what it says when it does not."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symmetry
from symmetry import SetIndex, SpecificationError, WeightSpace
from symmetry.kinds.registry import KINDS
from symmetry.language.axes import Atom
from symmetry.space.layout import Position, leaves, make_layout
from symmetry.strategies import weight_spaces

GOOD = """
[sets]
h1 = 4
head = 2
dk = { size = 3, within = "head" }
[free]
x = 2
[positional]
pixel = 5
[tensors]
"0.weight" = "h1 (x pixel)"
"q" = "((head dk) + (h1)) 3 3"
"s" = ""
"""


@given(weight_spaces(max_entries=10_000, max_diagrams=10**12))
def test_text_form_round_trips(space):
    assert symmetry.parse(str(space)) == space
    assert hash(symmetry.parse(symmetry.dumps(space))) == hash(space)
    assert str(symmetry.parse(str(space))) == str(space)


@given(weight_spaces(), st.data())
def test_some_of_the_tensors_are_a_space_over_their_own_indices(space, data):
    names = data.draw(st.sets(st.sampled_from(space.names), min_size=1))
    part = space.only(names)
    assert part.tensors == tuple(tensor for tensor in space if tensor.name in names)
    assert part.indices == tuple(
        index for index in space.indices if any(p.index == index for piece in part.pieces for p in piece.positions)
    )


def test_every_kind_of_axis(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(GOOD)
    space = symmetry.load(path)
    assert space.shapes == {"0.weight": (4, 10), "q": (10, 3, 3), "s": ()}
    assert str(space["q"]) == "q[((head dk) + h1) 3 3]"
    assert [index.section for index in space.indices] == ["sets", "sets", "sets", "free", "positional"]


def test_brackets_that_change_nothing_are_dropped():
    texts = ["((a) b)", "(a (b))", "((a b))", "(((a b)))"]
    spaces = [WeightSpace({"w": text}, sets={"a": 2, "b": 3}) for text in texts]
    assert len(set(spaces)) == 1
    assert WeightSpace({"w": "((a + b) + 2)"}, sets={"a": 2, "b": 3}) == WeightSpace(
        {"w": "(a + (b + 2))"}, sets={"a": 2, "b": 3}
    )


def test_row_major_products_and_concatenations():
    space = WeightSpace({"w": "(a b)", "v": "(a (b + 1))"}, sets={"a": 2, "b": 3})
    g = symmetry.element(space, {"b": [1, 2, 0]})
    assert g.act({"w": np.arange(6)})["w"].tolist() == [2, 0, 1, 5, 3, 4]
    assert g.act({"v": np.arange(8)})["v"].tolist() == [2, 0, 1, 3, 6, 4, 5, 7]


def bad(text, *replacements):
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


BAD = {
    "undeclared index": (bad(GOOD, ("h1 (x", "h2 (x")), ['tensor "0.weight"', "'h2' is not declared", "^^", "h1"]),
    "unused index": (bad(GOOD, ("(x pixel)", "(x)")), ["[positional]", "'pixel' is used by no tensor"]),
    "unclosed bracket": (bad(GOOD, ("(x pixel)", "(x pixel")), ["'(' is not closed", "       ^"]),
    "stray bracket": (bad(GOOD, ("(x pixel)", "x pixel)")), ["')' closes nothing"]),
    "plus outside": (bad(GOOD, ("h1 (x", "h1 + (x")), ["'+' stands outside brackets"]),
    "size zero": (bad(GOOD, ("h1 = 4", "h1 = 0")), ["[sets]", "the size of 'h1' is 0", "at least 1"]),
    "negative size": (bad(GOOD, ("x = 2", "x = -2")), ["[free]", "the size of 'x' is -2"]),
    "size not an integer": (bad(GOOD, ("h1 = 4", "h1 = 4.0")), ["4.0, which is not an integer"]),
    "size a boolean": (bad(GOOD, ("h1 = 4", "h1 = true")), ["True, which is not an integer"]),
    "integer axis zero": (bad(GOOD, ("3 3", "3 0")), ["the size 0 is out of range"]),
    "keyword": (bad(GOOD, ("x = 2", "class = 2"), ("(x ", "(class ")), ["'class' is reserved in Python"]),
    "no identifier": (bad(GOOD, ("(x pixel)", "(x pix-el)")), ["'pix-el' is not a name"]),
    "unknown section": (bad(GOOD, ("[free]", "[fre]")), ["unknown section [fre]", "[sets], [free], [positional]"]),
    "no tensors": ("[sets]\nh = 2\n", ["there is no [tensors] section"]),
    "empty tensors": ("[tensors]\n", ["there are no tensors"]),
    "empty file": ("", ["there is no [tensors] section"]),
    "not TOML": (bad(GOOD, ("x = 2", "x = ")), ["is not TOML", "x =", "^"]),
    "axes not text": (bad(GOOD, ('"s" = ""', '"s" = 3')), ['tensor "s"', "which is not a string"]),
    "twice": (bad(GOOD, ("pixel = 5", "pixel = 5\nx = 3")), ["[positional]", "'x' is already declared in [free]"]),
    "parent unknown": (
        bad(GOOD, ('"head" }', '"heads" }')),
        ["'dk' is nested within 'heads', which is neither a set"],
    ),
    "parent free": (
        bad(GOOD, ('"head" }', '"x" }')),
        ["'dk' is nested within 'x', which is neither a set"],
    ),
    "parent not beside": (bad(GOOD, ("((head dk)", "((dk)")), ["'dk' is nested within 'head', which is not beside it"]),
    "cycle": (
        bad(GOOD, ("head = 2", 'head = { size = 2, within = "dk" }')),
        ["nested sets form a cycle: head within dk within head"],
    ),
    "own parent": (bad(GOOD, ('"head" }', '"dk" }')), ["cycle: dk within dk"]),
    "unknown key": (bad(GOOD, ("size = 3", "sizes = 3")), ["unknown key 'sizes'"]),
    "no size": (bad(GOOD, ("size = 3, ", "")), ["no size"]),
    "section not a table": ("sets = 3\n[tensors]\nw = ''\n", ["3 is not a table of sizes"]),
    "tensors not a table": ("tensors = 3\n", ["there are no tensors"]),
    "empty name": (bad(GOOD, ('"s" =', '"" =')), [": [tensors]: '' is not a tensor name"]),
    "unprintable name": (bad(GOOD, ('"s" =', '"a\\nimport os" =')), ["is not a tensor name"]),
    "dunder": (bad(GOOD, ("x = 2", "__debug__ = 2"), ("(x ", "(__debug__ ")), ["'__debug__' is reserved"]),
    "deep brackets": (bad(GOOD, ('"s" = ""', f'"s" = "{"(" * 5000}{")" * 5000}"')), ["nested too deep"]),
    "huge integer": (bad(GOOD, ("3 3", "3 " + "9" * 5000)), ["is out of range"]),
    "huge size": (bad(GOOD, ("h1 = 4", "h1 = " + "9" * 5000)), ["cannot be read"]),
    "many pieces": (bad(GOOD, ('"s" = ""', '"s" = "' + "(h1 + x) " * 24 + '"')), ['tensor "s"', "16,777,216 pieces"]),
    "many axes": (bad(GOOD, ('"s" = ""', '"s" = "' + "h1 " * 33 + '"')), ['tensor "s"', "33 index positions"]),
    "ligature": (bad(GOOD, ("x = 2", '"ﬁ" = 2'), ("(x ", "(ﬁ ")), ["NFKC", "write 'fi'"]),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_specifications_say_what_is_wrong_and_where(fault, tmp_path):
    text, parts = BAD[fault]
    path = tmp_path / "space.toml"
    path.write_text(text)
    with pytest.raises(SpecificationError) as caught:
        symmetry.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    for part in parts:
        assert part in message


def test_caret_points_at_the_token():
    with pytest.raises(SpecificationError) as caught:
        WeightSpace({"w": "h1 (x oops)"}, sets={"h1": 2}, free={"x": 2})
    assert "    h1 (x oops)\n          ^^^^\n" in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_files_that_cannot_be_read(content, tmp_path):
    path = tmp_path / "space.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecificationError) as caught:
        symmetry.load(path)
    assert str(path) in str(caught.value)
    with pytest.raises(SpecificationError):
        symmetry.load(tmp_path)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    try:
        symmetry.parse(text)
    except SpecificationError as error:
        assert str(error)


@given(st.text(alphabet="hx3()+ \t\n.ü", max_size=30))
def test_any_axis_string_parses_or_is_refused(text):
    try:
        space = WeightSpace({"w": text, "v": "h x"}, sets={"h": 2}, free={"x": 3})
    except SpecificationError as error:
        assert 'tensor "w"' in str(error)
    else:
        assert symmetry.parse(str(space)) == space


@pytest.mark.parametrize("text", ["[tensors]\n{} = '3'", "[tensors]\n[ {}]\nx = '3'", "a = 1 \n\n[{}.'x'.y]"])
def test_a_key_of_very_many_parts_is_refused_before_it_is_read(text):
    """The TOML reader of the standard library would take minutes."""
    with pytest.raises(SpecificationError, match=f"line {text.count(chr(10), 0, text.index('{')) + 1} has a key of"):
        symmetry.parse(text.format(" .\t".join(["a-b"] * 100_000)))


def test_dots_in_names_and_comments_are_no_keys():
    name = ".".join("a" * 20_000)
    text = (
        f'# {name}\n[tensors]\n"{name}" = ""  # {name}\n\'b.{name}\' = \'{"3 " * 9}\'\n"\\"{name}" = \'{"7" * 18}\'\n'
    )
    assert symmetry.parse(text).names == (name, f"b.{name}", f'"{name}')


def test_unknown_sections_are_refused_from_python_too():
    with pytest.raises(SpecificationError) as caught:
        WeightSpace({"w": "x"}, free={"x": 2}, evn={"h": 3})
    assert "unknown section [evn]" in str(caught.value)
    assert "sections: [sets], [free], [positional], [representations], [vectors], [tensors]" in str(caught.value)


@pytest.mark.parametrize("section", ["self", "tensor", "indices"])
def test_sections_of_any_name_are_refused_alike(section):
    with pytest.raises(SpecificationError, match=rf"unknown section \[{section}\]"):
        symmetry.parse(f"[{section}]\nh = 2\n[tensors]\nw = 'h'\n")


def test_kinds_from_outside_are_declared_in_their_own_section(monkeypatch):
    """Declared, printed, parsed, resized, joined, pickled and made canonical without a word in the spaces."""

    class EvenIndex(SetIndex):
        section = "even"

    monkeypatch.setitem(KINDS, "even", EvenIndex)
    space = WeightSpace(
        {"w": "(h u) x", "b": "h"}, even={"h": 4}, sets={"u": {"size": 2, "within": "h"}}, free={"x": 3}
    )
    assert type(space.index("h")) is EvenIndex
    assert "[even]\nh = 4\n" in str(space)
    assert symmetry.parse(str(space)) == pickle.loads(pickle.dumps(space)) == space
    assert type(space.resized({"h": 6}).index("h")) is EvenIndex
    assert space.observed({"w": (16, 3), "b": (8,)}).sizes == {"h": 8, "u": 2, "x": 3}
    assert type(symmetry.joint_space(space, WeightSpace({"c": "h"}, even={"h": 4})).index("h")) is EvenIndex
    assert [type(index) for index in symmetry.canonical(space).indices] == [SetIndex, EvenIndex]
    with pytest.raises(SpecificationError, match=r"sections: \[sets\], .*\[even\], \[tensors\]"):
        WeightSpace({"w": "h"}, odd={"h": 4})


def test_spaces_say_their_sizes_and_copies():
    space = symmetry.parse(GOOD)
    assert space.sizes == {"h1": 4, "head": 2, "dk": 3, "x": 2, "pixel": 5}
    assert space.copies(space.index("dk")) == (2,)
    assert space.copies(space.index("h1")) == ()
    maps = symmetry.EquivariantMaps(space, WeightSpace({"b": "h1 z"}, sets={"h1": 4}, free={"z": 7}))
    assert maps.sizes == space.sizes | {"z": 7}


def test_charges_of_occurrences_reach_the_positions():
    atoms = (Atom("h"), Atom("h", charge=-1), Atom("u", charge=2))
    declared = {"h": SetIndex("h", 2), "u": SetIndex("u", 3, within="h")}
    (piece,) = leaves(make_layout("w", atoms, declared))
    assert [position.charge for position in piece.positions] == [1, -1, 2]
    assert Position(declared["h"]) == Position(declared["h"], charge=1) != Position(declared["h"], charge=-1)


def test_names_that_are_not_there_are_answered_with_those_that_are():
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
    with pytest.raises(SpecificationError, match=r"there is no tensor 'v'\ntensors: w, b$"):
        space["v"]
    with pytest.raises(SpecificationError, match=r"there is no index 'k'\nindices: h, x$"):
        space.index("k")
    with pytest.raises(SpecificationError, match=r"indices: none$"):
        WeightSpace({"s": ""}).index("k")
