"""The cores of some maps, against those of all their diagrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layergen.plan.lowering import lower
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace
from symmetry.maps.cores import core_sets, every_core, has_core
from symmetry.strategies import weight_spaces

SMALL = {"max_entries": 60, "max_diagrams": 400, "max_size": 3}


def carried(maps):
    """The sets that the diagrams carry, from the diagrams."""
    for block in maps.blocks:
        for diagram in block:
            split = len(diagram.target_piece.positions)
            kept = [block for block in diagram.blocks if block[0] < split <= block[-1]]
            stepped = [name for name, _ in diagram.steps]
            yield tuple(sorted([*stepped, *(diagram.positions[block[0]].index.name for block in kept)]))


@given(weight_spaces(**SMALL), st.sampled_from(["all", "local"]), st.booleans())
def test_the_cores_are_those_of_the_diagrams(space, terms, invariant):
    maps = EquivariantMaps(space, SCALAR if invariant else None, terms=terms)
    expected = {(), *carried(maps)}
    cores = list(every_core(maps))
    assert len(cores) == len(set(cores))
    assert set(cores) == expected
    assert expected == {(), *(tuple(sorted(mix.core.sets)) for mix in lower(maps).mixes if mix.pools)}
    names = [index.name for index in space.indices]
    for core in expected | {(*core, name) for core in expected for name in names}:
        assert has_core(maps, tuple(sorted(core))) == (tuple(sorted(core)) in expected)


NESTED = WeightSpace(
    {"w": "(head dk) x", "b": "head"}, sets={"head": 2, "dk": {"size": 3, "within": "head"}}, free={"x": 2}
)


@pytest.mark.parametrize("core", ["dk", "head head", "h", "x", "dk dk head", "head dk x"])
def test_a_rank_of_a_core_that_is_not_there(core):
    with pytest.raises(SpecificationError) as caught:
        EquivariantMaps(NESTED, rank={"": 3, core: 2})
    assert f"there is no core ({core}) to bound the rank of" in str(caught.value)
    assert "cores: (), (head), (dk head)" in str(caught.value)


@pytest.mark.parametrize("core", ["", "head", "dk head", " head  dk "])
def test_a_rank_of_a_core_that_is_there(core):
    assert EquivariantMaps(NESTED, rank={core: 2}).ranks == ((" ".join(core.split()), 2),)
    assert core_sets(core) in set(every_core(EquivariantMaps(NESTED)))


def test_a_restriction_takes_cores_away():
    tensors = {"a": "h k", "b": "h k z"}
    space = WeightSpace(tensors, sets={"h": 3, "k": 3, "z": 3})
    apart = EquivariantMaps(space, WeightSpace({"c": "h", "d": "k"}, sets={"h": 3, "k": 3}))
    with pytest.raises(SpecificationError, match=r"no core \(h k\)"):
        EquivariantMaps(apart.source, apart.target, rank={"h k": 1})
    with pytest.raises(SpecificationError, match=r"no core \(h\)"):
        EquivariantMaps(apart.source, apart.target, terms=lambda target, source: target.name == "d", rank={"h": 1})


def test_one_core_has_one_rank():
    with pytest.raises(SpecificationError, match="two ranks"):
        EquivariantMaps(NESTED, rank={"head dk": 2, "dk  head": 3})


def test_very_many_cores_are_not_all_listed():
    space = WeightSpace({f"t{n}": f"h{n}" for n in range(50)}, sets={f"h{n}": 4 for n in range(50)})
    with pytest.raises(SpecificationError, match=r"\(h18\), …$"):
        EquivariantMaps(space, rank={"h1 h2": 3})


def test_cores_over_very_many_positions_are_not_gone_through():
    space = WeightSpace({"w": "h " * 12}, sets={"h": 12})
    with pytest.raises(SpecificationError, match="too many to go through"):
        EquivariantMaps(space, rank={"h": 3})
