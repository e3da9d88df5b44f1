"""Specifications of escnn networks: right ones preserve the function, mistakes in them do not."""

import copy
import importlib
import math
import re
import subprocess
import sys
from itertools import groupby, pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import layergen
import symmetry
from layergen.steerable import Steerable, steerable_space
from layergen.testing import assert_function_preserved
from symmetry import SpecificationError
from symmetry.space.elements import group_order

escnn = pytest.importorskip("escnn.nn", exc_type=ImportError)
escnn_group = pytest.importorskip("escnn.group", exc_type=ImportError)
gspaces = pytest.importorskip("escnn.gspaces", exc_type=ImportError)

paper = importlib.import_module("papers.steerable.__main__")

C4, D4, SO2 = gspaces.rot2dOnR2(4), gspaces.flipRot2dOnR2(4), gspaces.rot2dOnR2(-1, maximum_frequency=2)
POINT = gspaces.no_base_space(D4.fibergroup)


def fields(space, *kinds):
    """A field type from pairs of a representation's name and a count: `("regular", 2), ((1,), 3)`."""
    named = {"regular": lambda: space.regular_repr, "trivial": lambda: space.trivial_repr}
    several = [[named[kind]() if kind in named else space.irrep(*kind)] * count for kind, count in kinds]
    return escnn.FieldType(space, [one for some in several for one in some])


def random_input(network, batch=2, size=9):
    kind = Steerable(network).in_type
    shape = (batch, kind.size, *(size,) * kind.gspace.dimensionality)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def assert_preserved(network, space, examples=3):
    module = Steerable(paper.in_general_position(network))
    assert_function_preserved(module, space, [random_input(network)], examples=examples)


def regular_and_trivial():
    """C4: two hidden layers of two representations, batch norm, pooling over space and over the group."""
    x, h, k = (
        fields(C4, ("trivial", 2)),
        fields(C4, ("regular", 2), ("trivial", 3)),
        fields(C4, ("trivial", 2), ("regular", 3)),
    )
    pooled, y = fields(C4, ("trivial", 5)), fields(C4, ("trivial", 2), ((1,), 1))
    return escnn.SequentialModule(
        escnn.R2Conv(x, h, 3),
        escnn.InnerBatchNorm(h),
        escnn.ReLU(h),
        escnn.PointwiseAvgPool2D(h, 2),
        escnn.R2Conv(h, k, 3, padding=1),
        escnn.ELU(k),
        escnn.PointwiseDropout(k),
        escnn.GroupPooling(k),
        escnn.R2Conv(pooled, y, 3, padding=1),
    )


def dihedral():
    """D4: three representations, in nested torch sequences; one nonlinearity is used twice."""
    quotient = D4.quotient_repr((None, 2))
    h = escnn.FieldType(D4, [D4.regular_repr] * 2 + [quotient] * 2 + [D4.trivial_repr] * 2)
    relu = escnn.ReLU(h)
    first = escnn.R2Conv(fields(D4, ("trivial", 1)), h, 3)
    inner = nn.Sequential(relu, escnn.R2Conv(h, h, 3), escnn.InnerBatchNorm(h), relu, escnn.PointwiseMaxPool2D(h, 2))
    return nn.Sequential(first, inner, escnn.R2Conv(h, fields(D4, ("regular", 1)), 1))


def gated():
    """SO(2): irreducible fields, each with a gate (in order of size: the trivial one's is first), and norms."""
    h = fields(SO2, ("trivial", 6), ((1,), 2), ((2,), 2), ("trivial", 2))
    gates = escnn.GatedNonLinearity1(h, ["gate"] * 6 + ["gated"] * 6)
    k, pooled = fields(SO2, ((2,), 2), ("trivial", 3)), fields(SO2, ("trivial", 5))
    return escnn.SequentialModule(
        escnn.R2Conv(fields(SO2, ("trivial", 1)), h, 5, padding=2),
        escnn.IIDBatchNorm2d(h),
        gates,
        escnn.R2Conv(gates.out_type, k, 5, padding=2),
        escnn.NormNonLinearity(k),
        escnn.NormPool(k),
        escnn.R2Conv(pooled, fields(SO2, ((1,), 2)), 5, padding=2),
    )


def uniformly_gated():
    """SO(2): fields that hold their own gates."""
    group = SO2.fibergroup
    whole = escnn_group.directsum([group.irrep(0), group.irrep(0), group.irrep(1), group.irrep(2)], name="with gates")
    h = escnn.FieldType(SO2, [whole] * 3)
    gates = escnn.GatedNonLinearityUniform(h)
    return escnn.SequentialModule(
        escnn.R2Conv(fields(SO2, ("trivial", 2)), h, 5), gates, escnn.R2Conv(gates.out_type, fields(SO2, ((1,), 1)), 5)
    )


def linear():
    """Linear layers of D4's representations, on points."""
    h, k = fields(POINT, ("regular", 3), ((1, 1), 2)), fields(POINT, ("regular", 2), ("trivial", 2))
    return escnn.SequentialModule(
        escnn.Linear(fields(POINT, ("trivial", 2), ((1, 1), 1)), h),
        escnn.NormNonLinearity(h, bias=False),
        escnn.Linear(h, k),
        escnn.ReLU(k),
        escnn.Linear(k, fields(POINT, ((1, 1), 2))),
    )


NETWORKS = {
    regular_and_trivial: (2, 3, 2, 3),
    dihedral: (2, 2, 2, 2, 2, 2),
    gated: (2, 2, 2, 2, 3),
    uniformly_gated: (3,),
    linear: (3, 2, 2, 2),
}
"""Each network with the sizes of its sets: the fields of one representation in one hidden layer."""


@pytest.mark.parametrize("network", NETWORKS)
def test_permuting_the_fields_of_hidden_layers_preserves_the_function(network):
    space = steerable_space(network())
    assert tuple(index.size for index in space.indices) == NETWORKS[network]
    assert group_order(space) == math.prod(map(math.factorial, NETWORKS[network]))
    assert symmetry.parse(str(space)) == space
    assert_preserved(network(), space)


def test_the_weights_of_a_layer_are_blocks_of_representations():
    space = steerable_space(regular_and_trivial())
    assert str(space["0.weights"]) == "0.weights[((h_0_irrep_0 2 2) + (h_0_regular 2 6))]"
    assert str(space["0.bias"]) == "0.bias[(h_0_regular + h_0_irrep_0)]"
    assert str(space["1.batch_norm_[4].running_var"]) == "1.batch_norm_[4].running_var[h_0_regular]"
    assert str(space["8.weights"]) == (
        "8.weights[((2 (h_4_irrep_0 + h_4_regular) 2) + (1 (h_4_irrep_0 + h_4_regular) 2))]"
    )


def test_a_gate_moves_with_what_it_gates():
    space = steerable_space(gated())
    gates, fields = "h_0_irrep_0 + h_0_irrep_1 + h_0_irrep_2", "h_0_irrep_0"
    assert str(space["0.bias"]) == f"0.bias[({gates} + {fields})]"
    assert str(space["2.bias"]) == f"2.bias[1 ({gates})]"


@pytest.mark.parametrize(
    ("network", "old", "new"),
    [
        (regular_and_trivial, '"((2 (h_4', '"((y (h_4'),
        (regular_and_trivial, "(h_0_irrep_0 2 2) + (h_0_regular 2 6)", "(h_0_irrep_0 y 2) + (h_0_regular y 6)"),
        (regular_and_trivial, "h_4_regular h_0_regular 24", "h_4_regular y 24"),
        (regular_and_trivial, "h_4_regular h_0_regular 24", "h_4_regular 24 h_0_regular"),
        (regular_and_trivial, "h_4_regular h_0_regular 24", "h_0_regular h_4_regular 24"),
        (regular_and_trivial, "h_4_regular h_0_regular 24", "h_4_regular h_0_regular y 12"),
        (
            regular_and_trivial,
            "(h_4_regular h_0_irrep_0 6) + (h_4_irrep_0 h_0_regular 6)",
            "(h_4_irrep_0 h_0_regular 6) + (h_4_regular h_0_irrep_0 6)",
        ),
        (regular_and_trivial, "(h_0_regular + h_0_irrep_0)", "(h_0_irrep_0 + h_0_regular)"),
        (regular_and_trivial, '"(h_4_irrep_0 + h_4_regular)"', '"5"'),
        (regular_and_trivial, '[4].weight" = "h_0_regular"', '[4].weight" = "2"'),
        (regular_and_trivial, '[4].running_mean" = "h_0_regular"', '[4].running_mean" = "2"'),
        (regular_and_trivial, "(2 (h_4_irrep_0 + h_4_regular) 2)", "(2 (h_4_regular + h_4_irrep_0) 2)"),
        (gated, '"1 (h_0_irrep_0 + h_0_irrep_1 + h_0_irrep_2)"', '"1 (h_0_irrep_1 + h_0_irrep_2 + h_0_irrep_0)"'),
        (gated, '"1 (h_0_irrep_0 + h_0_irrep_1 + h_0_irrep_2)"', '"1 (h_0_irrep_0 + h_0_irrep_1 + y)"'),
        (gated, '"1 (h_3_irrep_0 + h_3_irrep_2) 1 1"', '"1 (h_3_irrep_2 + h_3_irrep_0) 1 1"'),
        (uniformly_gated, "(h_0_with_gates 2)", "(2 h_0_with_gates)"),
        (linear, "(2 h_2_regular 2)", "(y h_2_regular 2)"),
    ],
)
def test_mistakes_are_noticed(network, old, new):
    right = str(steerable_space(network()))
    assert right.count(old) == 1
    text = right.replace(old, new)
    wrong = symmetry.parse(text.replace("[sets]", "[sets]\ny = 2") if re.search(r"\by\b", new) else text)
    with pytest.raises(AssertionError, match="the function is not preserved"):
        assert_preserved(network(), wrong)


PLANE = {
    **{name: {} for name in ("ReLU", "ELU", "LeakyReLU", "PointwiseNonLinearity", "IdentityModule", "GroupPooling")},
    **{name: {} for name in ("PointwiseDropout", "FieldDropout", "NormPool")},
    **{f"Pointwise{name}2D": {"kernel_size": 2} for name in ("MaxPool", "AvgPool")},
    **{f"Pointwise{name}Antialiased2D": {"stride": 2} for name in ("MaxPool", "AvgPool")},
    **{f"PointwiseAdaptive{name}Pool2D": {"output_size": 3} for name in ("Max", "Avg")},
    "PointwiseMaxPoolAntialiased2D": {"kernel_size": 3},
    "PointwiseAvgPoolAntialiased2D": {"sigma": 0.6, "stride": 2},
    "NormMaxPool": {"kernel_size": 2},
    "R2Upsampling": {"scale_factor": 2},
    "MaskModule": {"S": 9},
}
"""Modules on images, with what they are made with beside the field type."""


def between(module, layer="R2Conv", kernel=3):
    """A module between two steerable layers."""
    space = module.in_type.gspace
    made = getattr(escnn, layer)
    ends = fields(space, ("trivial", 2))
    padding = {"padding": kernel // 2}
    return escnn.SequentialModule(
        made(ends, module.in_type, kernel, **padding), module, made(module.out_type, ends, kernel, **padding)
    )


@pytest.mark.parametrize("name", PLANE)
def test_each_module_treats_the_fields_of_one_representation_alike(name):
    kind = fields(C4, ("regular", 3), ("trivial", 2))
    module = between(getattr(escnn, name)(kind, **PLANE[name]))
    space = steerable_space(module)
    assert group_order(space) == 12
    assert_preserved(module, space)


@pytest.mark.parametrize("layer", ["R2Conv", "R2ConvTransposed", "R3Conv", "R3ConvTransposed"])
def test_each_layer_has_the_same_blocks(layer):
    turned = gspaces.rot2dOnR2(4) if layer.startswith("R2") else gspaces.rot2dOnR3(4)
    module = between(escnn.ReLU(fields(turned, ("regular", 3), ("trivial", 2))), layer)
    space = steerable_space(module)
    assert group_order(space) == 12
    assert_function_preserved(
        Steerable(paper.in_general_position(module)), space, [random_input(module, size=5)], examples=2
    )


def test_a_fourier_nonlinearity_keeps_the_fields():
    nonlinearity = escnn.FourierPointwise(SO2, 3, [(0,), (1,)], type="regular", N=6)
    module = between(nonlinearity, kernel=5)
    space = steerable_space(module)
    assert group_order(space) == 6
    assert_preserved(module, space)


KINDS = (C4.trivial_repr, C4.irrep(1), C4.quotient_repr(2), C4.regular_repr)
TYPES = st.lists(st.sampled_from(KINDS), min_size=1, max_size=5).map(lambda kinds: escnn.FieldType(C4, kinds))


@settings(max_examples=20)
@given(st.lists(TYPES, min_size=2, max_size=4), st.booleans())
def test_fields_in_any_order_are_declared_or_refused(types, bias):
    modules = []
    for source, target in pairwise(types):
        norms = [escnn.IIDBatchNorm2d(target), escnn.NormNonLinearity(target, bias=bias)]
        modules += [escnn.R2Conv(source, target, 3, padding=1, bias=bias), *norms]
    network = escnn.SequentialModule(*modules)
    runs = [[name for name, _ in groupby(one.name for one in kind)] for kind in types[1:-1]]
    try:
        space = steerable_space(network)
    except SpecificationError as error:
        assert "are not together" in str(error)
        assert bias
        assert any(len(set(run)) < len(run) for run in runs)
        return
    used = {index.name for index in space.indices}
    assert len(used) == sum(len(set(run)) for run in runs)
    assert_preserved(network, space, examples=1)


def scattered(*, bias):
    h = escnn.FieldType(C4, [C4.regular_repr, C4.trivial_repr, C4.regular_repr])
    x = fields(C4, ("trivial", 1))
    return escnn.SequentialModule(escnn.R2Conv(x, h, 3, bias=bias), escnn.ReLU(h), escnn.R2Conv(h, x, 3))


def test_scattered_fields_are_refused_where_the_language_cannot_say_it():
    with pytest.raises(SpecificationError) as caught:
        steerable_space(scattered(bias=True))
    assert str(caught.value) == (
        "tensor \"0.bias\": the fields of the set 'h_0_regular' are not together: the language concatenates whole "
        "sets\n"
        "in each type of the network, list the fields of one representation one after the other"
    )
    assert_preserved(scattered(bias=False), steerable_space(scattered(bias=False)))


def test_the_wrapper_reads_its_weights_in_evaluation_mode_too():
    network = paper.in_general_position(regular_and_trivial()).eval()
    expected, x = network(network.in_type(random_input(network))).tensor, random_input(network)
    module = Steerable(network).eval()
    assert torch.allclose(module(x), expected, atol=1e-5)
    assert module.state_dict().keys() == network.state_dict().keys()
    assert not any(name.endswith(("filter", "expanded_bias")) for name in module.state_dict())
    moved = {name: value + 1 for name, value in module.state_dict().items() if name.endswith("weights")}
    assert not torch.allclose(torch.func.functional_call(module, moved, x), expected, atol=1e-1)
    assert not module.get_submodule("1").training
    assert not module.get_submodule("6").training
    assert module.get_submodule("0").training
    assert module.train().get_submodule("6").training


def test_a_layer_without_coefficients_has_no_weights():
    x, h = fields(POINT, ("trivial", 2)), fields(POINT, ((1, 1), 2), ((1, 2), 1))
    network = escnn.SequentialModule(escnn.Linear(x, x), escnn.Linear(x, h), escnn.Linear(h, h))
    assert steerable_space(network).names == ("0.weights", "0.bias", "2.weights")
    assert_preserved(network, steerable_space(network))


def test_copies_have_weights_of_their_own():
    module = Steerable(paper.in_general_position(gated()))
    other, x = copy.deepcopy(module), random_input(gated())
    assert torch.equal(other(x), module(x))
    paper.in_general_position(other, seed=1)
    assert not torch.allclose(other(x), module(x), atol=1e-2)
    assert other.in_type is module.in_type


def test_a_metanetwork_does_not_see_the_order_of_the_fields():
    space = steerable_space(regular_and_trivial())
    states = [paper.in_general_position(regular_and_trivial(), seed).state_dict() for seed in range(4)]
    x = layergen.stack([{name: state[name] for name in space.names} for state in states], space)
    torch.manual_seed(0)
    metanet = layergen.nn.Metanet(space, out_features=2, hidden=4, layers=1).fit(x).eval()
    moved = symmetry.random_element(space, 0).act(x, channels=True)
    assert not torch.equal(moved["4.weights"], x["4.weights"])
    assert torch.allclose(metanet(moved), metanet(x), atol=1e-5)
    assert metanet(x).std(0).min() > 1e-3


def test_importing_the_module_does_not_import_escnn():
    code = "import sys, layergen.steerable; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"escnn", "layergen.testing"} & set(loaded.stdout.split())


def test_the_table():
    rows = [paper.row(name) for name in paper.NETWORKS]
    assert all(row.endswith("| yes |") for row in rows)
    assert rows[0] == "| C4, regular and trivial fields | 18 | 4, 6, 4 | 414,720 | 9,283 | yes |"
    metanet, raw = paper.largest_changes(paper.NETWORKS["C4, regular and trivial fields"])
    assert metanet < 1e-5 < 0.1 < raw
