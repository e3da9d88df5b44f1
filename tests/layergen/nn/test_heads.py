"""Heads that read by attention, or the outputs' own entries: exact, what a slow loop gives, and heard."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from layergen.nn import FixedValues, InvariantHead, Metanet, OutputHead, SetAttention, SetMax
from layergen.nn.pools import has_invariants
from layergen.testing import assert_invariant, assert_no_more_symmetric, check, random_features
from symmetry import SpecificationError, WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.nn.pooled import LOOPED, SPACES, entries_by_kept, error_after_training, parts, pooled
from tests.layergen.nn.test_contraction import HEADS, LORA
from tests.layergen.nn.test_distributed import idle
from tests.layergen.nn.test_nn import SPACE
from tests.layergen.nn.test_representations import COMPACT, INR, MIXED

C4 = {"group": "C4", "representation": "standard"}
KINDS = ("attention", "outputs")


def readable(space):
    return {piece.tensor for piece in space.pieces if has_invariants(piece)}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_heads_are_invariant(space):
    torch.manual_seed(0)
    for make in (
        lambda: SetAttention(space, 4),
        lambda: InvariantHead(space, 4, 2, hidden=8, attention=True),
        lambda: FixedValues(space, 4, readable(space)),
    ):
        assert_invariant(make().double(), space, channels=4, examples=10)


@given(weight_spaces(max_entries=60, max_diagrams=300, max_size=3))
@settings(max_examples=8)
def test_heads_over_any_space(space):
    torch.manual_seed(0)
    assert_invariant(Metanet(space, out_features=2, hidden=4, head="attention").double(), space, examples=3)


@pytest.mark.parametrize("head", KINDS)
@pytest.mark.parametrize("name", ["sets", "signs", "C4"])
def test_metanets_are_as_symmetric_as_their_space_and_no_more(name, head):
    torch.manual_seed(0)
    options = {"out_features": 3, "hidden": 8, "maximum": False, "dtype": torch.float64}
    network = Metanet(SPACES[name], head=head, **options)
    assert_invariant(network, SPACES[name], examples=10)
    assert_no_more_symmetric(network, SPACES[name], invariant=True)
    assert isinstance(network.head, OutputHead if head == "outputs" else InvariantHead)


def test_heads_by_attention_read_lengths_of_which_no_means_tell():
    space = WeightSpace({"w": "h xy"}, sets={"h": 3}, representations={"xy": C4})
    options = {"out_features": 2, "hidden": 4, "maximum": False}
    assert Metanet(space, head="attention", **options).read == ("w", "w regular")
    assert Metanet(space, **options).read == ("w regular",)


def test_heads_of_outputs_tell_positions_apart_and_means_do_not():
    space = WeightSpace({"w": "p h", "b": "p"}, sets={"h": 4}, positional={"p": 3})
    torch.manual_seed(0)
    head, means = OutputHead(space, 3, 2, hidden=8).double(), InvariantHead(space, 3, 2, hidden=8).double()
    assert check(head, space, invariant=True, channels=3).passed
    assert not check(head, space, invariant=True, channels=3, positional=True).passed
    assert check(means, space, invariant=True, channels=3, positional=True).passed


@pytest.mark.parametrize("make", [SetMax, SetAttention])
@pytest.mark.parametrize("space", LOOPED.values(), ids=LOOPED)
def test_pools_over_sets_are_those_of_a_loop(space, make):
    torch.manual_seed(0)
    module, x = make(space, 4).double(), random_features(space, 4, batch=2, dtype=torch.float64)
    expected = [[], []]
    for pool, (piece, values) in zip(module.pools.pools, parts(space, x).items(), strict=True):
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


@pytest.mark.parametrize("space", [SPACE, MIXED, COMPACT], ids=["sets", "C4", "compact"])
def test_every_parameter_of_an_attentive_head_gets_a_gradient(space):
    assert idle(Metanet(space, out_features=2, hidden=4, head="attention"), random_features(space, 1)) == []


@pytest.mark.parametrize("space", [SPACE, MIXED, INR], ids=["sets", "C4", "D4"])
@pytest.mark.parametrize("layers", [1, 2])
def test_every_parameter_of_a_head_of_outputs_gets_a_gradient(space, layers):
    assert (
        idle(Metanet(space, out_features=2, hidden=4, head="outputs", layers=layers), random_features(space, 1)) == []
    )


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


@pytest.mark.parametrize("head", KINDS)
def test_metanets_compile_run_under_vmap_and_serve_other_widths(head):
    torch.manual_seed(0)
    torch.compiler.reset()  # only so many networks are compiled in one process
    space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 3}, free={"y": 2})
    network, x = Metanet(space, out_features=2, hidden=4, layers=1, head=head), random_features(space, 1)
    found = network(x)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="aot_eager")(x), found)
    torch.testing.assert_close(torch.func.vmap(network)({name: v[:, None] for name, v in x.items()})[:, 0], found)
    assert_invariant(network, space.resized({"h": 5}), examples=5)
    assert network.bfloat16()({name: value.bfloat16() for name, value in x.items()}).dtype == torch.bfloat16


def test_options_that_make_no_sense():
    with pytest.raises(ValueError, match="head='mean': give 'invariants', 'attention' or 'outputs'"):
        Metanet(SPACE, out_features=1, head="mean")
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
