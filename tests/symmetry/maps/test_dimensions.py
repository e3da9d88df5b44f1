"""The formula against listing, characters, null spaces and the rank of the diagrams."""

import math
from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given

import symmetry
from symmetry import EquivariantMaps, SpecificationError, WeightSpace
from symmetry.maps.counting import block_count
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.projection import permutes_entries
from symmetry.strategies import weight_spaces
from symmetry.verification.characters import character_average
from symmetry.verification.report import by_null_space
from tests.symmetry.action import matrix_of

SMALL = {"max_entries": 60, "max_diagrams": 1500}


@given(weight_spaces(**SMALL))
def test_formula_orbits_characters_and_null_space_agree(space):
    maps = EquivariantMaps(space)
    for block in maps.blocks:
        if permutes_entries(block.target) and permutes_entries(block.source):
            assert block.dimension == symmetry.orbit_count(maps, block.target.name, block.source.name)
        assert block.dimension == character_average(block.target, block.source)
    for finding in by_null_space(maps, [*maps.blocks, *maps.bias_blocks]):
        assert finding.found in (finding.expected, None)


@given(weight_spaces(max_entries=30, max_diagrams=400, max_tensors=3))
def test_diagrams_are_a_basis_of_commuting_maps(space):
    maps = EquivariantMaps(space)
    elements = list(symmetry.generators(space, positional=True))
    for block in (*maps.blocks, *maps.bias_blocks):
        matrices = [diagram.matrix() for diagram in block.diagrams()]
        assert len(matrices) == block.dimension
        if matrices:
            assert np.linalg.matrix_rank(np.stack([m.ravel() for m in matrices])) == block.dimension
        for g in elements:
            written = matrix_of(g, block.target.name)
            read = matrix_of(g, block.source.name) if block.source in space.tensors else np.eye(1)
            assert all(np.allclose(written @ m, m @ read, rtol=0, atol=1e-9) for m in matrices)


@pytest.mark.parametrize(("order", "counts"), [(1, [1, 1]), (2, [1, 2, 2]), (3, [1, 4, 5]), (4, [1, 8, 14, 15])])
def test_small_sets_have_fewer_diagrams_than_the_bell_number(order, counts):
    for size, expected in enumerate(counts, start=1):
        space = WeightSpace({"w": "h " * order}, sets={"h": size})
        assert EquivariantMaps(space, symmetry.SCALAR).dimension == expected


def perceptron(sizes, hidden_only=True):
    last = len(sizes) - 1
    tensors = {}
    for layer in range(last):
        tensors |= {f"{layer}.weight": f"d{layer + 1} d{layer}", f"{layer}.bias": f"d{layer + 1}"}
    free = {f"d{layer}": sizes[layer] for layer in (0, last)} if hidden_only else {}
    sets = {f"d{layer}": size for layer, size in enumerate(sizes) if f"d{layer}" not in free}
    return WeightSpace(tensors, sets=sets, free=free)


@pytest.mark.parametrize("matrices", range(2, 8))
def test_perceptron_formulas(matrices):
    m, d0, d1 = matrices, *sympy.symbols(f"d0 d{matrices}", integer=True, positive=True)
    t = 2 * m - 3 + d0 + 2 * d1
    deep = t**2 + (d0 + 2) ** 2 + (d1 + 2) ** 2 + 9 * (m - 3) + (m - 2)
    two = (1 + d0 + 2 * d1) ** 2 + (d0 + d1 + 1) ** 2
    found = EquivariantMaps(perceptron([5] * (m + 1))).symbolic_dimension()
    assert sympy.expand(found - (deep if m > 2 else two)) == 0
    everything = EquivariantMaps(perceptron([5] * (m + 1), hidden_only=False))
    assert everything.dimension == 4 * m**2 + 10 * m - 4


@pytest.mark.parametrize(("sizes", "dimension"), [((2, 3, 4, 2), 114), ((2, 3, 4, 1), 75)])
def test_published_sizes(sizes, dimension):
    assert EquivariantMaps(perceptron(sizes)).dimension == dimension


def test_perceptron_blocks():
    d0, d4 = 3, 5
    maps = EquivariantMaps(perceptron([d0, 8, 8, 8, 8, d4]))
    weight = {
        (1, 1): 2 * d0**2, (5, 5): 2 * d4**2, (3, 3): 4, (1, 2): 2 * d0, (2, 1): 2 * d0, (4, 5): 2 * d4,
        (2, 3): 2, (3, 2): 2, (1, 5): d0 * d4, (1, 3): d0, (5, 2): d4, (2, 4): 1,
    }  # fmt: skip
    for (i, j), expected in weight.items():
        assert maps.block(f"{i - 1}.weight", f"{j - 1}.weight").dimension == expected
    to_bias = {
        (1, 1): 2 * d0, (3, 3): 2, (5, 5): d4**2, (3, 2): 2, (5, 4): 2 * d4, (1, 5): d0 * d4,
        (1, 3): d0, (5, 2): d4, (3, 5): d4, (2, 4): 1,
    }  # fmt: skip
    for (i, j), expected in to_bias.items():
        assert maps.block(f"{j - 1}.bias", f"{i - 1}.weight").dimension == expected
    biases = {(2, 2): 2, (5, 5): d4**2, (2, 5): d4, (1, 3): 1}
    for (i, j), expected in biases.items():
        assert maps.block(f"{i - 1}.bias", f"{j - 1}.bias").dimension == expected


def test_counting_is_exact_where_listing_is_hopeless():
    space = WeightSpace({"w": "h " * 12}, sets={"h": 40})
    maps = EquivariantMaps(space)
    assert maps.dimension == sympy.bell(24)
    with pytest.raises(SpecificationError, match=f"{maps.dimension:,} diagrams"):
        maps.block("w", "w").diagrams()
    with pytest.raises(SpecificationError, match="raise the limit"):
        iter(maps.block("w", "w"))
    small = EquivariantMaps(WeightSpace({"w": "h h"}, sets={"h": 4})).block("w", "w")
    with pytest.raises(SpecificationError, match="15 diagrams, more than the limit of 14"):
        small.diagrams(limit=14)
    assert len(list(small.diagrams(limit=15))) == 15


def test_nested_counts_by_listing_pairs_of_units():
    """Units of the same head, of other heads, and equal units: three orbits a pair, by hand."""
    space = WeightSpace({"w": "(head dk)"}, sets={"head": 3, "dk": {"size": 2, "within": "head"}})
    assert EquivariantMaps(space).dimension == 3
    classes = {(h == i, h == i and u == v) for h, u, i, v in product(range(3), range(2), range(3), range(2))}
    assert len(classes) == 3


def test_maps_between_two_spaces_share_sets_by_name():
    source = WeightSpace({"w": "h k"}, sets={"h": 4, "k": 3})
    target = WeightSpace({"v": "h j"}, sets={"h": 4, "j": 2})
    maps = EquivariantMaps(source, target)
    assert maps.dimension == 2 == symmetry.orbit_count(maps, "v", "w")
    with pytest.raises(SpecificationError, match=r"'h' is 5 .* of the target, but 4"):
        EquivariantMaps(source, WeightSpace({"v": "h"}, sets={"h": 5}))


def test_free_sizes_and_sets_of_size_one():
    space = WeightSpace({"w": "h x 3", "c": ""}, sets={"h": 1}, free={"x": 2})
    maps = EquivariantMaps(space)
    assert maps.dimension == (6 + 1) ** 2
    assert maps.bias_dimension == 7
    assert math.prod(maps.source.shapes["c"]) == 1


@pytest.mark.parametrize("axes", ["(head dk) (head dk)", "head (head dk)", "(head dk) (head v)"])
def test_nested_diagrams_are_listed_once(axes):
    """Two units in two heads may be told apart by their heads only: each diagram has one order of its core."""
    sets = {"head": 2} | {name: {"size": 2, "within": "head"} for name in ("dk", "v") if name in axes}
    maps = EquivariantMaps(WeightSpace({"w": axes}, sets=sets))
    block = maps.block("w", "w")
    found = {diagram.matrix().tobytes() for diagram in block.diagrams()}
    assert len(list(block.diagrams())) == len(found) == block.dimension == symmetry.orbit_count(maps, "w", "w")


@pytest.mark.parametrize(("size", "count"), [(1, 1), (2, 8), (3, 14), (4, 15)])
def test_without_bounds_there_is_room_on_both_sides(size, count):
    """Sets of four entries or more have all partitions of the four positions, Bell's number 15."""
    space = WeightSpace({"w": "h h"}, sets={"h": size})
    (target,), (source,) = targets(*space), sources(*space)
    assert block_count((target, source)) == count
    assert block_count((target, source), bounded=False) == 15
    four = WeightSpace({"w": "h h h h"}, sets={"h": size})
    assert block_count((*targets(*symmetry.SCALAR), *sources(*four)), bounded=False) == 15
