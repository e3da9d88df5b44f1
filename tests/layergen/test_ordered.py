"""Layers over ordered indices: neighbouring layers of a network are read as such, to the ends and at any depth."""

import numpy as np
import pytest
import torch

import layergen
from layergen import EquivariantLinear
from layergen.nn import Metanet
from layergen.plan.lowering import lower
from layergen.plan.parameters import name_weights
from layergen.plan.passes import PASSES, optimised
from layergen.plan.terms import terms
from layergen.testing import assert_no_more_symmetric, coverage, sensitivity
from symmetry import EquivariantMaps, WeightSpace
from tests.layergen.oracle import features, mean_squares, oracle, standard_deviations
from tests.layergen.test_linear import random_layer


def space_of(depth, ordered=True, units=2):
    """Blocks with units of their own on a shared stream, and what comes after the last."""
    layer = {"size": depth, "ordered": True} if ordered else depth
    tensors = {"{layer}.norm": "d", "{layer}.up": "f d", "{layer}.bias": "f", "out": "y d"}
    sets = {"d": 3, "f": {"size": units, "within": "layer"}}
    return WeightSpace(tensors, sets=sets, positional={"layer": layer}, free={"y": 2})


VECTORS = WeightSpace({"{layer}.norm": "d"}, sets={"d": 3}, positional={"layer": {"size": 5, "ordered": True}})


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("units", [1, 2])
def test_layers_have_a_parameter_for_each_diagram(depth, units):
    """Of two layers each is the other's neighbour; a layer's only unit is joined within, and not from the next."""
    space = space_of(depth, units=units)
    maps = EquivariantMaps(space)
    x, found = features(space, 1, 1), []
    for passes in (PASSES, ()):
        module = {}
        exec(layergen.generate(space, "Deep", passes=passes), module)
        torch.manual_seed(0)
        layer = module["Deep"](1, 1, dtype=torch.float64)
        assert sum(parameter.numel() for parameter in layer.parameters()) == maps.dimension + maps.bias_dimension
        plan = optimised(lower(maps), passes)
        listed = sorted((str(diagram), diagram.blocks) for block in maps.blocks for diagram in block)
        assert sorted((str(term.diagram), term.diagram.blocks) for term in terms(plan)) == listed
        weights = name_weights(plan.mixes)
        with torch.no_grad():
            for term in terms(plan):  # the same coefficients, wherever their parameters are
                value = np.cos(listed.index((str(term.diagram), term.diagram.blocks)))
                getattr(layer, weights[term.mix].name)[term.row, term.column] = value
        found.append(layer(x))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("options", [{}, {"checkpoint": True}, {"terms": "local"}, {"rank": {"layer d": 1}}], ids=str)
def test_layers_are_the_oracle(depth, options):
    space = space_of(depth)
    layer, x = random_layer(space, **options), features(space, 2, 2)
    expected = oracle(layer, x)
    for name, value in layer(x).items():
        np.testing.assert_allclose(value.detach().numpy(), expected[name], rtol=1e-10, atol=1e-10)


def test_what_enters_a_layer_reaches_its_neighbours_alike_and_nothing_beyond_the_ends():
    """An impulse at layer k reaches layers k - 1, k, k + 1 by three matrices, the same for all k, and all by a mean."""
    layer = random_layer(VECTORS, bias=False)
    impulses = torch.zeros(5, 5, 3, 2, dtype=torch.float64)
    impulses[torch.arange(5), torch.arange(5)] = torch.randn(3, 2, dtype=torch.float64)
    out = layer({"{layer}.norm": impulses})["{layer}.norm"].detach()
    far = out[0, 4]
    for written in range(5):
        for read in range(5):
            response, apart = out[read, written], written - read
            if abs(apart) > 1:
                torch.testing.assert_close(response, far)
            else:
                torch.testing.assert_close(response, out[2, 2 + apart])
                assert (response - far).abs().min() > 1e-3
    assert len({tuple(out[2, 2 + apart].flatten().tolist()) for apart in (-1, 0, 1)}) == 3


def test_one_layer_reads_networks_of_any_depth():
    layer = random_layer(space_of(12))
    for depth in (3, 5, 40):
        other = random_layer(space_of(depth))
        other.load_state_dict(layer.state_dict())
        x = features(space_of(depth), 2, 2)
        for name, value in other(x).items():
            torch.testing.assert_close(layer(x)[name], value)
    metanet = Metanet(space_of(4), out_features=2, hidden=4, layers=2)
    for depth in (3, 4, 12):
        assert metanet(features(space_of(depth), 2, 1, dtype=torch.float32)).shape == (2, 2)
    layergen.testing.assert_invariant(metanet, space_of(4))


def test_layers_of_emitted_files_move_by_slices():
    source = layergen.generate(space_of(12), name="Deep")
    assert "near_layer_d = torch.cat([" in source
    assert "_moved(pools_layer_d, 1, 1)" in source
    assert "# layer d <- layer d, layer-1 d, layer+1 d: (batch, layer, d, 6·in)" in source
    assert "layer >= 3" in source
    assert "_moved" not in layergen.generate(space_of(12, ordered=False), name="Deep")


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_outputs_have_unit_variance(depth):
    """A step does not reach the layer at the end: the variance is one in the mean over layers."""
    space = space_of(depth)
    maps = EquivariantMaps(space)
    deviations = standard_deviations(lambda: EquivariantLinear(space, 2, 3, dtype=torch.float64))
    found = mean_squares(maps, deviations)
    np.testing.assert_allclose(list(found.values()), 1, rtol=1e-6)


def test_a_layer_learns_what_comes_from_the_layer_before():
    """Each layer's vector less that of the layer before: no map that takes all other layers alike can do that."""
    torch.manual_seed(0)
    x = torch.randn(64, 5, 3, 1, dtype=torch.float64)
    goal = x - torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
    errors = {}
    for ordered in (True, False):
        positional = {"layer": {"size": 5, "ordered": ordered}}
        space = WeightSpace({"{layer}.norm": "d"}, sets={"d": 3}, positional=positional)
        layer = EquivariantLinear(space, 1, 1, dtype=torch.float64)
        optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

        def loss(layer=layer, optimiser=optimiser):
            optimiser.zero_grad()
            error = (layer({"{layer}.norm": x})["{layer}.norm"] - goal).square().mean()
            error.backward()
            return error

        optimiser.step(loss)
        errors[ordered] = loss().item()
    assert errors[True] < 1e-8
    assert errors[False] > 0.5


def test_the_kit_knows_neighbours():
    space, plain = space_of(3), space_of(3, ordered=False)
    layer = EquivariantLinear(space, 1, 1)
    assert coverage(layer, space).passed
    layergen.testing.assert_equivariant(layer, space, positional=True)
    assert_no_more_symmetric(layer, space)
    with pytest.raises(AssertionError, match=r"exchanging elements [0-9] and [0-9] of 'layer'"):
        layergen.testing.assert_equivariant(layer, plain, positional=True)
    blind = EquivariantLinear(plain, 1, 1)
    assert "equivariant to permuting the ordered index 'layer'" in sensitivity(blind, space).findings
    found = coverage(blind, space)
    assert found.linear.rank == EquivariantMaps(plain).dimension < found.linear.dimension
    assert "{layer}.norm[layer d] <- {layer}.norm[layer-1 d]" in map(str, found.linear.missing)


def test_a_layer_that_takes_both_neighbours_alike_is_named():
    layer = random_layer(VECTORS)
    with torch.no_grad():
        for weight in (layer.mix_layer, layer.mix_layer_d):
            own, after, before = weight.view(3, -1, weight.shape[1])
            before.copy_(after)
            assert own.shape == after.shape
    assert "equivariant to the reverse order of the ordered index 'layer'" in sensitivity(layer, VECTORS).findings


class Around(EquivariantLinear):
    """The first layer has the last one before it."""

    def forward(self, x):
        norm = x["{layer}.norm"]
        return {"{layer}.norm": super().forward(x)["{layer}.norm"] + norm.roll(1, dims=1)}


class Stretched(EquivariantLinear):
    """Layers are told apart by their numbers."""

    def forward(self, x):
        out = super().forward(x)["{layer}.norm"]
        return {"{layer}.norm": out * torch.arange(1, 1 + out.shape[1]).to(out)[:, None, None]}


@pytest.mark.parametrize("kind", [Around, Stretched])
def test_coverage_finds_what_is_not_shared(kind):
    found = coverage(kind(VECTORS, 1, 1), VECTORS)
    assert not found.passed
    assert ("{layer}.norm", "{layer}.norm") in found.stray


def test_pictures_show_steps():
    drawing = pytest.importorskip("layergen.drawing")
    block = EquivariantMaps(VECTORS).block("{layer}.norm", "{layer}.norm")
    texts = [text.get_text() for text in drawing.partition_diagrams(block).axes[0].texts]
    assert "[layer d] ← [layer-1 d]" in texts
    assert any(text.startswith("A dashed strand joins neighbours") for text in texts)
    sharing = drawing.matrix.shared_entries(block)
    assert len(sharing.cores) == block.dimension == 8
    assert sharing.cores.count(("d", "layer")) == 3
