"""Pools over one axis, and the layers that read them: exact, what a slow loop gives, and heard."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import layergen
from layergen.nn import Aggregation, Metanet
from layergen.nn.aggregation import AxisPools, axis_pools
from layergen.nn.restrictions import UNRESTRICTED, Restrictions
from layergen.testing import assert_equivariant, assert_no_more_symmetric, random_features
from symmetry import WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.nn.pooled import LOOPED, SCALED, SPACES, entries_by_kept, error_after_training, parts, pooled
from tests.layergen.nn.test_contraction import HEADS, LORA
from tests.layergen.nn.test_distributed import idle
from tests.layergen.nn.test_nn import SPACE
from tests.layergen.nn.test_representations import COMPACT, INR, MIXED

KINDS = ("max", "attention")
each_kind = pytest.mark.parametrize("kind", KINDS)
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@each_kind
@every_space
def test_pools_over_one_axis_move_with_the_axes_they_leave(space, kind):
    torch.manual_seed(0)
    pools = AxisPools(space, 4, kind).double()
    assert_equivariant(pools, space, target=pools.space.only(pools.names), channels=4, examples=10)


@every_space
def test_aggregations_are_equivariant(space):
    torch.manual_seed(0)
    for kind in KINDS:
        assert_equivariant(Aggregation(space, 3, kind).double(), space, examples=10)


@given(weight_spaces(max_entries=60, max_diagrams=300, max_size=3))
@settings(max_examples=8)
def test_aggregations_over_any_space(space):
    torch.manual_seed(0)
    for kind in KINDS:
        assert_equivariant(Aggregation(space, 2, kind).double(), space, examples=3)


@pytest.mark.parametrize(("name", "kind"), [("sets", "max"), ("sets", "attention"), ("signs", "max"), ("C4", "max")])
def test_metanets_are_as_symmetric_as_their_space_and_no_more(name, kind):
    torch.manual_seed(0)
    network = Metanet(SPACES[name], out_channels=2, hidden=8, layers=1, aggregation=kind, dtype=torch.float64)
    assert_equivariant(network, SPACES[name], examples=10)
    assert_no_more_symmetric(network, SPACES[name])


@each_kind
@pytest.mark.parametrize("space", LOOPED.values(), ids=LOOPED)
def test_pools_over_one_axis_are_those_of_a_loop(space, kind):
    torch.manual_seed(0)
    module, x = AxisPools(space, 4, kind).double(), random_features(space, 4, batch=2, dtype=torch.float64)
    found = module(x)
    values = parts(space, x)
    for (name, (piece, gone)), pool in zip(axis_pools(space).items(), module.pools.pools, strict=True):
        for (network, kept, free), rows in entries_by_kept(piece, values[piece], gone).items():
            expected = pooled(pool, free, rows)
            np.testing.assert_allclose(found[name][(network, *kept)].detach().numpy(), expected, atol=1e-9)


def test_pools_are_tensors_over_the_axes_that_are_left():
    axes = {name: str(tensor) for name in AxisPools(SCALED, 2).names for tensor in [AxisPools(SCALED, 2).space[name]]}
    assert axes == {
        "w over h": "w over h[k^0]",
        "w over k": "w over k[h^0]",
        "v over h": "v over h[x]",
        "v over k": "v over k[x]",
        "b over h": "b over h[]",
        "c over p": "c over p[y]",
    }
    assert AxisPools(HEADS, 2).names == ("v over head", "v over d", "o over d", "o over head")
    assert AxisPools(LORA, 2).names == ()
    shared = WeightSpace({"w": "h h", "n": "head dk"}, sets={"h": 2, "head": 2, "dk": {"size": 3, "within": "head"}})
    pools = AxisPools(shared, 2)
    assert pools.names == ("w over h", "w over h_2", "n over head", "n over dk")
    assert [pools.space[name].shape for name in pools.names] == [(2,), (2,), (), (2,)]


@each_kind
@pytest.mark.parametrize("space", [SPACE, MIXED, COMPACT, INR], ids=["sets", "C4", "compact", "D4"])
def test_every_parameter_gets_a_gradient(space, kind):
    for options in (
        {"out_features": 2, "head": "attention"},
        {"out_channels": 2},
        {"out_channels": 2, "terms": "local"},
    ):
        assert idle(Metanet(space, hidden=4, aggregation=kind, **options), random_features(space, 1)) == []


def test_layers_learn_the_largest_entries_of_rows():
    """A derived layer and means of what it gives are linear, and so are worse; the pools hold the answer."""
    torch.manual_seed(0)
    space = WeightSpace({"w": "k h"}, sets={"k": 4, "h": 6})
    x = {"w": torch.randn(200, 4, 6, 1) * torch.tensor([1.0, -1.0, 0.5, -0.5])}
    y = x["w"][..., 0].amax(2).mean(1)
    layers = {kind: Aggregation(space, 4, kind) for kind in KINDS} | {"linear": layergen.EquivariantLinear(space, 4, 4)}
    error = {
        kind: error_after_training(nn.Sequential(layer, layergen.InvariantLinear(space, 4, 1)), x, y, 250, 6e-2)
        for kind, layer in layers.items()
    }
    assert error["max"] < 0.1
    assert error["attention"] < 0.1
    assert error["linear"] > 0.5


@each_kind
def test_metanets_compile_run_under_vmap_and_serve_other_widths(kind):
    torch.manual_seed(0)
    torch.compiler.reset()  # only so many networks are compiled in one process
    space = WeightSpace({"w": "k h", "b": "k"}, sets={"k": 3, "h": 2})
    network, x = Metanet(space, out_channels=2, hidden=4, layers=1, aggregation=kind), random_features(space, 1)
    found = network(x)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")(x)
    mapped = torch.func.vmap(network)({name: value[:, None] for name, value in x.items()})
    for name, value in found.items():
        torch.testing.assert_close(compiled[name], value)
        torch.testing.assert_close(mapped[name][:, 0], value)
    assert_equivariant(network, space.resized({"h": 5, "k": 4}), examples=5)
    halved = network.bfloat16()({name: value.bfloat16() for name, value in x.items()})
    assert {value.dtype for value in halved.values()} == {torch.bfloat16}


def test_kinds_that_there_are_not():
    with pytest.raises(ValueError, match="aggregation='sum': give None, 'max' or 'attention'"):
        Metanet(SPACE, out_channels=1, aggregation="sum")
    with pytest.raises(ValueError, match="an aggregation of kind 'sum': give one of 'max', 'attention'"):
        Aggregation(SPACE, 2, "sum")


def test_restrictions_are_asked_about_pools():
    asked = set()
    seen = Restrictions(lambda target, source: asked.add(source.name) or " over " not in source.name, (), 10**6)
    module = Aggregation(SPACE, 2, "max", restrictions=seen)
    assert module.pools.names == ()
    assert {"w over h", "b over h"} <= asked
    assert module.linear.DIMENSION == layergen.EquivariantLinear(SPACE, 2, 2).DIMENSION
    assert Aggregation(SPACE, 2, restrictions=UNRESTRICTED).linear.DIMENSION > module.linear.DIMENSION
