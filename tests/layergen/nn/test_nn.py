"""The modules a metanetwork is made of, and the whole of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import layergen
import symmetry
from layergen.nn import (
    ChannelNorm,
    Dropout,
    FourierFeatures,
    InvariantHead,
    Metanet,
    PerTensorLinear,
    Pointwise,
    PositionalEmbedding,
    Residual,
    SetMax,
    Standardise,
)
from layergen.testing import assert_equivariant, assert_invariant, check
from symmetry import WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features

SPACE = WeightSpace(
    {"w": "h (x p)", "v": "((head dk) + (x h)) h", "b": "h", "c": ""},
    sets={"h": 4, "head": 2, "dk": {"size": 3, "within": "head"}},
    free={"x": 2},
    positional={"p": 5},
)
EQUIVARIANT = {
    "pointwise": lambda: Pointwise(nn.GELU()),
    "norm": lambda: ChannelNorm(SPACE, 3),
    "dropout": lambda: Dropout(0.5).eval(),
    "residual": lambda: Residual(layergen.EquivariantLinear(SPACE, 3, 3)),
    "standardise": lambda: Standardise(SPACE, 3).fit(features(SPACE, 9, 3, torch.float32)),
    "fourier": lambda: FourierFeatures(3, 4),
    "lift": lambda: PerTensorLinear(SPACE, 3, 5),
    "positions": lambda: PositionalEmbedding(SPACE, 3),
    "metanet": lambda: Metanet(SPACE, out_channels=2, in_channels=3, hidden=8),
    "update": lambda: Metanet(SPACE, out_channels=3, in_channels=3, hidden=8, update=True, norm=False),
}
INVARIANT = {
    "max": lambda: SetMax(SPACE, 3),
    "head": lambda: InvariantHead(SPACE, 3, 2, hidden=8),
    "mean head": lambda: InvariantHead(SPACE, 3, 2, hidden=8, maximum=False),
    "metanet": lambda: Metanet(SPACE, out_features=2, in_channels=3, hidden=8, dropout=0.1).eval(),
}


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_equivariant_modules(name):
    torch.manual_seed(0)
    assert_equivariant(EQUIVARIANT[name]().double(), SPACE, channels=3)


@pytest.mark.parametrize("name", INVARIANT)
def test_invariant_modules(name):
    torch.manual_seed(0)
    assert_invariant(INVARIANT[name]().double(), SPACE, channels=3)


@given(weight_spaces(max_entries=60, max_diagrams=300, max_size=3))
@settings(max_examples=15)
def test_metanets_on_any_space(space):
    torch.manual_seed(0)
    assert_invariant(Metanet(space, out_features=2, hidden=4).double(), space, examples=5)
    assert_equivariant(Metanet(space, out_channels=2, hidden=4).double(), space, examples=5)


def test_a_metanet_tells_positions_apart_and_a_bare_layer_does_not():
    torch.manual_seed(0)
    metanet = Metanet(SPACE, out_features=2, hidden=8).double()
    assert check(metanet, SPACE, invariant=True).passed
    assert not check(metanet, SPACE, invariant=True, positional=True).passed
    assert check(layergen.EquivariantLinear(SPACE, 1, 2).double(), SPACE, positional=True).passed


def test_positional_embedding_by_hand():
    """Each entry gets the vector of its position; a concatenated piece without the position gets none."""
    space = WeightSpace({"w": "h (p + 2)", "v": "p p"}, sets={"h": 2}, positional={"p": 3})
    module = PositionalEmbedding(space, 4)
    zero = {t.name: torch.zeros(1, *t.shape, 4) for t in space}
    table, out = module.tables[0], module(zero)
    for h in range(2):
        torch.testing.assert_close(out["w"][0, h, :3], table)
        assert not out["w"][0, h, 3:].any()
    torch.testing.assert_close(out["v"][0, 1, 2], table[1] + table[2])


def test_one_metanet_serves_every_width():
    metanet = Metanet(SPACE, out_features=2, hidden=8).double()
    wider = SPACE.resized({"h": 7, "head": 5})
    assert_invariant(metanet, wider)


def test_standardise_keeps_its_statistics():
    x = {t.name: 3 + 2 * torch.randn(50, *t.shape, 1) for t in SPACE}
    module = Standardise(SPACE, 1).fit(x)
    out = module(x)
    assert all(abs(value.mean()) < 1e-4 for value in out.values())
    assert all(abs(value.std(correction=0) - 1) < 1e-3 for value in out.values())
    again = Standardise(SPACE, 1)
    again.load_state_dict(module.state_dict())
    assert all(torch.equal(again(x)[name], value) for name, value in out.items())
    constant = {**x, "c": torch.full((50, 1), 7.0)}
    assert not Standardise(SPACE, 1).fit(constant)(constant)["c"].any()


def test_a_constant_that_rounding_disturbs_is_still_constant():
    space = WeightSpace({"b": "h"}, sets={"h": 4})
    x = {"b": torch.full((100, 4, 1), 0.1)}
    assert float(Standardise(space, 1).fit(x).deviation) == 1


def test_metanets_refuse_what_does_not_fit():
    metanet = Metanet(SPACE, out_features=2, hidden=4, dtype=torch.float64)
    assert metanet(features(SPACE, 2, 1)).dtype == torch.float64
    with pytest.raises(ValueError, match="expected"):
        metanet({"w": torch.zeros(1)})
    more = SPACE.resized({"p": 6})
    with pytest.raises(ValueError, match="6 positions 'p', embeddings for 5"):
        metanet(features(more, 2, 1))


def test_fourier_features_channels():
    module = FourierFeatures(2, 3)
    assert module(features(SPACE, 1, 2, torch.float32))["b"].shape[-1] == module.out_channels == 14
    assert not list(module.parameters())


def test_set_max_by_hand():
    space = WeightSpace({"w": "x h"}, sets={"h": 3}, free={"x": 2})
    x = {"w": torch.arange(6.0).reshape(1, 2, 3, 1)}
    assert SetMax(space, 1)(x).tolist() == [[2.0, 5.0]]


def test_a_metanet_learns():
    """A few steps on an invariant target: the loss must fall well below that of the mean."""
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 6}, free={"x": 2})
    torch.manual_seed(0)
    x = {t.name: torch.randn(256, *t.shape, 1) for t in space}
    y = (x["w"][..., 0].prod(-1) * x["b"][..., 0]).sum(1)
    metanet = Metanet(space, out_features=1, hidden=16).fit(x)
    optimiser = torch.optim.Adam(metanet.parameters(), lr=5e-3)
    for _ in range(120):
        loss = (metanet(x)[:, 0] - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.3 * y.var()


def test_stacking_there_and_back():
    networks = [nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).half() for _ in range(4)]
    space = WeightSpace(
        {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}, sets={"h": 3}, free={"x": 2, "y": 1}
    )
    states = [dict(reversed(network.state_dict().items())) for network in networks]
    for before, after in zip(states, layergen.unstack(layergen.stack(states, space), space), strict=True):
        assert set(before) == set(after)
        assert all(torch.equal(before[name], after[name]) and after[name].dtype == torch.float16 for name in before)


def test_stacking_lists_everything_that_is_wrong():
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
    good = {"w": torch.zeros(3, 2), "b": torch.zeros(3)}
    bad = {"w": torch.zeros(2, 3), "extra": torch.zeros(1), "steps": torch.tensor(3)}
    with pytest.raises(ValueError, match="do not fit") as caught:
        layergen.stack([good, bad, {**good, "b": torch.zeros(3).double()}], space)
    for part in (
        "network 1: 'b' is missing",
        "network 1: 'w' has shape (2, 3), declared (3, 2)",
        "network 1: 'extra' is not declared",
        "network 2: 'b' is torch.float64, in network 0 it is torch.float32",
    ):
        assert part in str(caught.value)
    kept = layergen.stack(
        [{**good, "bn.num_batches_tracked": torch.tensor(1)}], space, ignore=["*.num_batches_tracked"]
    )
    assert set(kept) == {"w", "b"}
    with pytest.raises(ValueError, match=r"every network: 'net.w' is not declared \(there is 'w'\)"):
        layergen.stack([{"net.w": torch.zeros(3, 2)}] * 3, space)
    for wrong in (good, [nn.Linear(2, 3)], [space]):
        with pytest.raises(TypeError, match="list of state_dicts"):
            layergen.stack(wrong, space)
    with pytest.raises(ValueError, match="no networks"):
        layergen.stack([], space)
    with pytest.raises(ValueError, match="'b' is missing"):
        layergen.unstack({"w": torch.zeros(1, 3, 2, 1), "q": torch.zeros(1)}, space)
    with pytest.raises(ValueError, match="one channel"):
        layergen.unstack({"w": torch.zeros(1, 3, 2, 4), "b": torch.zeros(1, 3, 4)}, space)


def test_gradients_flow_through_stacking():
    space = WeightSpace({"b": "h"}, sets={"h": 3})
    weights = torch.zeros(3, requires_grad=True)
    layergen.stack([{"b": weights}, {"b": weights}], space)["b"].sum().backward()
    assert weights.grad.tolist() == [2, 2, 2]


def test_permuting_networks_and_stacking_commute():
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
    states = [{"w": torch.randn(3, 2), "b": torch.randn(3)} for _ in range(2)]
    g = symmetry.random_element(space, np.random.default_rng(0))
    left = layergen.stack([g.act(state) for state in states], space)
    right = g.act(layergen.stack(states, space), channels=True)
    assert all(torch.equal(left[name], right[name]) for name in left)
