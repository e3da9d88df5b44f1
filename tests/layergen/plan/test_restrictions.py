"""Bounded spaces: fewer blocks, cores of low rank; still equivariant, still what the diagrams say."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import layergen
import symmetry
from layergen.linear import EquivariantLinear
from layergen.plan.lowering import lower
from layergen.plan.terms import terms
from layergen.testing import assert_equivariant
from layergen.verification import by_emitted_rank
from symmetry import EquivariantMaps, SpecificationError, WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features, mean_squares, oracle, standard_deviations

SMALL = {"max_entries": 60, "max_diagrams": 400, "max_size": 3}


def same_order(target, source):
    """A predicate of one's own: tensors of the same number of axes."""
    return len(target.shape) == len(source.shape)


@given(weight_spaces(**SMALL), st.sampled_from(["local", same_order]), st.sampled_from([None, 1, 3]))
def test_restricted_layers_are_the_oracle_and_equivariant(space, kept, rank):
    torch.manual_seed(0)
    layer = EquivariantLinear(space, 2, 3, terms=kept, rank=rank, dtype=torch.float64)
    x = features(space, 2, 2)
    expected = oracle(layer, x)
    for name, value in layer(x).items():
        np.testing.assert_allclose(value.detach().numpy(), expected[name], rtol=1e-9, atol=1e-9)
    assert_equivariant(layer, space, examples=5, positional=True)
    if rank is None:
        dimension, biases = layer.maps.dimension, layer.maps.bias_dimension
        assert sum(p.numel() for p in layer.parameters()) == dimension * 6 + biases * 3


@given(weight_spaces(**SMALL))
def test_only_included_blocks_have_terms(space):
    maps = EquivariantMaps(space, terms="local")
    blocks = {(term.diagram.target.name, term.diagram.source.name) for term in terms(lower(maps))}
    assert blocks <= {(block.target.name, block.source.name) for block in maps.blocks}
    assert lower(maps).dimension == maps.dimension


def perceptron(depth):
    tensors = {}
    for layer in range(depth):
        tensors |= {f"{layer}.weight": f"h{layer + 1} h{layer}", f"{layer}.bias": f"h{layer + 1}"}
    return WeightSpace(tensors, sets={f"h{layer}": 8 for layer in range(depth + 1)})


def test_local_terms_grow_with_the_number_of_tensors_and_not_its_square():
    counts = [EquivariantMaps(perceptron(depth), terms="local").dimension for depth in (10, 20, 40)]
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])
    whole = EquivariantMaps(perceptron(40))
    assert counts[2] < whole.dimension / 9


def test_a_bounded_rank_bounds_the_rank():
    space = perceptron(6)
    layer = EquivariantLinear(space, 4, 4, rank={"": 5, "h2  h1": 1})
    assert layer.mix_in.shape[1] == 5
    assert layer.mix_h2_h1_in.shape[1] == 1
    assert not hasattr(layer, "mix")
    assert EquivariantMaps(space).dimension == layer.DIMENSION
    assert sum(p.numel() for p in layer.parameters()) < EquivariantMaps(space).dimension * 16


@pytest.mark.parametrize("options", [{"terms": "local"}, {"rank": 6}, {"terms": "local", "rank": {"": 1, "h2 h1": 2}}])
def test_initial_variance_of_restricted_layers(options):
    layer = standard_deviations(lambda: EquivariantLinear(perceptron(6), 2, 3, **options))
    assert all(square == pytest.approx(1, rel=1e-5) for square in mean_squares(layer.maps, layer).values())


def test_every_report_says_which_restriction_is_on():
    space = perceptron(4)
    maps = EquivariantMaps(space, terms="local", rank={"h1": 2})
    assert maps.restriction == "terms local, rank of core (h1) at most 2"
    assert EquivariantMaps(space).restriction == ""
    assert EquivariantMaps(space, terms=same_order).restriction == "terms by same_order"
    source = layergen.generate(space, terms="local", rank={"h1": 2})
    assert f"at most {maps.dimension} of {EquivariantMaps(space).dimension} dimensions" in source
    assert "terms local" in repr(EquivariantLinear(space, 1, 1, terms="local"))
    assert source != layergen.generate(space)


def test_restricted_spaces_are_proved_too():
    maps = EquivariantMaps(perceptron(3), terms="local")
    report = symmetry.verify(maps, proofs=(by_emitted_rank,))
    assert len(report.findings) == len(list(maps.blocks)) + 6


def test_restricted_layers_pickle():
    import pickle

    layer = EquivariantLinear(perceptron(3), 1, 2, terms=same_order, rank=3)
    other = pickle.loads(pickle.dumps(layer))
    x = features(layer.space, 1, 1, torch.float32)
    assert all(torch.equal(value, other(x)[name]) for name, value in layer(x).items())
    assert type(other) is type(layer)


@pytest.mark.parametrize("options", [{"terms": "some"}, {"rank": 0}, {"rank": {"h": 1.5}}, {"rank": {3: 1}}])
def test_restrictions_that_make_no_sense(options):
    with pytest.raises(SpecificationError):
        EquivariantMaps(perceptron(2), **options)


def test_a_rank_beyond_the_matrix_does_not_inflate_the_layer():
    """The bound is held to what the channels allow: two square factors at most."""
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})
    layer = EquivariantLinear(space, 2, 3, rank=10**6)
    rows, columns = 3 * 2, 3 * 3
    assert (layer.mix_in.shape, layer.mix_out.shape) == ((rows, min(rows, columns)), (min(rows, columns), columns))
    assert EquivariantLinear(space, 2, 3, rank=2).mix_in.shape == (rows, 2)
