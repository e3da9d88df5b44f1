"""The emitted layer against the oracle, the group, and its own promises."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import symmetry
from layergen.linear import EquivariantLinear, InvariantLinear
from layergen.plan.terms import bias_terms, terms
from layergen.testing.strategies import group_elements, weight_spaces
from symmetry import EquivariantMaps, WeightSpace
from symmetry.language.axes import print_axes
from symmetry.verification.characters import character_average
from tests.layergen.oracle import features, oracle, plan_of

SMALL = {"max_entries": 80, "max_diagrams": 700, "max_size": 4}


def random_layer(space, n=2, c=3, **options):
    torch.manual_seed(0)
    layer = EquivariantLinear(space, n, c, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


@given(weight_spaces(**SMALL))
def test_layer_is_the_oracle(space):
    layer = random_layer(space)
    x = features(space, 2, 2)
    expected = oracle(layer, x)
    for name, value in layer(x).items():
        np.testing.assert_allclose(value.detach().numpy(), expected[name], rtol=1e-10, atol=1e-10)


@given(weight_spaces(**SMALL))
def test_every_parameter_has_its_own_diagram(space):
    maps = EquivariantMaps(space)
    layer = random_layer(space)
    plan = plan_of(layer)
    found = [(str(term.diagram), term.diagram.blocks) for term in terms(plan)]
    listed = [(str(diagram), diagram.blocks) for block in maps.blocks for diagram in block.diagrams()]
    assert sorted(found) == sorted(listed)
    assert len(list(bias_terms(plan))) == maps.bias_dimension
    assert (maps.dimension, maps.bias_dimension) == (layer.DIMENSION, layer.BIAS_DIMENSION)
    assert sum(p.numel() for p in layer.parameters()) == maps.dimension * 2 * 3 + maps.bias_dimension * 3


@given(weight_spaces(**SMALL), st.data())
def test_layer_is_equivariant(space, data):
    layer = random_layer(space)
    x = features(space, 2, 2)
    g = data.draw(group_elements(space, positional=True))
    moved, out = layer(g.act(x, channels=True)), g.act(layer(x), channels=True)
    for name in out:
        torch.testing.assert_close(moved[name], out[name], rtol=1e-10, atol=1e-10)


@given(weight_spaces(max_entries=30, max_diagrams=300, max_size=3, max_tensors=3))
def test_parameters_move_the_output_independently(space):
    assert parameter_rank(space) == EquivariantMaps(space).dimension + EquivariantMaps(space).bias_dimension


def parameter_rank(space):
    """The rank of the map from parameters to outputs on a basis of inputs, the zero input among them."""
    layer = random_layer(space, 1, 1)
    total = sum(np.prod(t.shape, dtype=int) for t in space)
    basis = torch.cat([torch.zeros(1, total), torch.eye(total)]).double()
    parts = basis.split([int(np.prod(t.shape)) for t in space], dim=1)
    x = {t.name: part.reshape(-1, *t.shape, 1) for t, part in zip(space, parts, strict=True)}
    names = [name for name, _ in layer.named_parameters()]

    def output(values):
        out = torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))
        return torch.cat([value.flatten() for value in out.values()])

    jacobian = torch.func.jacrev(output, chunk_size=64)(tuple(p.detach() for p in layer.parameters()))
    matrix = torch.cat([part.flatten(1) for part in jacobian], dim=1)
    return int(torch.linalg.matrix_rank(matrix, rtol=1e-9))


@given(weight_spaces(**SMALL))
def test_invariants_are_invariant(space):
    torch.manual_seed(0)
    head = InvariantLinear(space, 2, 3, dtype=torch.float64)
    x = features(space, 2, 2)
    g = symmetry.random_element(space, np.random.default_rng(0), positional=True)
    torch.testing.assert_close(head(x), head(g.act(x, channels=True)), rtol=1e-10, atol=1e-10)
    expected = oracle(head, x)["invariant"]
    np.testing.assert_allclose(head(x).detach().numpy(), expected, rtol=1e-10, atol=1e-10)
    assert EquivariantMaps(space, symmetry.SCALAR).dimension == head.DIMENSION


@pytest.mark.parametrize("axis", [0, 1])
def test_layer_is_no_more_symmetric_than_declared(axis):
    """Moving one axis of a shared set by itself, or a free one, must change the result."""
    space = WeightSpace({"w": "h h", "v": "x h"}, sets={"h": 4}, free={"x": 4})
    layer, x = random_layer(space), features(space, 1, 2)
    turn = torch.tensor([1, 2, 3, 0])

    def moved(feature, name, axis):
        return {**feature, name: feature[name].index_select(axis + 1, turn)}

    for name in ("w", "v") if axis == 0 else ("w",):
        left, right = layer(moved(x, name, axis)), moved(layer(x), name, axis)
        assert any(not torch.allclose(left[key], right[key], atol=1e-3) for key in left)


def part_of(space, names):
    """The weight space of some of the tensors, with the indices that they use."""
    tensors = {name: print_axes(space[name].axes) for name in names}
    words = set(" ".join(tensors.values()).replace("(", " ").replace(")", " ").split())
    _, sections = space.declarations({})
    used = {section: {name: one for name, one in found.items() if name in words} for section, found in sections.items()}
    return WeightSpace(tensors, **used)


@given(weight_spaces(**SMALL), st.data())
def test_layers_between_two_spaces(space, data):
    """Source and target share some sets, and each may have sets of its own, nested ones too."""
    subsets = st.lists(st.sampled_from(space.names), min_size=1, unique=True)
    source, target = (part_of(space, data.draw(subsets)) for _ in range(2))
    layer = random_layer(source, target=target)
    maps = EquivariantMaps(source, target)
    x = features(source, 2, 2)
    expected, out = oracle(layer, x), layer(x)
    assert list(out) == list(target.names)
    for name, value in out.items():
        np.testing.assert_allclose(value.detach().numpy(), expected[name], rtol=1e-10, atol=1e-10)
    g = data.draw(group_elements(space, positional=True))
    moved = layer(g.on(source).act(x, channels=True))
    for name, value in g.on(target).act(out, channels=True).items():
        torch.testing.assert_close(moved[name], value, rtol=1e-10, atol=1e-10)
    assert sum(p.numel() for p in layer.parameters()) == maps.dimension * 6 + maps.bias_dimension * 3
    for block in maps.blocks:
        assert block.dimension == character_average(block.target, block.source)
