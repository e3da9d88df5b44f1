"""The emitted layer against the oracle, the group, and its own promises; layers as modules like any other."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import parametrizations
from torch.utils._pytree import tree_leaves

import layergen
import symmetry
from layergen.linear import EquivariantLinear, InvariantLinear
from layergen.plan.terms import bias_terms, terms
from symmetry import SCALAR, EquivariantMaps, WeightSpace
from symmetry.language.axes import atoms, print_axes
from symmetry.strategies import group_elements, weight_spaces
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
    words = {atom.name for name in names for atom in atoms(*space[name].axes)}
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


PAIR = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})


class Mine(EquivariantLinear):
    """Arguments of its own, options of ours."""

    def __init__(self, space):
        super().__init__(space, 2, 3, rank=1, target=SCALAR)
        self.scale = 2.0

    def forward(self, x):
        return self.scale * super().forward(x)


class _Hidden(EquivariantLinear):
    """A name that no emitted class could have."""


def emitted(name, space, *arguments, **options):
    """A layer of the module that is written to a file."""
    module = {}
    exec(layergen.generate(space, name, **options), module)
    return module[name](*arguments)


def test_layers_are_of_the_class_that_was_called():
    layer, head = EquivariantLinear(PAIR, 2, 3), InvariantLinear(PAIR, 2, 3)
    assert (type(layer), type(head)) == (EquivariantLinear, InvariantLinear)
    assert "__new__" not in vars(EquivariantLinear)
    assert isinstance(head, EquivariantLinear)
    assert type(_Hidden(PAIR, 1, 2)) is _Hidden
    assert type(copy.deepcopy(layer)) is EquivariantLinear


def test_subclasses_with_arguments_of_their_own_give_their_options():
    layer, x = Mine(PAIR), features(PAIR, 5, 2, torch.float32)
    assert layer.maps == EquivariantMaps(PAIR, SCALAR, rank=1)
    assert (layer.target, layer.space) == (SCALAR, PAIR)
    assert layer.mix_in.shape[1] == 1
    out = layer(x)
    assert out.shape == (5, 3)
    torch.testing.assert_close(out, 2 * layer.emitted.layer.forward(layer, x))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other) is Mine
        torch.testing.assert_close(other(x), out)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), out)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rank", [None, 2])
def test_checkpoints_go_both_ways(bias, rank):
    layer, written = EquivariantLinear(PAIR, 2, 3, bias, rank=rank), emitted("Written", PAIR, 2, 3, bias, rank=rank)
    assert list(layer.state_dict()) == list(written.state_dict())
    assert [name for name, _ in layer.named_modules()] == [""]
    x = features(PAIR, 2, 2, torch.float32)
    for before, after in ((layer, written), (written, layer)):
        before.reset_parameters()
        after.load_state_dict(before.state_dict())
        for name, value in before(x).items():
            torch.testing.assert_close(after(x)[name], value)


def test_layers_are_made_like_the_emitted_class():
    made = []
    for make in (lambda: EquivariantLinear(PAIR, 2, 3), lambda: emitted("Written", PAIR, 2, 3)):
        torch.manual_seed(0)
        made.append(make())
    layer, written = made
    assert all(torch.equal(value, written.state_dict()[name]) for name, value in layer.state_dict().items())
    constants = ("in_channels", "out_channels", "DIMENSION", "BIAS_DIMENSION", "AXES")
    assert [getattr(layer, name) for name in constants] == [getattr(written, name) for name in constants]
    assert EquivariantLinear(PAIR, 2, 3, bias=False).bias is None
    assert repr(layer) == "EquivariantLinear(2, 3, dimension=18, bias=True)"
    for one in (layer, written):
        torch.manual_seed(1)
        one.reset_parameters()
    assert all(torch.equal(value, written.state_dict()[name]) for name, value in layer.state_dict().items())


def test_invariant_layers_know_their_features():
    head = InvariantLinear(PAIR, 2, 3, bias=False, rank=1)
    assert (head.in_channels, head.out_features, head.out_channels) == (2, 3, 3)
    assert head.maps == EquivariantMaps(PAIR, SCALAR, rank=1)
    assert InvariantLinear(PAIR, in_channels=1, out_features=2).out_features == 2
    assert copy.deepcopy(head).out_features == 3


@pytest.mark.parametrize("wrapped", [parametrizations.weight_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize("make", [EquivariantLinear, InvariantLinear])
def test_parametrised_layers_are_copied_checked_and_covered(make, wrapped):
    torch.manual_seed(0)
    layer, invariant = wrapped(make(PAIR, 1, 2), "mix").eval(), make is InvariantLinear
    x = features(PAIR, 2, 1, torch.float32)
    before = tree_leaves(layer(x))
    other = copy.deepcopy(layer)
    assert all(map(torch.equal, tree_leaves(other(x)), before))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    assert not any(map(torch.equal, tree_leaves(other(x)), before))
    assert all(map(torch.equal, tree_leaves(layer(x)), before))
    assert layergen.testing.check(layer, PAIR, invariant=invariant).passed
    assert layergen.testing.coverage(layer, PAIR, invariant=invariant).linear.rank == layer.DIMENSION * 2


@pytest.mark.filterwarnings("ignore:Full backward hook")  # torch looks for inputs with gradients outside dictionaries
def test_hooks_and_functional_calls():
    layer, x, seen = InvariantLinear(PAIR, 2, 3), features(PAIR, 2, 2, torch.float32), []
    layer.register_forward_pre_hook(lambda module, inputs: seen.append(module))
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    layer.register_full_backward_pre_hook(lambda module, gradients: seen.append(len(gradients)))
    zero = {name: torch.zeros_like(value).requires_grad_() for name, value in layer.named_parameters()}
    out = torch.func.functional_call(layer, zero, (x,))
    assert not out.any()
    out.sum().backward()
    assert zero["mix"].grad.any()
    assert seen == [layer, (2, 3), 1]


@pytest.mark.parametrize("strict", [True, False])
def test_exported(strict):
    layer, x = EquivariantLinear(PAIR, 2, 3), features(PAIR, 2, 2, torch.float32)
    for name, value in torch.export.export(layer, (x,), strict=strict).module()(x).items():
        torch.testing.assert_close(value, layer(x)[name])
