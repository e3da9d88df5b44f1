"""Declarations of single indices, from Python: any value is taken or refused with words."""

import pytest

from symmetry import SetIndex, SpecificationError
from symmetry.kinds.representation import RepresentationIndex


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ({"size": 3, "b": 1, 2: 1}, "unknown key 2 in the declaration of 'h'\nwrite h = { size = 16,"),
        ({"within": "k"}, "no size in the declaration of 'h'"),
        ({"size": 3, "within": 4}, "4 is not a name"),
        ({"size": 0}, "the size of 'h' is 0"),
        ("3", "the size of 'h' is '3', which is not an integer"),
    ],
)
def test_sets(declaration, words):
    assert SetIndex.declared("h", {"size": 3, "within": None}) == SetIndex.declared("h", 3) == SetIndex("h", 3)
    with pytest.raises(SpecificationError) as caught:
        SetIndex.declared("h", declaration)
    assert str(caught.value).startswith(words)


def test_sets_are_declared_as_they_say():
    nested = SetIndex.declared("u", {"size": 3, "within": "h"})
    assert (nested.size, nested.parent) == (3, "h")
    assert nested.of_size(5) == {"size": 5, "within": "h"}
    assert SetIndex("h", 3).of_size(5) == 5
    assert nested.named("v", "k") == SetIndex("v", 3, within="k")


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        (5, "'r' is declared as 5\nwrite r = {"),
        ({"group": "C4", "representation": "regular", "b": 1, 2: 1}, "unknown key 2 in the declaration of 'r'"),
        ({"representation": "regular"}, "no group in the declaration of 'r'"),
        ({"group": "C4"}, "no representation in the declaration of 'r'"),
        ({"group": "C4", "representation": "regular", "size": 3}, "'r' has the size 3, but its representation 4"),
        ({"group": "C1", "representation": "trivial", "size": True}, "'r' has the size True, but its representation 1"),
    ],
)
def test_representations(declaration, words):
    pytest.importorskip("escnn.group", exc_type=ImportError)
    found = RepresentationIndex.declared("r", {"group": "C4", "representation": " regular+ irrep(1) ", "size": 6})
    assert (found.size, found.representation) == (6, "regular + irrep(1)")
    with pytest.raises(SpecificationError) as caught:
        RepresentationIndex.declared("r", declaration)
    assert str(caught.value).startswith(words)
