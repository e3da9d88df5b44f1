"""Pools by maximum and attention, over all that is moved and over one axis: exact, and what a slow loop gives."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import layergen
from layergen.nn import Aggregation, FixedValues, InvariantHead, Metanet, OutputHead, SetAttention, SetMax
from layergen.nn.aggregation import AxisPools, axis_pools
from layergen.nn.pools import Attention, has_invariants
from layergen.nn.restrictions import UNRESTRICTED, Restrictions
from layergen.testing import assert_equivariant, assert_invariant, assert_no_more_symmetric, check, random_features
from symmetry import SpecificationError, WeightSpace
from symmetry.space.layout import take_apart
from symmetry.strategies import weight_spaces
from tests.layergen.nn.test_contraction import HEADS, LORA, neurons
from tests.layergen.nn.test_distributed import idle
from tests.layergen.nn.test_nn import SPACE
from tests.layergen.nn.test_representations import COMPACT, INR, MIXED

SCALED = WeightSpace(
    {"w": "h k^-1", "v": "(h^2 + k) x", "b": "h", "c": "y p"},
    sets={"h": {"size": 4, "scaled": "sign"}, "k": {"size": 3, "scaled": "positive"}},
    free={"x": 2, "y": 2},
    positional={"p": 3},
)
TURNED = WeightSpace(
    {"q": "(head u) d", "k": "(head u^-1) d", "b": "d 2", "d d": "d d"},
    sets={"head": 3, "d": 4},
    vectors={"u": {"size": 3, "group": "O", "within": "head"}},
)
SPACES = {
    "sets": SPACE,
    "signs": neurons({"size": 5, "scaled": "sign"}),
    "scales": neurons({"size": 5, "scaled": "positive"}),
    "both": SCALED,
    "O(n)": TURNED,
    "GL(n)": HEADS,
    "C4": MIXED,
    "SO(3), O(2)": COMPACT,
}
KINDS = ("max", "attention")
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@every_space
def test_pools_over_one_axis_move_with_the_axes_they_leave(space, kind):
    torch.manual_seed(0)
    pools = AxisPools(space, 4, kind).double()
    assert_equivariant(pools, space, target=pools.space.only(pools.names), channels=4)


@each_kind
@every_space
def test_aggregations_are_equivariant(space, kind):
    torch.manual_seed(0)
    assert_equivariant(Aggregation(space, 3, kind).double(), space)


@every_space
def test_heads_are_invariant(space):
    torch.manual_seed(0)
    assert_invariant(SetAttention(space, 4).double(), space, channels=4)
    assert_invariant(InvariantHead(space, 3, 2, hidden=8, attention=True).double(), space, channels=3)
    assert_invariant(FixedValues(space, 3, readable(space)).double(), space, channels=3)


def readable(space):
    return {piece.tensor for piece in space.pieces if has_invariants(piece)}


@given(weight_spaces(max_entries=60, max_diagrams=300, max_size=3))
@settings(max_examples=10)
def test_any_space(space):
    torch.manual_seed(0)
    for kind in KINDS:
        assert_equivariant(Aggregation(space, 2, kind).double(), space, examples=5)
    network = Metanet(space, out_features=2, hidden=4, head="attention", aggregation="max")
    assert_invariant(network.double(), space, examples=5)


@pytest.mark.parametrize("options", [{"head": "attention"}, {"aggregation": "max"}, {"aggregation": "attention"}])
@pytest.mark.parametrize("name", ["sets", "signs", "scales", "C4"])
def test_metanets_are_as_symmetric_as_their_space_and_no_more(name, options):
    torch.manual_seed(0)
    space, options = SPACES[name], {"maximum": False, "hidden": 8, "dtype": torch.float64, **options}
    network = Metanet(space, out_features=3, **options)
    assert_invariant(network, space)
    assert_no_more_symmetric(network, space, invariant=True)
    if "aggregation" in options:
        assert_equivariant(Metanet(space, out_channels=2, **options), space)


@pytest.mark.parametrize("name", ["sets", "signs", "scales", "C4"])
def test_metanets_with_heads_of_outputs(name):
    torch.manual_seed(0)
    space = SPACES[name]
    network = Metanet(space, out_features=3, hidden=8, head="outputs", dtype=torch.float64)
    assert_invariant(network, space)
    assert_no_more_symmetric(network, space, invariant=True)
    assert set(network.read) < set(network.companions.space.names)


def test_heads_of_outputs_tell_positions_apart_and_means_do_not():
    space = WeightSpace({"w": "p h", "b": "p"}, sets={"h": 4}, positional={"p": 3})
    torch.manual_seed(0)
    head, means = OutputHead(space, 3, 2, hidden=8).double(), InvariantHead(space, 3, 2, hidden=8).double()
    assert check(head, space, invariant=True, channels=3).passed
    assert not check(head, space, invariant=True, channels=3, positional=True).passed
    assert check(means, space, invariant=True, channels=3, positional=True).passed


# What a slow loop gives.


def invariants(piece, values):
    """Entries of a piece, or where signs or rotations act their root mean squares, and the positions that are gone."""
    turned = [place for place, p in enumerate(piece.positions) if p.index.invariant(p.charge).name == "LENGTH"]
    signed = any(p.index.invariant(p.charge).name == "MAGNITUDE" for p in piece.positions)
    if not turned and not signed:
        return values, []
    mean = np.mean(values**2, axis=tuple(1 + place for place in turned)) if turned else values**2
    return np.sqrt(mean + 1e-12), turned


def entries_by_kept(piece, values, gone):
    """For each network and each combination of the values that are left, a matrix of entries, `(entry, channels)`."""
    values, turned = invariants(piece, values)
    places = [place for place in range(len(piece.positions)) if place not in turned]
    found = {}
    for where in itertools.product(*map(range, values.shape[:-1])):
        at = dict(zip(places, where[1:], strict=True))
        kept = tuple(value for place, value in at.items() if place not in gone)
        free = tuple(value for place, value in at.items() if place not in gone and place in piece.free)
        found.setdefault((where[0], kept, free), []).append(values[where])
    return {key: np.stack(rows) for key, rows in found.items()}


def pooled(pool, free, rows):
    """The pool of a matrix of entries, by the formula."""
    if not isinstance(pool, Attention):
        return rows.max(0)
    queries, matrices = pool.queries.detach().numpy()[free], pool.values.detach().numpy()
    weights = np.exp(rows @ queries)
    weights /= weights.sum(0)
    return np.concatenate([weights[:, head] @ rows @ matrices[head] for head in range(len(matrices))])


LOOPED = {name: SPACES[name] for name in ("sets", "signs", "O(n)", "C4")}


@each_kind
@pytest.mark.parametrize("space", LOOPED.values(), ids=LOOPED)
def test_pools_over_one_axis_are_those_of_a_loop(space, kind):
    torch.manual_seed(0)
    module, x = AxisPools(space, 4, kind).double(), random_features(space, 4, batch=2, dtype=torch.float64)
    found = module(x)
    parts = {part: v.numpy() for t in space for part, v in take_apart(t.layout, x[t.name], lead=1)}
    for (name, (piece, gone)), pool in zip(axis_pools(space).items(), module.pools.pools, strict=True):
        for (network, kept, free), rows in entries_by_kept(piece, parts[piece], gone).items():
            expected = pooled(pool, free, rows)
            np.testing.assert_allclose(found[name][(network, *kept)].detach().numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("make", [SetMax, SetAttention])
@pytest.mark.parametrize("space", LOOPED.values(), ids=LOOPED)
def test_pools_over_sets_are_those_of_a_loop(space, make):
    torch.manual_seed(0)
    module, x = make(space, 4).double(), random_features(space, 4, batch=2, dtype=torch.float64)
    parts = [(part, v.numpy()) for t in space for part, v in take_apart(t.layout, x[t.name], lead=1)]
    expected = [[], []]
    for pool, (piece, values) in zip(module.pools.pools, parts, strict=True):
        gone = [place for place in range(len(piece.positions)) if place not in piece.free]
        for (network, _, free), rows in entries_by_kept(piece, values, gone).items():
            expected[network] += pooled(pool, free, rows).tolist()
    np.testing.assert_allclose(module(x).detach().numpy(), expected, atol=1e-9)


def test_fixed_values_are_the_entries_and_the_means_over_sets():
    x = random_features(SPACE, 3, batch=2, dtype=torch.float64)
    w, c = x["w"].unflatten(2, (2, 5)).mean(1), x["c"]
    torch.testing.assert_close(FixedValues(SPACE, 3)(x), c)
    torch.testing.assert_close(FixedValues(SPACE, 3, ["w", "c"])(x), torch.cat([w.flatten(1), c], dim=1))
    assert FixedValues(SPACE, 3, ["w", "c"]).out_features == 3 * (2 * 5 + 1)


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


# What is learned, and by which parameters.


@each_kind
@pytest.mark.parametrize("space", [SPACE, MIXED, COMPACT, INR], ids=["sets", "C4", "compact", "D4"])
def test_every_parameter_gets_a_gradient(space, kind):
    for options in (
        {"out_features": 2, "head": "attention"},
        {"out_channels": 2},
        {"out_channels": 2, "terms": "local"},
    ):
        assert idle(Metanet(space, hidden=4, aggregation=kind, **options), random_features(space, 1)) == []


@pytest.mark.parametrize("space", [SPACE, MIXED, INR], ids=["sets", "C4", "D4"])
@pytest.mark.parametrize("layers", [1, 2])
def test_every_parameter_of_a_head_of_outputs_gets_a_gradient(space, layers):
    assert (
        idle(Metanet(space, out_features=2, hidden=4, head="outputs", layers=layers), random_features(space, 1)) == []
    )


def error_after_training(network, x, y, steps=150):
    """The mean squared error on the training set, over the variance."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = (network(x)[:, 0] - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss / y.var())


def test_layers_learn_the_largest_entries_of_rows():
    """A derived layer and means of what it gives are linear, and so are worse; the pools hold the answer."""
    torch.manual_seed(0)
    space = WeightSpace({"w": "k h"}, sets={"k": 4, "h": 6})
    x = {"w": torch.randn(200, 4, 6, 1) * torch.tensor([1.0, -1.0, 0.5, -0.5])}
    y = x["w"][..., 0].amax(2).mean(1)
    means = layergen.InvariantLinear(space, 4, 1)
    linear = error_after_training(nn.Sequential(layergen.EquivariantLinear(space, 4, 4), means), x, y)
    error = {kind: error_after_training(nn.Sequential(Aggregation(space, 4, kind), means), x, y) for kind in KINDS}
    assert error["max"] < 0.02
    assert error["attention"] < 0.2
    assert linear > 0.4


def test_heads_learn_the_largest_norm_of_a_row():
    torch.manual_seed(0)
    space = WeightSpace({"w": "h x"}, sets={"h": 16}, free={"x": 2})
    x = {"w": torch.randn(256, 16, 2, 1)}
    y, error = x["w"][..., 0].norm(dim=-1).amax(1), {}
    options = {"hidden": 8, "layers": 1, "fourier": 0, "norm": False, "maximum": False}
    for head in ("invariants", "attention"):
        torch.manual_seed(0)
        error[head] = error_after_training(Metanet(space, out_features=1, head=head, **options).fit(x), x, y)
    assert error["attention"] < 0.5 * error["invariants"]


# What modules are put through.

OPTIONS = {
    "attention": {"out_features": 2, "head": "attention"},
    "outputs": {"out_features": 2, "head": "outputs"},
    "maxima of axes": {"out_channels": 2, "aggregation": "max"},
    "attention over axes": {"out_channels": 2, "aggregation": "attention"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_metanets_compile_and_run_under_vmap(options):
    network, x = Metanet(SPACE, hidden=4, **options), random_features(SPACE, 1)
    expected = network(x)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="aot_eager")(x), expected)
    single = torch.func.vmap(network)({name: value[:, None] for name, value in x.items()})
    single = {name: v[:, 0] for name, v in single.items()} if isinstance(single, dict) else single[:, 0]
    torch.testing.assert_close(single, expected)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_one_metanet_serves_every_width(options):
    torch.manual_seed(0)
    network, wider = Metanet(SPACE, hidden=4, **options).double(), SPACE.resized({"h": 7, "head": 5})
    (assert_equivariant if "out_channels" in options else assert_invariant)(network, wider)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_half_precision(options):
    network, x = Metanet(SPACE, hidden=8, **options).bfloat16(), random_features(SPACE, 1, dtype=torch.bfloat16)
    found = network(x)
    assert all(v.dtype == torch.bfloat16 for v in (found.values() if isinstance(found, dict) else [found]))


def test_options_that_make_no_sense():
    with pytest.raises(ValueError, match="head='mean': give 'invariants', 'attention' or 'outputs'"):
        Metanet(SPACE, out_features=1, head="mean")
    with pytest.raises(ValueError, match="aggregation='sum': give None, 'max' or 'attention'"):
        Metanet(SPACE, out_channels=1, aggregation="sum")
    with pytest.raises(ValueError, match="an aggregation of kind 'sum': give one of 'max', 'attention'"):
        Aggregation(SPACE, 2, "sum")
    with pytest.raises(ValueError, match="heads=3 of channels=8: give a number of heads that divides the channels"):
        SetAttention(SPACE, 8, heads=3)
    with pytest.raises(ValueError, match=r"no tensor of q.* is without sets: take means over the sets, or name the"):
        Metanet(HEADS, out_features=1, head="outputs")
    with pytest.raises(ValueError, match=r"attention reads nothing of A.*B.*: single entries have no invariants"):
        SetAttention(LORA, 4)
    with pytest.raises(ValueError, match=r"no values to read in \['A'\]: single entries have no invariants"):
        FixedValues(LORA, 4, ["A"])
    with pytest.raises(SpecificationError, match="there is no tensor 'z'"):
        OutputHead(SPACE, 4, 1, tensors=["z"])
    space = WeightSpace({"b": "p"}, positional={"p": 3})
    with pytest.raises(ValueError, match="8 values of channels at free and positional indices, declared 6"):
        FixedValues(space, 2)({"b": torch.zeros(1, 4, 2)})


def test_restrictions_are_asked_about_pools():
    asked = set()
    seen = Restrictions(lambda target, source: asked.add(source.name) or " over " not in source.name, (), 10**6)
    module = Aggregation(SPACE, 2, "max", restrictions=seen)
    assert module.pools.names == ()
    assert {"w over h", "b over h"} <= asked
    assert module.linear.DIMENSION == layergen.EquivariantLinear(SPACE, 2, 2).DIMENSION
    assert Aggregation(SPACE, 2, restrictions=UNRESTRICTED).linear.DIMENSION > module.linear.DIMENSION
