"""Checks over signs, positive scales and matrices: defects shrink to one flip, one scale, one turn; nobody else is."""

import pytest
import torch

import layergen
import layergen.nn
from layergen.testing import check, sensitivity
from layergen.testing.rearrangements import rescalings
from symmetry import WeightSpace

SETS = {"h": {"size": 5, "scaled": "sign"}}
SIGNS = WeightSpace({"w": "h x", "b": "h", "v": "y h^-1"}, sets=SETS, free={"x": 2, "y": 2})
SCALES = WeightSpace(
    {"w": "h x", "b": "h", "v": "y h^-1"}, sets={"h": {"size": 5, "scaled": "positive"}}, free={"x": 2, "y": 2}
)
TURNS = WeightSpace({"A": "r i", "B": "o r"}, vectors={"r": {"size": 4, "group": "O"}}, free={"i": 3, "o": 2})
LORA = WeightSpace({"A": "r i", "B": "o r^-1"}, vectors={"r": {"size": 4, "group": "GL"}}, free={"i": 3, "o": 2})
HEADS = WeightSpace(
    {"q": "(head dk) d", "k": "(head dk^-1) d"},
    sets={"head": 2, "d": 3},
    vectors={"dk": {"size": 3, "group": "GL", "within": "head"}},
)
MOMENTS = WeightSpace(
    {"w": "h x", "v": "h^2", "s": "h^-2", "n": "h^0", "q": "h^3"},
    sets={"h": {"size": 6, "scaled": "positive"}},
    free={"x": 2},
)
SPACES = {"signs": SIGNS, "scales": SCALES, "turns": TURNS, "lora": LORA, "heads": HEADS, "moments": MOMENTS}

FLIPPED = "multiplying element 0 of 'h' by -1"
DOUBLED = "multiplying element 0 of 'h' by 2"
DEFECTS = {
    "relu of signs": (lambda x: {name: value.relu() for name, value in x.items()}, SIGNS, FLIPPED),
    "a bias added to signs": (lambda x: {**x, "b": x["b"] + 1}, SIGNS, FLIPPED),
    "a layer for permutations, of signs": (
        layergen.EquivariantLinear(
            WeightSpace({"w": "h x", "b": "h", "v": "y h"}, sets={"h": 5}, free={"x": 2, "y": 2}), 1, 1
        ),
        SIGNS,
        FLIPPED,
    ),
    "an even product": (lambda x: {**x, "b": x["b"] * x["w"].mean(2)}, SIGNS, FLIPPED),
    "tanh of scales": (lambda x: {name: value.tanh() for name, value in x.items()}, SCALES, DOUBLED),
    "a bias added to scales": (lambda x: {**x, "b": x["b"] + 1}, SCALES, DOUBLED),
    "norms over neurons": (lambda x: {**x, "b": x["b"] / x["b"].norm(dim=1, keepdim=True)}, SCALES, DOUBLED),
    "the charge forgotten": (
        lambda x: {**x, "b": x["b"] + x["v"].mean(1)},
        SCALES,
        DOUBLED,
    ),
    "a small eps": (
        lambda x: {**x, "b": x["b"] * x["w"].square().sum(2) / (x["w"].square().sum(2) + 1e-2)},
        SCALES,
        DOUBLED,
    ),
    "one neuron alone": (lambda x: {**x, "b": x["b"].cumsum(1)}, SIGNS, FLIPPED),
    "neurons told apart": (
        lambda x: {**x, "b": x["b"] * torch.arange(1.0, 6)[:, None]},
        SIGNS,
        "exchanging elements 0 and 1 of 'h'",
    ),
    "relu along a vector": (
        lambda x: {name: value.relu() for name, value in x.items()},
        TURNS,
        "multiplying coordinate 0 of 'r' by -1",
    ),
    "magnitudes of coordinates": (
        lambda x: {**x, "A": x["A"] * x["B"].square().mean(1)[:, :, None]},
        TURNS,
        "turning the plane of coordinates 0 and 1 of 'r'",
    ),
    "lengths under GL": (
        lambda x: {**x, "A": x["A"] * x["A"].square().sum(1, keepdim=True)},
        LORA,
        "multiplying coordinate 0 of 'r' by 2",
    ),
    "the sides of a pair mixed": (
        lambda x: {**x, "A": x["A"] + x["B"].mean(1)[:, :, None]},
        LORA,
        "multiplying coordinate 0 of 'r' by 2",
    ),
    "one head for another": (
        lambda x: {**x, "q": x["q"].relu()},
        HEADS,
        "'dk'",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defects_shrink_to_one_flip_one_scale_one_turn(name):
    function, space, says = DEFECTS[name]
    verdict = check(function, space)
    assert verdict.kind == "not equivariant"
    assert says in verdict.message.split(" does not move")[0]
    assert " and " not in verdict.message.split(" does not move")[0].replace("0 and 1", "")
    assert verdict.batch == 1


def test_the_counterexample_can_be_pasted():
    verdict = check(DEFECTS["tanh of scales"][0], SCALES)
    assert verdict.moved == {"h": {"factors": [2.0, 1.0, 1.0, 1.0, 1.0]}}
    exec(verdict.snippet, {"f": DEFECTS["tanh of scales"][0], "space": SCALES})


def test_invariants_that_see_the_group():
    assert "by -1" in check(lambda x: x["b"].amax(1), SIGNS, invariant=True).message
    assert "by 2" in check(lambda x: x["b"].abs().amax(1), SCALES, invariant=True).message
    assert check(lambda x: x["b"].abs().amax(1), SIGNS, invariant=True).passed
    assert check(lambda x: (x["b"] * x["v"].mean(1)).sum(1), SCALES, invariant=True).passed
    assert check(lambda x: torch.einsum("norc,nric->noic", x["B"], x["A"]).amax((1, 2)), LORA, invariant=True).passed
    assert not check(lambda x: x["B"].square().sum((1, 2)), LORA, invariant=True).passed


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", SPACES)
def test_sound_networks_are_not_accused(name, dtype):
    space = SPACES[name]
    for seed in (3, 103):
        torch.manual_seed(seed)
        linear = layergen.EquivariantLinear(space, 2, 2, dtype=dtype)
        deep = layergen.nn.Metanet(space, out_channels=2, hidden=8, layers=2, dtype=dtype)
        read = layergen.nn.Metanet(space, out_features=3, hidden=8, layers=2, dtype=dtype)
        for network, invariant in ((linear, False), (deep, False), (read, True)):
            verdict = check(network, space, invariant=invariant, examples=15, seed=seed)
            assert verdict.passed, verdict.message


def test_errors_of_neurons_that_are_multiplied_are_compared_by_their_own_size():
    """A sound network in bfloat16: weights between two neurons that are both made large have large errors."""
    sets = {name: {"size": 16, "scaled": "positive"} for name in ("h1", "h2")}
    axes = {"0.w": "h1 x", "0.b": "h1", "1.w": "h2 h1^-1", "1.b": "h2", "2.w": "y h2^-1", "2.b": "y"}
    space = WeightSpace(axes, sets=sets, free={"x": 2, "y": 1})
    torch.manual_seed(103)
    network = layergen.nn.Metanet(space, out_channels=2, hidden=8, layers=3).to(torch.bfloat16)
    verdict = check(network, space, examples=15, seed=103)
    assert verdict.passed, verdict.message


def test_small_errors_of_neurons_that_are_made_small_are_found():
    """Against the largest entries of the tensor they would be nothing."""

    def off(x):
        tiny = x["w"].square().sum((2, 3)) < 1e-2 * x["w"].square().sum((2, 3)).mean(1, keepdim=True)
        return {**x, "w": x["w"] * (1 + 1e-4 * tiny[:, :, None, None])}

    assert not check(off, SCALES, examples=100).passed


def test_small_outputs_in_half_precision_are_not_nothing():
    space = WeightSpace({"t": "r^-1"}, vectors={"r": {"size": 3, "group": "GL"}})
    assert sensitivity(lambda x: {"t": 0.2 * x["t"]}, space, dtype=torch.bfloat16).passed
    assert "the output 't' is zero" in sensitivity(lambda x: {"t": 0 * x["t"]}, space, dtype=torch.bfloat16).message
    gone = sensitivity(lambda x: {"t": 3 * x["t"] - 2 * x["t"] - x["t"]}, space, dtype=torch.bfloat16)
    assert "the output 't' is zero" in gone.message


def scale_of(x):
    """A number of each network that no scale of a neuron changes, and that tells neurons' inputs apart."""
    products = torch.einsum("nyhc,nhxc->nyxc", x["v"], x["w"])
    return (products * torch.arange(1.0, 5).view(2, 2, 1)).cos().sum((1, 2, 3)).view(-1, 1)


PLAIN = WeightSpace({"w": "h x", "v": "y h"}, sets={"h": 5}, free={"x": 2, "y": 2})
ONE = WeightSpace({"w": "h x"}, sets={"h": 5}, free={"x": 2})
WEIGHTS = torch.tensor([[1.0], [3.0]])


def pooled(function):
    """An invariant of the weights `w`, which tells the free values apart."""
    return lambda x: (function(x["w"]) * WEIGHTS).sum((1, 2))


BLIND = {
    "magnitudes": (pooled(torch.abs), ONE, "it does not notice the sign of a neuron"),
    "directions": (
        pooled(lambda w: (w / w.norm(dim=2, keepdim=True)).sin()),
        ONE,
        "it does not notice the scale of a neuron",
    ),
    "products of weights in and out": (
        scale_of,
        PLAIN,
        "doubling an element of 'h' in 'w' (position 0) and halving it in 'v' (position 1)",
    ),
    "scales, where signs are declared": (
        pooled(lambda w: (w / w.norm(dim=2, keepdim=True)).abs()),
        WeightSpace({"w": "h x"}, sets=SETS, free={"x": 2}),
        "invariant to doubling an element of 'h': it does not notice the scale of a neuron",
    ),
    "signs, where scales are declared": (
        pooled(lambda w: (w / w.norm(dim=2, keepdim=True)).abs()),
        WeightSpace({"w": "h x"}, sets={"h": {"size": 5, "scaled": "positive"}}, free={"x": 2}),
        "invariant to flipping the sign of an element of 'h': it does not notice the sign of a neuron",
    ),
    "signs of two tensors apart": (
        lambda x: ((x["w"].square() * WEIGHTS).sum(2) * x["b"].abs() * (x["v"].abs() * WEIGHTS[:, None]).sum(1)).sum(1),
        SIGNS,
        "flipping the sign of an element of 'h' in 'b' (position 0) alone",
    ),
    "scales of vectors": (
        lambda x: (
            (torch.nn.functional.normalize(x["A"], dim=1) * torch.tensor([[1.0], [2], [3]])).sum(2).square().sum(1)
            + (x["B"] / x["B"].norm(dim=2, keepdim=True)).sum(1).square().sum(1)
        ),
        TURNS,
        "more symmetric",
    ),
}


@pytest.mark.parametrize("name", BLIND)
def test_what_a_function_is_blind_to_is_named(name):
    function, space, says = BLIND[name]
    assert check(function, space, invariant=True).passed
    assert says in sensitivity(function, space, invariant=True).message


def test_what_is_not_tried_of_turns_is_said():
    pytest.importorskip("escnn.group", exc_type=ImportError)
    turns = WeightSpace({"b": "r"}, representations={"r": {"group": "C4", "representation": "irrep(1)"}})
    says = "; turns that are in none of its groups are not tried"
    for space in (turns, SIGNS):
        torch.manual_seed(0)
        verdict = sensitivity(layergen.EquivariantLinear(space, 1, 1), space)
        assert verdict.passed
        assert verdict.message.endswith(says) == (space is turns)


def test_the_groups_own_flips_and_scales_are_not_tried():
    own = {space: {one.text for one in rescalings(space)} for space in (SIGNS, SCALES, TURNS, LORA, HEADS)}
    assert "flipping the sign of an element of 'h'" not in own[SIGNS]
    assert "doubling an element of 'h'" in own[SIGNS]
    inverse = "doubling an element of 'h' in 'w' (position 0), 'b' (position 0) and halving it in 'v' (position 1)"
    assert inverse in own[SIGNS]
    assert inverse not in own[SCALES]
    assert "flipping the sign of an element of 'h'" in own[SCALES]
    assert "flipping the sign of an element of 'r'" not in own[TURNS] | own[LORA]
    assert "doubling an element of 'r'" in own[TURNS] & own[LORA]
    assert not any(
        text.startswith("flipping the sign of an element of 'dk' in 'q' (position 1), 'k'") for text in own[HEADS]
    )


def test_sets_that_indices_with_scales_are_nested_in_are_left_to_these():
    """To flip the units of every head of an expert is to flip each of them, which is in the group."""
    heads = {"e": 2, "head": {"size": 2, "within": "e"}, "u": {"size": 2, "within": "head", "scaled": "sign"}}
    texts = [one.text for one in rescalings(WeightSpace({"w": "e head u"}, sets=heads))]
    assert texts == ["doubling an element of 'u'"]


@pytest.mark.parametrize("name", SPACES)
def test_sound_networks_notice_what_is_outside_their_group(name):
    space = SPACES[name]
    torch.manual_seed(0)
    verdict = sensitivity(layergen.EquivariantLinear(space, 2, 2), space)
    assert verdict.passed, verdict.message
    verdict = sensitivity(layergen.InvariantLinear(space, 2, 2), space, invariant=True)
    assert verdict.passed, verdict.message
    if name == "moments":
        return  # a Metanet multiplies charges that are opposite, and w and q have no opposite here
    deep = layergen.nn.Metanet(space, out_channels=2, hidden=8, layers=2, dtype=torch.float64)
    for parameter in deep.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    verdict = sensitivity(deep, space)
    assert verdict.passed, verdict.message
