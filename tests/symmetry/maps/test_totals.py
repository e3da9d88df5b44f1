"""Sums over all pairs of tensors against the sums block by block, and that they take no pair by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import symmetry
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace
from symmetry.maps import totals
from symmetry.maps.counting import block_count
from symmetry.maps.isotypic import sources, targets
from symmetry.strategies import weight_spaces

SPACES = weight_spaces(max_entries=10_000, max_diagrams=10**9)
WAYS = [totals.pair_by_pair, totals.by_shared_roots]


def listed(maps, weight, bounded=True):
    """The sum as it is defined: over blocks, and within each over pairs of pieces."""
    return sum(
        block_count((target, source), bounded=bounded) * weight(target) * weight(source)
        for block in maps.blocks
        for target, source in block.piece_pairs
    )


@pytest.mark.parametrize("way", WAYS)
@given(space=SPACES, terms=st.sampled_from(["all", "local", lambda target, source: target.shape > source.shape]))
def test_totals_are_the_sums_over_blocks(way, space, terms):
    maps = EquivariantMaps(space, terms=terms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(totals, "sum_over_pairs", way)
        for weight in (totals.one, totals.free_size):
            for bounded in (True, False):
                assert maps.total(weight, bounded=bounded) == listed(maps, weight, bounded)
        assert maps.bias_dimension == sum(block.dimension for block in maps.bias_blocks)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("terms", ["all", "local"])
def test_totals_over_groups(way, terms, monkeypatch):
    """Irreducible parts must match, and a group in common makes two tensors local."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    space = WeightSpace(
        {"a": "h p", "b": "p p", "c": "h", "d": "x", "e": "q x", "f": "(h + p)"},
        sets={"h": 2},
        free={"x": 3},
        representations={
            "p": {"group": "C4", "representation": "regular"},
            "q": {"group": "D4", "representation": "standard"},
        },
    )
    monkeypatch.setattr(totals, "sum_over_pairs", way)
    maps = EquivariantMaps(space, terms=terms)
    assert maps.dimension == listed(maps, totals.free_size)


def test_a_tensor_and_the_one_of_its_name_are_local():
    """Though they share no set: the axes may have other lengths, or others may stand in their place."""
    space = WeightSpace({"w": "h x", "b": "x", "c": "h"}, sets={"h": 4}, free={"x": 3})
    target = WeightSpace({"w": "k", "b": "1", "c": "h"}, sets={"h": 4, "k": 2})
    maps = EquivariantMaps(space, target, terms="local")
    kept = {(block.target.name, block.source.name) for block in maps.blocks}
    assert kept == {("w", "w"), ("b", "b"), ("c", "c"), ("c", "w")}
    assert maps.dimension == listed(maps, totals.free_size) == 3 + 3 + 2 + 2 * 3


@given(SPACES)
def test_symbols_stand_for_free_sizes(space):
    large = space.resized({index.name: 40 for index in space.indices if index.joined})
    maps = EquivariantMaps(large)
    expression = maps.symbolic_dimension()
    assert expression.subs({symbol: large.sizes[symbol.name] for symbol in expression.free_symbols}) == maps.dimension


def perceptron(depth):
    tensors = {}
    for layer in range(depth):
        tensors |= {f"{layer}.weight": f"h{layer + 1} h{layer}", f"{layer}.bias": f"h{layer + 1}"}
    return WeightSpace(tensors, sets={f"h{layer}": 8 for layer in range(depth + 1)})


def transformer(depth):
    tensors = {}
    sets = {"d": 64}
    for layer in range(depth):
        head, unit = f"head{layer}", f"unit{layer}"
        sets |= {head: 8, unit: {"size": 8, "within": head}}
        for name in "qkv":
            tensors[f"{layer}.{name}.weight"] = f"({head} {unit}) d"
        tensors |= {f"{layer}.o.weight": f"d ({head} {unit})", f"{layer}.norm": "d"}
    return WeightSpace(tensors, sets=sets)


@pytest.mark.parametrize("terms", ["all", "local"])
@pytest.mark.parametrize("architecture", [perceptron, transformer])
def test_the_pairs_that_are_counted_grow_with_the_tensors_and_not_with_their_square(architecture, terms, monkeypatch):
    calls = []
    right = totals.block_count
    monkeypatch.setattr(totals, "block_count", lambda *given, **options: calls.append(1) or right(*given, **options))

    def counted(depth):
        calls.clear()
        totals.diagrams.cache_clear()
        _ = EquivariantMaps(architecture(depth), terms=terms).dimension
        return len(calls)

    few, more, many = (counted(depth) for depth in (20, 40, 80))
    assert many - more == 2 * (more - few)
    assert many < 80 * 15


def test_ten_thousand_tensors():
    """Block by block there would be 10⁸ of them; what is local grows by as much with each layer."""
    maps = EquivariantMaps(perceptron(5_000))
    assert (maps.dimension, maps.bias_dimension) == (4 * 5_000**2 + 10 * 5_000 - 4, 10_000)
    few, more = (listed(EquivariantMaps(perceptron(depth), terms="local"), totals.free_size) for depth in (10, 11))
    assert EquivariantMaps(perceptron(5_000), terms="local").dimension == few + 4_990 * (more - few)


def test_a_sum_of_many_terms():
    text = " + ".join(["h"] * 900)
    maps = EquivariantMaps(WeightSpace({"w": f"({text})"}, sets={"h": 4}))
    assert (maps.dimension, maps.bias_dimension) == (2 * 900**2, 900)
    assert next(iter(maps.blocks)).diagram_count == 2 * 900**2


def test_too_many_free_sizes_for_symbols():
    space = WeightSpace({f"t{n}": f"x{n}" for n in range(200)}, free={f"x{n}": 2 for n in range(200)})
    with pytest.raises(SpecificationError, match="40,000 monomials"):
        EquivariantMaps(space).symbolic_dimension()
    assert EquivariantMaps(space, SCALAR).symbolic_dimension() == sum(
        symmetry.EquivariantMaps(space, SCALAR).symbolic_dimension().free_symbols
    )


def test_pieces_are_read_once_each():
    """The roots of a piece: nested sets with their parents, in whatever order they come."""
    space = WeightSpace({"w": "(head dk) k head"}, sets={"head": 2, "k": 3, "dk": {"size": 4, "within": "head"}})
    (piece,) = targets(*space)
    assert sources(*space) == (piece,)
    (head, heads), (k, ks) = totals.roots(piece)
    assert (head, k) == ("head", "k")
    assert [position.parent for position in heads.positions] == [None, 0, None]
    assert [position.index.name for position in ks.positions] == ["k"]
