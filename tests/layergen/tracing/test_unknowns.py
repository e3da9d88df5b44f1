"""Axes that are found to be one: also where that is found a second time, in a circle."""

from layergen.tracing.unknowns import Atom, collapse, known, unify


def test_a_family_that_is_found_to_be_its_own_member_is_that():
    first, second, outer = Atom(4), Atom(4), Atom(4, over=Atom(2))
    inner, third = Atom(4, over=Atom(2), members=(first, second)), Atom(4)
    outer.members = (inner, third)
    unify(first, outer, "")
    collapse(inner)
    collapse(outer)
    assert len({known(atom) for atom in (first, second, third, inner, outer)}) == 1
