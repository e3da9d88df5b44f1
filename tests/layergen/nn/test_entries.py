"""What functions may be made of entries: a toy kind of index whose values have signs, alone and beside a group."""

import pytest
import torch
from hypothesis import given
from torch import nn

from layergen.features import joined
from layergen.nn import (
    ChannelNorm,
    Companions,
    Dropout,
    FourierFeatures,
    Gated,
    NormPointwise,
    PerTensorLinear,
    Pointwise,
    PositionalEmbedding,
    Residual,
    SetMax,
    Standardise,
)
from layergen.nn.entries import SCALARS, Pieces, Vectors, tensor_entries
from symmetry import SpecificationError, WeightSpace
from symmetry.kinds.index import Invariant
from symmetry.kinds.sets import SetIndex
from symmetry.language.axes import print_axes
from symmetry.space.layout import take_apart
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features

pytest.importorskip("escnn.group", exc_type=ImportError)

SIGNS = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
SIGNED = WeightSpace(
    {"w": "s x", "v": "(s + 2) s", "u": "(s h) p", "m": "s xy", "n": "(s + xy)", "b": "h p", "c": ""},
    sets={"s": 3, "h": 2},
    free={"x": 2},
    positional={"p": 2},
    representations={"xy": {"group": "C4", "representation": "standard"}},
)
MULTIPLIERS = {
    "w": SIGNS[:, None],
    "v": torch.cat([SIGNS, torch.ones(2)])[:, None] * SIGNS,
    "u": SIGNS.repeat_interleave(2)[:, None],
    "m": SIGNS[:, None],
    "n": torch.cat([SIGNS, torch.ones(2)]),
}
"""By which the entries of each tensor are multiplied when the values 1 and 2 of `s` change their sign."""
MODULES = {
    "lift": lambda: PerTensorLinear(SIGNED, 3, 5),
    "fourier": lambda: FourierFeatures(3, 2, space=SIGNED),
    "positions": lambda: PositionalEmbedding(SIGNED, 3),
    "norm": lambda: ChannelNorm(SIGNED, 3),
    "standardise": lambda: Standardise(SIGNED, 3).fit(features(SIGNED, 9, 3, torch.float32)),
    "dropout": lambda: Dropout(0.5, SIGNED).eval(),
    "gated": lambda: Gated(SIGNED, 3, nn.functional.silu),
    "norm pointwise": lambda: NormPointwise(SIGNED, 3, nn.functional.softplus),
    "residual": lambda: Residual(Gated(SIGNED, 3, torch.relu)),
    "companions": lambda: Companions(SIGNED),
}
FUNCTIONS = ["fourier", "norm", "gated", "norm pointwise"]
"""Those that are not linear."""


@pytest.fixture
def signs(monkeypatch):
    """The set `s` becomes one whose values may be multiplied by -1."""
    kinds = {"s": Invariant.MAGNITUDE}
    monkeypatch.setattr(SetIndex, "invariant", lambda self, charge=1: kinds.get(self.name, Invariant.ENTRY))


def flipped(x):
    return {name: value * MULTIPLIERS.get(name, torch.ones(()))[..., None] for name, value in x.items()}


def made(name):
    """A module in double precision, its parameters anywhere."""
    torch.manual_seed(0)
    module = MODULES[name]().double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


@pytest.mark.parametrize("name", MODULES)
def test_modules_commute_with_signs(signs, name):
    module, x = made(name), features(SIGNED, 4, 3)
    out, moved = module(x), module(flipped(x))
    for tensor, value in flipped(out).items():
        torch.testing.assert_close(moved[tensor], value)
        assert value.any() or tensor.endswith("regular")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_depend_on_magnitudes(signs, name):
    module, x = made(name), features(SIGNED, 4, 3)
    single, double = module(x), module({tensor: 2 * value for tensor, value in x.items()})
    assert all(not torch.allclose(double[tensor], 2 * value) for tensor, value in single.items())


def test_maxima_do_not_see_signs(signs):
    module, x = SetMax(SIGNED, 3), features(SIGNED, 4, 3)
    torch.testing.assert_close(module(flipped(x)), module(x))
    torch.testing.assert_close(module(x)[:, :6], x["w"].abs().amax(1).flatten(1))


def test_dropout_of_signs_drops_single_entries(signs):
    torch.manual_seed(0)
    kept = Dropout(0.5, SIGNED)({"w": torch.ones(50, 3, 2, 4), "m": torch.ones(50, 3, 2, 4)})
    whole = {name: (value != 0).flatten(1, 2) for name, value in kept.items()}
    assert not (whole["w"].all(1) | ~whole["w"].any(1)).all()
    assert (whole["m"].all(1) | ~whole["m"].any(1)).all()


def test_pointwise_functions_refuse_signs(signs):
    with pytest.raises(SpecificationError, match=r"over the index 's' = 3: .* the absolute value of the entry only"):
        Pointwise(torch.relu, WeightSpace({"b": "h", "w": "h s"}, sets={"h": 2, "s": 3}))
    Pointwise(torch.relu, WeightSpace({"b": "h"}, sets={"h": 2}))


def test_companions_have_neutral_charges_and_no_vectors(signs):
    """Lengths do not change their sign with the neurons: the companion's charge is nought."""
    rotated = {"xyz": {"group": "SO(3)", "representation": "standard"}}
    for space, axes in (
        (WeightSpace({"m": "s xyz"}, sets={"s": {"size": 3, "scaled": "sign"}}, representations=rotated), "s^0 1"),
        (WeightSpace({"m": "h xyz"}, sets={"h": 3}, representations=rotated), "h 1"),
        (WeightSpace({"m": "(h^2 r^-1)"}, sets={"h": {"size": 3, "scaled": "positive"}}, vectors=GL), "(h^0 1)"),
    ):
        companions = Companions(space)
        assert companions.lengths == {"m": "m length"}
        assert print_axes(companions.space["m length"].axes) == axes


GL = {"r": {"size": 2, "group": "GL"}}


def test_the_strongest_demand_of_a_piece_counts(signs):
    pieces = Pieces(SIGNED).entries
    assert pieces["w"] == (Vectors(()),)
    assert pieces["m"] == (Vectors((2,)),)
    assert pieces["v"] == (Vectors(()), Vectors(()))
    assert pieces["n"] == (Vectors(()), Vectors((1,)))
    assert pieces["b"] == (SCALARS,)
    whole = tensor_entries(SIGNED)
    assert (whole["v"], whole["m"], whole["n"]) == (Vectors(()), Vectors((1, 2)), Vectors((1,)))


def test_tensors_are_taken_apart_only_where_pieces_differ(signs):
    assert Pieces(SIGNED).apart == {"n"}
    seen = []
    Pieces(SIGNED).map(lambda name, entries, part: seen.append(name) or part, features(SIGNED, 1, 1))
    assert sorted(seen) == sorted([*SIGNED.names, "n"])


@given(weight_spaces(max_entries=60, max_size=3))
def test_pieces_are_joined_to_what_was_taken_apart(space):
    for name, value in features(space, 2, 3).items():
        layout = space[name].layout
        assert torch.equal(joined(layout, (part for _, part in take_apart(layout, value, lead=1))), value)
