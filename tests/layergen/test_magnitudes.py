"""Layers with very many parameters warn before they take the memory."""

import warnings

import pytest

from layergen import EquivariantLinear, magnitudes
from layergen.magnitudes import ManyParametersWarning, costliest_index
from layergen.nn import Metanet
from symmetry import EquivariantMaps, WeightSpace

TOKENS = WeightSpace({"embed": "token d", "head": "y d", "norm": "d"}, sets={"d": 64}, free={"token": 5000, "y": 10})


def test_a_large_layer_names_the_index_that_costs_most():
    with pytest.warns(ManyParametersWarning) as caught:
        EquivariantLinear(TOKENS, 1, 1, device="meta")
    text = str(caught[0].message)
    assert f"{2 * 5011**2 + 5011:,} parameters (0.2 GB in float32)" in text
    assert "100 % of them because the free index 'token' has 5,000\nvalues" in text
    assert "declare 'token' in [positional]" in text
    assert caught[0].filename == __file__


def test_what_the_warning_says_helps():
    space = WeightSpace(
        {"embed": "token d", "head": "y d", "norm": "d"},
        sets={"d": 64},
        free={"y": 10},
        positional={"token": 5000},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = EquivariantLinear(space, 16, 16)
    assert sum(parameter.numel() for parameter in layer.parameters()) < magnitudes.LARGE / 500


def test_a_network_of_layers_that_are_small_each_warns_once(monkeypatch):
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 9})
    monkeypatch.setattr(magnitudes, "LARGE", 10_000)
    monkeypatch.setattr("layergen.nn.metanet.LARGE", 10_000)
    with pytest.warns(ManyParametersWarning, match=r"^this Metanet has .* because the free index 'x' has 9") as caught:
        Metanet(space, out_features=1, hidden=6, layers=4)
    assert len(caught) == 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Metanet(space, out_features=1, hidden=32, layers=1)
    assert {str(one.message).partition(" has ")[0] for one in caught} == {
        "this EquivariantLinear",
        "this InvariantLinear",
    }


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (WeightSpace({"b": "h"}, sets={"h": 4}), None),
        (WeightSpace({"w": "h x", "v": "y h"}, sets={"h": 4}, free={"x": 3, "y": 5}), "y"),
        (WeightSpace({"w": "h x", "v": "x y"}, sets={"h": 4}, free={"x": 3, "y": 5}), "x"),
        (WeightSpace({"w": "h p x"}, sets={"h": 4}, positional={"p": 50}, free={"x": 3}), "x"),
    ],
)
def test_the_costliest_index(space, expected):
    found = costliest_index(EquivariantMaps(space))
    assert (found and found[0]) == expected
