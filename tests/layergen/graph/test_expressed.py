"""How many of the derived maps graph networks express, by the number of their layers."""

import pytest

from benchmarks.graph import expressed
from benchmarks.spaces import perceptron
from symmetry import EquivariantMaps


@pytest.mark.parametrize(
    ("kind", "ranks"), [("gmn", {1: 4, 2: 15, 3: 25}), ("ng-gnn", {1: 19, 2: 25}), ("ng-t", {1: 19})]
)
def test_enough_layers_express_every_derived_map(kind, ranks):
    """A perceptron 1-2-1: without messages an entry hears itself alone, with enough layers all hear all."""
    space = perceptron(1, [2], 1)
    assert EquivariantMaps(space).dimension == 25
    for layers, rank in ranks.items():
        assert expressed(space, kind, layers, hidden=8) == rank
