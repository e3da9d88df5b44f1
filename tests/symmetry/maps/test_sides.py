"""Halves of diagrams, against those of the diagrams written down by hand."""

from collections import Counter

from hypothesis import given

from symmetry import EquivariantMaps, WeightSpace
from symmetry.maps.isotypic import targets
from symmetry.maps.sides import sides
from symmetry.strategies import weight_spaces


def halves(axes, most, *, ordered, **sections):
    space = WeightSpace({"w": axes}, **sections)
    (piece,) = targets(*space)
    return [(side.blocks, side.kept) for side in sides(piece, most, ordered=ordered)]


def test_both_orders_of_a_core_are_asked_for_of_one_side_only():
    h = {"sets": {"h": 3}}
    one = [(((0, 1),), ()), (((0, 1),), (0,)), (((0,), (1,)), ()), (((0,), (1,)), (0,)), (((0,), (1,)), (1,))]
    assert sorted(halves("h h", {"h": 2}, ordered=False, **h)) == sorted([*one, (((0,), (1,)), (0, 1))])
    assert sorted(halves("h h", {"h": 2}, ordered=True, **h)) == sorted(
        [*one, (((0,), (1,)), (0, 1)), (((0,), (1,)), (1, 0))]
    )
    assert sorted(halves("h h", {"h": 1}, ordered=True, **h)) == sorted(one)
    assert [kept for _, kept in halves("h h", {}, ordered=True, **h)] == [(), ()]


@given(weight_spaces(max_tensors=2, max_order=3, max_size=3))
def test_no_half_comes_twice(space):
    for piece in targets(*EquivariantMaps(space).target):
        most = Counter({index.name: 2 for index in space.indices})
        whole = list(sides(piece, most, ordered=False))
        assert len({(side.blocks, frozenset(side.kept)) for side in whole}) == len(whole)
        every = list(sides(piece, most, ordered=True))
        assert len(set(every)) == len(every) >= len(whole)
        assert {(side.blocks, frozenset(side.kept), side.core) for side in every} == {
            (side.blocks, frozenset(side.kept), side.core) for side in whole
        }
