"""Coverage over signs, positive scales and matrices: of derived layers, of incomplete ones, and of a published one."""

import pytest
import torch
from torch import nn

import layergen
from layergen.testing import check, coverage
from symmetry import EquivariantMaps, WeightSpace
from tests.layergen.testing.test_larger_groups import LORA, PLAIN, SETS, SIGNS, SPACES


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("channels", [(1, 1), (2, 3)])
def test_derived_layers_are_complete(name, channels):
    found = coverage(layergen.EquivariantLinear(SPACES[name], *channels), SPACES[name])
    assert found.passed, str(found)
    assert found.linear.dimension == EquivariantMaps(SPACES[name]).dimension * channels[0] * channels[1]
    assert found.linear.redundancy in (0, None)


@pytest.mark.parametrize("name", ["signs", "turns", "heads"])
def test_derived_layers_are_complete_when_channels_are_contracted(name):
    found = coverage(layergen.EquivariantLinear(SPACES[name], 48, 48), SPACES[name])
    assert found.contracted
    assert found.passed, str(found)


@pytest.mark.parametrize("name", ["signs", "scales", "turns", "lora"])
def test_invariant_layers_are_complete(name):
    found = coverage(layergen.InvariantLinear(SPACES[name], 1, 1), SPACES[name], invariant=True)
    assert found.passed, str(found)


def test_a_layer_for_permutations_is_not_equivariant_under_signs():
    plain = WeightSpace({"w": "h x", "b": "h", "v": "y h"}, sets={"h": 5}, free={"x": 2, "y": 2})
    found = coverage(layergen.EquivariantLinear(plain, 1, 1), SIGNS)
    assert not found.is_equivariant
    # Maps between the neuron's own entries keep its sign; means over neurons and biases do not.
    assert found.linear.rank == found.linear.dimension
    assert {("w", ""), ("b", ""), ("w", "v"), ("v", "b")} <= set(found.stray)


def test_a_layer_for_signs_lacks_maps_that_permutations_allow():
    found = coverage(layergen.EquivariantLinear(signs_of(PLAIN), 1, 1), PLAIN)
    assert found.is_equivariant
    assert not found.is_complete
    assert any("h'" in str(diagram) for diagram in found.linear.missing)


def signs_of(space):
    """The same tensors over neurons with signs."""
    return WeightSpace({"w": "h x", "v": "y h"}, sets=SETS, free={"x": 2, "y": 2})


class Lacking(nn.Module):
    """A derived layer without one of its maps."""

    def __init__(self, space, target, source):
        super().__init__()
        self.layer, self.target, self.source = layergen.EquivariantLinear(space, 1, 1), target, source

    def forward(self, x):
        found = self.layer(x)
        blind = self.layer({**x, self.source: torch.zeros_like(x[self.source])})
        return {**found, self.target: blind[self.target]}


@pytest.mark.parametrize(
    ("space", "target", "source", "missing"),
    [(SIGNS, "b", "v", 2), (SIGNS, "w", "w", 4), (LORA, "B", "B", 4), (SPACES["turns"], "A", "B", 6)],
)
def test_a_map_that_is_missing_is_named(space, target, source, missing):
    found = coverage(Lacking(space, target, source), space)
    assert found.is_equivariant
    assert not found.is_complete
    assert found.linear.dimension - found.linear.rank == missing
    names = {(diagram.target.name, diagram.source.name) for diagram in found.linear.missing}
    assert names == {(target, source)}


class Monomial(nn.Module):
    """The equivariant linear layer of Monomial-NFN for a perceptron of three matrices, in the notation of the paper:
    weights W1, W2, W3 and biases b1, b2, b3, each of one channel.

    Tran et al., "Monomial matrix group equivariant neural functional networks", NeurIPS 2024: entries of the first
    layer are mixed along the input, those of the last along the output, and others are multiplied by a number. With
    `signs`, also the last weights and the biases before them are mixed, which change their sign together.
    """

    def __init__(self, inputs, outputs, *, signs=False):
        super().__init__()
        self.signs = signs
        self.first = nn.Linear(inputs + 1, inputs + 1, bias=False)
        self.second = nn.Parameter(torch.randn(2))
        self.last = nn.Linear(outputs + signs, outputs + signs, bias=False)
        self.end = nn.Linear(outputs, outputs)

    def forward(self, x):
        channel = {name: value[..., 0] for name, value in x.items()}
        first = self.first(torch.cat([channel["W1"], channel["b1"][..., None]], dim=2))
        biases = channel["b2"][:, None, :]
        last = torch.cat([channel["W3"], biases], dim=1) if self.signs else channel["W3"]
        last = self.last(last.mT).mT
        outputs = channel["W3"].shape[1]
        found = {
            "W1": first[..., :-1],
            "b1": first[..., -1],
            "W2": self.second[0] * channel["W2"],
            "b2": last[:, outputs] if self.signs else self.second[1] * channel["b2"],
            "W3": last[:, :outputs],
            "b3": self.end(channel["b3"]),
        }
        return {name: value[..., None] for name, value in found.items()}


def perceptron(scaled):
    """The 2-3-4-2 perceptron with biases."""
    return WeightSpace(
        {"W1": "h x", "b1": "h", "W2": "k h^-1", "b2": "k", "W3": "y k^-1", "b3": "y"},
        sets={"h": {"size": 3, "scaled": scaled}, "k": {"size": 4, "scaled": scaled}},
        free={"x": 2, "y": 2},
    )


def test_the_layer_of_monomial_nfn_is_complete_under_positive_scales():
    space = perceptron("positive")
    assert check(Monomial(2, 2), space).passed
    found = coverage(Monomial(2, 2), space)
    assert found.passed, str(found)
    assert (found.linear.rank, found.linear.dimension, found.bias.rank, found.bias.dimension) == (19, 19, 2, 2)


def test_the_layer_of_monomial_nfn_for_scales_misses_four_maps_under_signs():
    """Signs let the biases of the last hidden layer and the weights that read it feed each other."""
    space = perceptron("sign")
    found = coverage(Monomial(2, 2), space)
    assert found.is_equivariant
    assert (found.linear.rank, found.linear.dimension) == (19, 23)
    assert {(one.target.name, one.source.name) for one in found.linear.missing} == {("b2", "W3"), ("W3", "b2")}
    whole = coverage(Monomial(2, 2, signs=True), space)
    assert whole.passed, str(whole)
    assert whole.linear.rank == 23


def test_signs_in_the_layer_for_scales_are_seen():
    found = coverage(Monomial(2, 2, signs=True), perceptron("positive"))
    assert not found.is_equivariant
    assert set(found.stray) == {("b2", "W3"), ("W3", "b2")}
    verdict = check(Monomial(2, 2, signs=True), perceptron("positive"))
    assert "multiplying element 0 of 'k' by 2" in verdict.message
