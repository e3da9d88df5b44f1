"""Plans: each pass on and off computes the same; nothing is pooled twice; widths are read where they can be."""

import zlib

import pytest
import torch
from hypothesis import given, settings

from layergen.emission.generate import generate
from layergen.plan.lowering import lower
from layergen.plan.parameters import name_weights
from layergen.plan.passes import PASSES, optimised
from layergen.plan.steps import unordered
from layergen.plan.terms import bias_terms, terms
from symmetry import EquivariantMaps, SpecificationError, WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features

SMALL = {"max_entries": 60, "max_diagrams": 300, "max_size": 3}
SUBSETS = [(), *((one,) for one in PASSES), *(tuple(p for p in PASSES if p != one) for one in PASSES), PASSES]
"""No pass, each by itself, all but each, all."""


def layer_of(space, passes, dtype):
    """The layer emitted after some passes, each weight drawn by its diagram so that equal diagrams weigh the same."""
    namespace = {"__name__": "emitted"}
    exec(generate(space, "Layer", passes=passes), namespace)
    layer = namespace["Layer"](2, 3, dtype=dtype)
    plan = optimised(lower(EquivariantMaps(space)), passes)
    names = [weights.name for weights in name_weights(plan.mixes)]
    with torch.no_grad():
        for term in terms(plan):
            matrix = getattr(layer, names[term.mix])
            rows, columns = slice(2 * term.row, 2 * term.row + 2), slice(3 * term.column, 3 * term.column + 3)
            matrix[rows, columns] = drawn(f"{term.diagram} {term.diagram.blocks}", (2, 3))
        for number, (side, values) in enumerate(bias_terms(plan)):
            layer.bias[3 * number : 3 * number + 3] = drawn(f"{side} {values}", (3,))
    return layer


def drawn(text, shape):
    """Numbers that depend on a text only."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(text.encode())), dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(weight_spaces(**SMALL))
@settings(max_examples=30)
def test_passes_change_nothing(dtype, space):
    x = features(space, 2, 2, dtype)
    plain, *others = (layer_of(space, passes, dtype)(x) for passes in SUBSETS)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-4
    for output in others:
        for name, value in output.items():
            torch.testing.assert_close(value, plain[name], rtol=tolerance, atol=tolerance)


@given(weight_spaces(**SMALL))
def test_nothing_is_pooled_or_spread_twice(space):
    plan = optimised(lower(EquivariantMaps(space)))
    pooled = [pool.side for pool in plan.pools]
    for run in plan.reductions:
        pooled += [unordered(side) for side in plan.mixes[run.small].pools[run.start : run.start + run.count]]
    assert len(set(pooled)) == len(pooled)
    assert set(pooled) == {unordered(side) for mix in plan.mixes for side in mix.pools}
    assert len({spread.side for spread in plan.spreads}) == len(plan.spreads)
    spreads = [side for mix in plan.mixes for side in mix.spreads]
    assert len(set(spreads)) == len(spreads)
    done = set()
    for pool in plan.pools:
        assert pool.origin is None or pool.origin in done
        done.add(pool.side)
    done = set()
    for spread in plan.spreads:
        assert spread.into not in done
        done.add(spread.side)


def test_a_deep_perceptron_has_two_cores_a_layer_and_not_one_a_block():
    depth = 20
    tensors = {f"{i}.weight": f"h{i + 1} h{i}" for i in range(depth)}
    space = WeightSpace(tensors, sets={f"h{i}": 8 for i in range(depth + 1)})
    plan = optimised(lower(EquivariantMaps(space)))
    assert len(plan.mixes) == depth + (depth + 1) + 1
    assert plan.dimension == EquivariantMaps(space).dimension


def test_small_sets_split_a_core_instead_of_wasting_parameters():
    space = WeightSpace({"w": "h h"}, sets={"h": 3})
    plan = lower(EquivariantMaps(space))
    assert plan.dimension == 14
    assert sum(not mix.core.sets for mix in plan.mixes) == 2


def test_limit_is_checked_before_a_start():
    space = WeightSpace({"w": "h h h h h h"}, sets={"h": 20})
    with pytest.raises(SpecificationError, match=r"has 4,213,800 diagrams, more than"):
        generate(space)
    with pytest.raises(SpecificationError, match="more than the limit of 16"):
        generate(WeightSpace({"w": "h h"}, sets={"h": 20}), limit=16)
    assert "DIMENSION = 15" in generate(WeightSpace({"w": "h h"}, sets={"h": 20}), limit=17)


def test_many_cores_are_refused_before_they_are_listed():
    """Few diagrams, but a side for every subset of the axes."""
    names = [f"s{number}" for number in range(20)]
    source = WeightSpace({"w": " ".join(names)}, sets=dict.fromkeys(names, 4))
    target = WeightSpace({name: name for name in names}, sets=dict.fromkeys(names, 4))
    with pytest.raises(SpecificationError, match="more than 1,000 pools or spreads"):
        generate(source, target=target, limit=1_000)


def test_nested_positions_of_many_kinds_are_refused():
    nested = {f"k{number}": {"size": 4, "within": "h"} for number in range(9)}
    space = WeightSpace({"w": " ".join(f"h {name}" for name in nested)}, sets={"h": 4, **nested})
    with pytest.raises(SpecificationError, match="too many kinds"):
        _ = EquivariantMaps(space).dimension
