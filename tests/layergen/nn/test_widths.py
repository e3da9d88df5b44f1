"""Metanetworks that read networks of other widths: by fan-in exactly alike where neurons are repeated."""

import pytest
import torch
from torch import nn

from layergen import EquivariantLinear, InvariantLinear, widen
from layergen.nn import Metanet, Probes
from layergen.testing import assert_equivariant, assert_widening_equivariant, assert_widening_invariant, random_features
from layergen.widening import widened
from symmetry import SpecificationError, WeightSpace
from tests.layergen.test_widening import CONVOLUTIONAL, PERCEPTRON, RECURRENT, RESIDUAL, STREAM, SUMMED, perceptron

SIGNS = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "y h^-1", "2.bias": "y"},
    sets={"h": {"size": 4, "scaled": "sign"}},
    free={"x": 2, "y": 2},
)
POSITIVE = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "y h^-1", "2.bias": "y"},
    sets={"h": {"size": 4, "scaled": "positive"}},
    free={"x": 2, "y": 2},
)
VECTORS = WeightSpace(
    {"up": "h r", "down": "r^-1 k", "bias": "h"},
    sets={"h": 4, "k": 3},
    vectors={"r": {"size": 2, "group": "GL"}},
)
EXACT = {
    "perceptron": (PERCEPTRON, SUMMED, 2),
    "convolutions": (CONVOLUTIONAL, {"second.weight": "c", "last.weight": "k"}, {"c": 2, "k": 3}),
    "residual stream": (RESIDUAL, STREAM, {"d": 2, "u": 2, "head": 3}),
    "signs": (SIGNS, {"2.weight": "h"}, 3),
    "vectors": (VECTORS, {"down": "k"}, 2),
}


def metanet(space, **options):
    """A metanetwork in float64 with statistics, biases and the γ of updates in general position."""
    torch.manual_seed(0)
    network = Metanet(space, **{"hidden": 4, "layers": 2, "dtype": torch.float64, "limit": 10**5} | options)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network.fit(random_features(space, network.in_channels, dtype=torch.float64)).eval()


@pytest.mark.parametrize("name", EXACT)
def test_invariants_by_fan_in_do_not_change_with_the_width(name):
    space, summed, factor = EXACT[name]
    network = metanet(space, out_features=2, summed=summed, terms="local")
    assert_widening_invariant(network, space, summed=summed, factor=factor)


@pytest.mark.parametrize("name", EXACT)
def test_features_by_fan_in_are_those_of_the_wider_network(name):
    """The weights that a metanetwork gives are divided, and so are those it adds to."""
    space, summed, factor = EXACT[name]
    for options in ({"out_channels": 2}, {"out_channels": 1, "update": True}):
        network = metanet(space, summed=summed, terms="local", **options)
        assert_widening_equivariant(network, space, summed=summed, factor=factor)


@pytest.mark.parametrize("name", ["perceptron", "signs"])
def test_every_term_is_the_same_at_every_width(name):
    space, summed, _ = EXACT[name]
    assert_widening_invariant(metanet(space, out_features=2, summed=summed), space, summed=summed, factor=3)
    assert_widening_equivariant(metanet(space, out_channels=2, in_channels=2, summed=summed), space, summed=summed)


def test_without_fan_in_the_width_shows():
    network = metanet(PERCEPTRON, out_features=2)
    with pytest.raises(AssertionError, match=r"repeating each element of 'h1' \(2 times\) changes the output"):
        assert_widening_invariant(network, PERCEPTRON, summed=SUMMED)
    assert_widening_invariant(network, PERCEPTRON)  # of features that are repeated and not divided it is one


def test_derived_layers_are_means():
    for space in (PERCEPTRON, SIGNS, VECTORS, CONVOLUTIONAL):
        torch.manual_seed(0)
        assert_widening_equivariant(EquivariantLinear(space, 2, 3, dtype=torch.float64), space)
        assert_widening_invariant(InvariantLinear(space, 2, 3, dtype=torch.float64), space)


def test_what_reads_a_diagonal_is_exact_and_what_writes_to_one_is_not():
    space, summed = RECURRENT.resized({"h": 4}), {"cell.weight_hh_l0": 1, "last.weight": "h"}
    assert_widening_invariant(metanet(space, out_features=2, layers=0, summed=summed), space, summed=summed)
    biases = space.only(["cell.bias_ih_l0", "cell.bias_hh_l0", "last.weight"])
    assert_widening_equivariant(EquivariantLinear(space, 1, 2, target=biases), space, target=biases)
    with pytest.raises(AssertionError, match=r"does not widen output 'cell\.weight_hh_l0' alike"):
        assert_widening_equivariant(EquivariantLinear(space, 1, 2), space)
    with pytest.raises(AssertionError, match="not widening invariant"):
        assert_widening_invariant(metanet(space, out_features=2, summed=summed), space, summed=summed)


def test_positive_scales_are_not_exact():
    summed = {"2.weight": "h"}
    with pytest.raises(AssertionError, match="not widening invariant"):
        assert_widening_invariant(metanet(POSITIVE, out_features=2, summed=summed), POSITIVE, summed=summed)


def test_metanetworks_by_fan_in_are_exported():
    network, x = metanet(PERCEPTRON, out_channels=1, summed=SUMMED), random_features(PERCEPTRON, dtype=torch.float64)
    found = torch.export.export(network, (x,)).module()(x)
    assert all(torch.equal(found[name], value) for name, value in network(x).items())


def test_fan_in_keeps_the_symmetry():
    assert_equivariant(metanet(PERCEPTRON, out_channels=1, summed=SUMMED, update=True), PERCEPTRON)


def test_entries_are_standardised_by_fan_in():
    network = metanet(PERCEPTRON, out_features=1, summed=SUMMED)
    x = random_features(PERCEPTRON, dtype=torch.float64)
    wide = metanet(PERCEPTRON, out_features=1, summed=SUMMED).fit(widen(x, PERCEPTRON, SUMMED, {"h1": 3, "h2": 2}))
    network.fit(x)
    torch.testing.assert_close(network.reading.standardise.mean, wide.reading.standardise.mean)
    torch.testing.assert_close(network.reading.standardise.deviation, wide.reading.standardise.deviation)
    row = PERCEPTRON.names.index("2.weight")
    deviation = float(network.reading.standardise.deviation[row, 0])
    assert deviation == pytest.approx(3 * float(x["2.weight"].std(correction=0)))


def test_probes_run_networks_with_their_own_weights():
    """Not with weights by fan-in, which compute something else; and networks of their own width only."""
    probes = Probes(perceptron(3, 4), [torch.randn(5, 2)], count=5, space=PERCEPTRON, prove=False)
    network, given = Metanet(PERCEPTRON, out_features=1, hidden=4, probes=probes, summed=SUMMED), []
    probes.register_forward_pre_hook(lambda module, arguments: given.append(arguments[0]))
    x = random_features(PERCEPTRON)
    network.fit(x)(x)
    assert len(given) == 2
    assert all(torch.equal(run[name], x[name]) for run in given for name in x)
    with pytest.raises(ValueError, match="probes run networks of the declared shapes"):
        network(widen(x, PERCEPTRON, SUMMED))


def test_a_metanetwork_for_narrow_networks_learns_and_reads_wide_ones():
    """Trained at width 4, it gives the same for networks of width 12 with the same function."""
    torch.manual_seed(0)
    space = WeightSpace({"w": "h x", "v": "y h"}, sets={"h": 4}, free={"x": 1, "y": 1})
    summed = {"v": "h"}
    x = random_features(space, batch=256)
    slope = (x["v"][:, 0] * x["w"][:, :, 0]).sum(1)
    network = Metanet(space, out_features=1, hidden=16, summed=summed).fit(x)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (network(x) - slope).square().mean()
        loss.backward()
        optimiser.step()
    wide = widen(x, space, summed, 3)
    assert wide["v"].shape[1:3] == widened(space, 3)["v"].shape
    assert loss < 0.3 * slope.var()
    torch.testing.assert_close(network(wide), network(x), rtol=1e-3, atol=1e-3)


def test_a_fan_in_that_does_not_fit_is_an_error_when_the_network_is_made():
    with pytest.raises(SpecificationError, match="there is no index 'x' to sum over"):
        Metanet(PERCEPTRON, out_features=1, summed={"2.weight": "x"})
