"""Symmetry beyond what is declared is found and named; layers that have no more are left alone."""

import pytest
import torch

import layergen
from layergen.preservation.moves import in_group, set_moves
from layergen.testing import assert_no_more_symmetric, check, sensitivity
from symmetry import WeightSpace

SPACE = WeightSpace({"w": "h k x", "b": "h", "c": "k", "d": "h"}, sets={"h": 4, "k": 4}, free={"x": 3})
HEADS = WeightSpace(
    {"q": "(head dk) d", "b": "(head dk)"}, sets={"d": 3, "head": 3, "dk": {"size": 3, "within": "head"}}
)


def found(space, declared=None, **options):
    """What is said of a layer for one space that is tested against another."""
    torch.manual_seed(0)
    layer = layergen.EquivariantLinear(declared, 2, 2)
    verdict = sensitivity(layer, space, channels=2, **options)
    assert verdict.passed == (verdict.kind == "as symmetric")
    return verdict.message


@pytest.mark.parametrize("space", [SPACE, HEADS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_layers_of_just_the_space_are_left_alone(space, dtype):
    assert_no_more_symmetric(layergen.EquivariantLinear(space, 2, 3, dtype=dtype), space)


def test_a_free_axis_treated_as_a_set():
    sets = WeightSpace({"w": "h k x", "b": "h", "c": "k", "d": "h"}, sets={"h": 4, "k": 4, "x": 3})
    assert "equivariant to permuting the free index 'x'" in found(SPACE, sets)


def test_an_anonymous_axis_treated_as_a_set():
    declared = WeightSpace({"w": "h 3"}, sets={"h": 4})
    assert "equivariant to permuting an axis of 3 (position 1) of 'w' by itself" in found(
        declared, WeightSpace({"w": "h k"}, sets={"h": 4, "k": 3})
    )


def test_a_shared_set_treated_as_two():
    apart = WeightSpace({"w": "h k x", "b": "l", "c": "k", "d": "h"}, sets={"h": 4, "k": 4, "l": 4}, free={"x": 3})
    assert "equivariant to permuting axis 'h' (position 0) of 'b' by itself" in found(SPACE, apart)
    square = WeightSpace({"s": "h h", "b": "h"}, sets={"h": 4})
    rectangle = WeightSpace({"s": "h k", "b": "h"}, sets={"h": 4, "k": 4})
    assert "permuting axis 'h' (position 1) of 's' by itself" in found(square, rectangle)
    both = WeightSpace({"s": "k k", "b": "h"}, sets={"h": 4, "k": 4})
    assert "permuting 'h' in 's' alone" in found(square, both)


def test_units_that_are_not_kept_within_their_heads():
    loose = WeightSpace({"q": "u d", "b": "u"}, sets={"d": 3, "u": 9})
    assert "exchanging an element of 'dk' in one 'head' for one in another" in found(HEADS, loose)


def test_tensors_and_sets_that_are_not_told_apart():
    def blind(x):
        return {
            "w": x["w"],
            "b": x["b"] + x["d"].mean(1, keepdim=True),
            "c": x["c"],
            "d": x["d"] + x["b"].mean(1, keepdim=True),
        }

    assert "equivariant to exchanging 'b' and 'd'" in sensitivity(blind, SPACE).message
    space = WeightSpace({"s": "h k", "b": "h", "c": "k"}, sets={"h": 4, "k": 4})

    def transposing(x):
        total = x["s"] * x["b"][:, :, None] * x["c"][:, None, :]
        return {"s": total, "b": total.sum(2), "c": total.sum(1)}

    assert "exchanging 'h' and 'k'" in sensitivity(transposing, space).message


def test_terms_of_an_axis_that_are_not_told_apart():
    space = WeightSpace({"qk": "(u + u) d", "b": "u", "v": "d u"}, sets={"u": 4}, free={"d": 2})
    layer = layergen.EquivariantLinear(space, 1, 1)

    def exchanged(x):
        return x | {"qk": x["qk"].roll(4, 1)}

    def blind(x):
        return {name: value + exchanged(layer(exchanged(x)))[name] for name, value in layer(x).items()}

    assert "equivariant to exchanging the terms 0 and 1 of (u + u)" in sensitivity(blind, space).message
    assert sensitivity(layer, space)


def test_what_is_zero_or_constant_or_not_looked_at():
    layer = layergen.EquivariantLinear(SPACE, 1, 1)
    zero = sensitivity(lambda x: layer(x) | {"b": 0 * x["b"]}, SPACE).message
    assert "the output 'b' is zero" in zero
    constant = sensitivity(lambda x: layer(x) | {"b": x["b"].mean(1, keepdim=True).expand(x["b"].shape)}, SPACE)
    assert "its outputs are always invariant to permuting axis 'h' (position 0) of 'b' by itself" in constant.message
    spread = sensitivity(lambda x: {n: v.mean((1,), keepdim=True).expand(v.shape) for n, v in x.items()}, SPACE).message
    assert "its outputs are always invariant to permuting 'h'" in spread
    ignoring = sensitivity(lambda x: layer({**x, "d": 0 * x["d"]}), SPACE).message
    assert "no output depends on 'd'" in ignoring


def test_invariant_functions():
    def pooled(x):
        return torch.cat([value.flatten(1).sin().sum(1, keepdim=True) for value in x.values()], dim=1)

    message = sensitivity(pooled, SPACE, invariant=True).message
    assert "invariant to permuting the free index 'x'" in message
    assert "invariant to permuting axis 'h' (position 0) of 'w' by itself" in message
    assert_no_more_symmetric(layergen.InvariantLinear(SPACE, 2, 3), SPACE, invariant=True)
    # Summed entries of one tensor keep their order against those of the others, through products.
    torch.manual_seed(0)
    linear = layergen.EquivariantLinear(SPACE, 1, 4)

    def deep(x):
        return torch.cat([value.tanh().flatten(1, -2).mean(1) for value in linear(x).values()], dim=1)

    assert_no_more_symmetric(deep, SPACE, invariant=True)


def test_other_targets():
    target = WeightSpace({"c": "k", "o": "y"}, sets={"k": 4}, free={"y": 3})
    assert_no_more_symmetric(layergen.EquivariantLinear(SPACE, 1, 2, target=target), SPACE, target=target)

    def squared(x):
        return {
            "c": (x["w"].square() * x["b"][:, :, None, None]).mean((1, 3)),
            "o": x["d"].sum(1)[:, None].expand(-1, 3, -1),
        }

    assert (
        "invariant to permuting axis 'h' (position 0) of 'd' by itself"
        in sensitivity(squared, SPACE, target=target).message
    )
    flat = WeightSpace({"c": "k", "o": "y"}, sets={"k": 4, "y": 3})
    layer = layergen.EquivariantLinear(SPACE, 1, 2, target=flat)
    assert (
        "its outputs are always invariant to permuting the free index 'y'"
        in sensitivity(layer, SPACE, target=target).message
    )


def test_insane_functions_are_told_what_is_wrong_with_them():
    assert sensitivity(lambda x: {n: torch.rand_like(v) for n, v in x.items()}, SPACE).kind == "not deterministic"


def test_moves_of_sets_are_those_of_the_group():
    assert [move.text for move in set_moves(HEADS)] == ["permuting 'd'", "permuting 'head'", "permuting 'dk'"]
    assert all(in_group(HEADS, move) for move in set_moves(HEADS))
    layer = layergen.EquivariantLinear(HEADS, 1, 1)
    assert check(layer, HEADS).passed


def test_a_set_that_only_the_target_has_is_not_held_against_a_function():
    def constant(x):
        return {"c": x["b"].sin().mean(1, keepdim=True).expand(-1, 3, -1)}

    target = WeightSpace({"c": "m"}, sets={"m": 3})
    assert sensitivity(constant, WeightSpace({"b": "h"}, sets={"h": 4}), target=target).passed


def test_scalars_can_be_exchanged():
    space = WeightSpace({"a": "", "b": ""})
    assert_no_more_symmetric(layergen.EquivariantLinear(space, 1, 1), space)
    assert "exchanging 'a' and 'b'" in sensitivity(lambda x: {n: v.sin() for n, v in x.items()}, space).message
