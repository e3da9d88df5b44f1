"""Layers, nonlinearities and metanetworks over representation indices."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import layergen
import symmetry
from layergen.nn import Dropout, Gated, Metanet, NormPointwise, Pointwise
from layergen.testing import assert_equivariant, assert_function_preserved, assert_invariant, random_features
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace, element, random_element
from symmetry.verification.irreducibles import multiplicities
from tests.layergen.cli.commands import run

pytest.importorskip("escnn.group", exc_type=ImportError)


MIXED = WeightSpace(
    {"0.weight": "h xy", "0.bias": "h", "k": "h (g + 2)", "s": "xy xy p"},
    sets={"h": 3},
    positional={"p": 2},
    representations={
        "xy": {"group": "C4", "representation": "standard"},
        "g": {"group": "C4", "representation": "grid(2) + trivial"},
    },
)
COMPACT = WeightSpace(
    {"0.weight": "h xyz", "k": "(h (z + 2))", "b": "h"},
    sets={"h": 3},
    representations={
        "xyz": {"group": "SO(3)", "representation": "standard"},
        "z": {"group": "O(2)", "representation": "irrep(1, 2)"},
    },
)
INR = WeightSpace(
    {"0.weight": "h xy", "0.bias": "h", "2.weight": "y h", "2.bias": "y"},
    sets={"h": 8},
    free={"y": 1},
    representations={"xy": {"group": "D4", "representation": "standard"}},
)
both = pytest.mark.parametrize("space", [MIXED, COMPACT], ids=["C4", "SO(3), O(2)"])
SMALL = {"max_entries": 24, "max_dimension": 80}


def test_maps_between_spaces_and_to_invariants():
    target = WeightSpace(
        {"v": "h z", "u": "z", "b": "h"},
        sets={"h": 3},
        representations={"z": {"group": "C4", "representation": "irrep(2) + standard"}},
    )
    source = WeightSpace(
        {"w": "h xy"}, sets={"h": 3}, representations={"xy": {"group": "C4", "representation": "standard"}}
    )
    layer = layergen.EquivariantLinear(source, 2, 2, target=target)
    assert_equivariant(layer, source, target=target)
    assert layer.DIMENSION == 2 * 2 + 2
    assert torch.count_nonzero(layer(random_features(source, 2))["b"]) == 0  # nothing reaches it
    head = layergen.InvariantLinear(MIXED, 2, 5)
    assert_invariant(head, MIXED)
    assert head.DIMENSION == EquivariantMaps(MIXED, SCALAR).dimension > 0


@both
def test_layers_serve_other_widths_dtypes_and_tools(space):
    layer = layergen.EquivariantLinear(space, 2, 3)
    wide = space.resized({"h": 7})
    assert_equivariant(layer, wide)
    assert_equivariant(copy.deepcopy(layer).double(), space)  # constants are exact in double precision
    assert_equivariant(layer.double(), space, tolerance=1e-12)
    layer = layer.float()
    x = random_features(space, 2)
    with torch.no_grad():
        again = pickle.loads(pickle.dumps(layer))(x)
        exported = torch.export.export(layer, (x,)).module()(x)
        mapped = torch.func.vmap(layer)({name: value[None] for name, value in x.items()})
        for name, value in layer(x).items():
            assert torch.equal(value, again[name])
            torch.testing.assert_close(value, exported[name])
            torch.testing.assert_close(value, mapped[name][0])


def test_emitted_text():
    source = layergen.generate(MIXED, name="Layer")
    assert source == layergen.generate(symmetry.parse(str(MIXED)), name="Layer")
    assert "every linear map on a weight space that commutes with its symmetries" in source
    assert "[4, 1, 2, 2, 4]" in source  # whole numbers, over the square roots of whole numbers
    assert max(map(len, source.splitlines())) <= 120
    spatial = layergen.generate(COMPACT, name="Layer")
    assert "0.7071" not in spatial
    assert "dtype=torch.float64" in spatial


@both
def test_metanetworks_choose_by_themselves(space):
    x = random_features(space, 1, batch=6)
    assert_invariant(Metanet(space, out_features=3, hidden=8).fit(x).eval(), space)
    network = Metanet(space, out_channels=1, hidden=8, update=True).fit(x)
    assert_equivariant(network, space)
    plain = network(x)
    assert all(torch.count_nonzero(plain[name] - x[name]) for name in x)
    gradients = torch.autograd.grad(sum(v.square().sum() for v in plain.values()), list(network.parameters()))
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@both
@pytest.mark.parametrize("make", [Gated, NormPointwise])
def test_nonlinearities(space, make):
    network = make(space, 4, nn.functional.gelu)
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    assert_equivariant(network, space, channels=4)
    x = random_features(space, 4)
    doubled = network({name: 2 * value for name, value in x.items()})
    assert all(not torch.allclose(value, 2 * network(x)[name]) for name, value in doubled.items())


def test_vectors_without_a_length_stay_as_they_are():
    rank = {"r": {"size": 2, "group": "GL"}}
    space = WeightSpace({"a": "r x", "b": "y r^-1", "c": "y"}, free={"x": 3, "y": 2}, vectors=rank)
    x = {name: torch.randn(4, *shape, 2) for name, shape in space.shapes.items()}
    out = NormPointwise(space, 2, torch.relu)(x)
    assert torch.equal(out["a"], x["a"])
    assert torch.equal(out["b"], x["b"])
    assert torch.equal(out["c"], x["c"].relu())


def test_the_wrong_nonlinearity_is_refused():
    with pytest.raises(
        SpecificationError, match=r"over the index 'xy' = .*C4.* leaves alone the length along the index only"
    ):
        Pointwise(torch.relu, MIXED)
    with pytest.raises(AssertionError, match="not equivariant: turning by element"):
        assert_equivariant(Pointwise(torch.relu), MIXED, channels=2)
    regular = WeightSpace(
        {"w": "h r"}, sets={"h": 3}, representations={"r": {"group": "D4", "representation": "regular + grid(3)"}}
    )
    assert_equivariant(Pointwise(torch.relu, regular), regular)


def test_dropout_drops_whole_channels_of_what_turns():
    torch.manual_seed(0)
    found = Dropout(0.5, MIXED)({"s": torch.ones(50, 2, 2, 2, 8), "0.bias": torch.ones(50, 3, 8)})
    kept = found["s"].flatten(1, 3) != 0
    assert (kept.all(1) | ~kept.any(1)).all()
    assert 0.3 < kept.float().mean() < 0.7
    assert not ((found["0.bias"] != 0).all(1) | ~(found["0.bias"] != 0).any(1)).all()


def test_a_metanet_drops_whole_channels_of_what_turns():
    """In training too it is equivariant to what turns entries without exchanging any, if the same ones are dropped."""
    space = WeightSpace(
        {"w": "k xyz"}, free={"k": 4}, representations={"xyz": {"group": "SO(3)", "representation": "standard"}}
    )
    network = Metanet(space, out_channels=1, hidden=4, layers=2, dropout=0.5).double()
    x, g = random_features(space, dtype=torch.float64), random_element(space, 0)

    def run(x):
        torch.manual_seed(0)
        return network(x)

    torch.testing.assert_close(run(g.act(x, channels=True)), g.act(run(x), channels=True))
    assert not torch.allclose(run(x)["w"], network.eval()(x)["w"])


def test_turning_the_first_layer_turns_the_function():
    """f(W Rᵀ, x) = f(W, Rᵀ x): undone by turning the coordinates."""
    network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    turned, g = copy.deepcopy(network), element(INR, {"D4": 1})
    turned.load_state_dict(layergen.unstack(g.act(layergen.stack([network.state_dict()], INR), channels=True), INR)[0])
    x = torch.randn(20, 2, dtype=torch.float64)
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(turned(x @ quarter.T), network(x))
    assert not torch.allclose(turned(x), network(x))


def test_pixel_grids_are_read_from_kernels():
    space = WeightSpace(
        {"0.weight": "c 2 k", "0.bias": "c"},
        sets={"c": 4},
        representations={"k": {"group": "C4", "representation": "grid(3)"}},
    )
    network = nn.Sequential(nn.Conv2d(2, 4, 3, bias=True))
    x = layergen.stack([network.state_dict()], space)
    assert x["0.weight"].shape == (1, 4, 2, 9, 1)
    (back,) = layergen.unstack(x, space)
    assert torch.equal(back["0.weight"], network[0].weight)
    turned = layergen.unstack(element(space, {"C4": 1}).act(x, channels=True), space)[0]["0.weight"]
    torch.testing.assert_close(turned, torch.rot90(network[0].weight, 1, (2, 3)))
    with pytest.raises(ValueError, match=r"'0.weight' has shape \(4, 2, 2, 2\), declared \(4, 2, 9\)"):
        layergen.stack([{**network.state_dict(), "0.weight": torch.zeros(4, 2, 2, 2)}], space)


def test_functions_that_a_representation_preserves():
    """A network on lengths only does not notice a turn of its first layer; one on coordinates does."""

    class Lengths(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 5, bias=False)

        def forward(self, x):
            return self.a.weight.norm(dim=1) * x

    space = WeightSpace({"a.weight": "5 xy"}, representations={"xy": {"group": "O(2)", "representation": "standard"}})
    assert_function_preserved(Lengths(), space, [torch.randn(5)], turns=True)
    wrong = nn.Sequential()
    wrong.add_module("a", nn.Linear(2, 5, bias=False))
    with pytest.raises(AssertionError, match=r"turning by element .* of 'O\(2\)'"):
        assert_function_preserved(wrong, space, [torch.randn(3, 2)], turns=True)
    assert_function_preserved(wrong, space, [torch.randn(3, 2)])  # turning the data is meant to change the function


def test_command_line(tmp_path):
    spec = tmp_path / "spec.toml"
    spec.write_text(str(MIXED))
    found = json.loads(run("dims", spec, "--verify", "--json").stdout)
    assert found["dimension"] == EquivariantMaps(MIXED).dimension
    assert set(found["proofs"]) >= {"characters", "null space", "irreducibles"}
    assert all(f["found"] == f["expected"] for f in found["proofs"]["irreducibles"])
    assert "irreducibles" in run("dims", spec, "--verify").stdout
    shown = run("show", spec).stdout
    assert "C4 by standard" in shown
    assert "S_3 × C4" in shown
    assert run("generate", spec, "--name", "Layer", "--output", tmp_path / "turned_layer.py").exit_code == 0
    (tmp_path / "made_of_it.py").write_text("from turned_layer import Layer\nlayer = Layer(1, 1)\n")
    made = f"{tmp_path / 'made_of_it.py'}:layer"
    assert run("check", made, spec).exit_code == 0
    covered = run("coverage", made, spec)
    assert covered.exit_code == 0, covered.output
    refused = run("draw", spec, "--output", tmp_path / "a.png")
    assert refused.exit_code == 2
    assert "the symmetry multiplies entries of" in refused.stderr
    assert run("draw", spec, "--block", "k", "0.weight", "--output", tmp_path / "a.png").exit_code == 0
    empty = run("draw", spec, "--block", "s", "0.weight", "--output", tmp_path / "c.png")
    assert empty.exit_code == 2
    assert "there is nothing to draw" in empty.stderr
    assert run("draw", spec, "--graph", "--output", tmp_path / "b.png").exit_code == 0


def test_without_escnn(tmp_path, monkeypatch):
    from symmetry.groups import groups, representations

    def missing():
        raise SpecificationError("representations need escnn", remedy="pip install 'layergen[escnn]'")

    monkeypatch.setattr(groups, "provider", missing)
    monkeypatch.setattr(groups, "make_group", groups.make_group.__wrapped__)
    for cached in (representations.representation, multiplicities):
        cached.cache_clear()
    spec = tmp_path / "spec.toml"
    spec.write_text(str(INR))
    answer = run("dims", spec)
    assert answer.exit_code == 2
    assert "pip install 'layergen[escnn]'" in answer.stderr
    plain = WeightSpace({"w": "h"}, sets={"h": 3})
    assert {f.found for f in symmetry.verify(EquivariantMaps(plain)).findings if f.proof == "irreducibles"} <= {
        None,
        2,
        1,
    }


@pytest.mark.parametrize(("group", "text"), [("O(2)", "irrep(1, 0)"), ("O(3)", "irrep(1, 0) + trivial")])
def test_signs_are_not_permutations(group, text):
    """A mirror takes the sign to its negative: functions of entries are not equivariant."""
    space = WeightSpace(
        {"w": "h s", "b": "h"}, sets={"h": 3}, representations={"s": {"group": group, "representation": text}}
    )
    with pytest.raises(SpecificationError, match="leaves alone the length along the index only"):
        Pointwise(torch.relu, space)
    assert_equivariant(Metanet(space, out_channels=2, hidden=8), space)


def test_metanetworks_hear_of_lengths_beside_other_tensors():
    """No linear map takes `w` to `b`; permuting the neurons of one alone changes the output all the same."""
    space = WeightSpace(
        {"w": "h xy", "b": "h"},
        sets={"h": 5},
        representations={"xy": {"group": "C4", "representation": "standard"}},
    )
    torch.manual_seed(0)
    network, x = (
        Metanet(space, out_features=3, hidden=16, dtype=torch.float64),
        random_features(space, 1, dtype=torch.float64),
    )
    other = {**x, "b": x["b"][:, [1, 0, 2, 3, 4]]}
    assert (network(x) - network(other)).abs().max() > 1e-4
    layergen.testing.assert_no_more_symmetric(Metanet(space, out_channels=1, hidden=8), space)


@pytest.mark.parametrize("make", [Gated, NormPointwise])
def test_nonlinearities_in_half_precision(make):
    space = WeightSpace(
        {"w": "h xy"}, sets={"h": 3}, representations={"xy": {"group": "C3", "representation": "standard"}}
    )
    network = make(space, 2, nn.functional.gelu).half()
    for size in (0.0, 300.0):
        x = torch.full((1, 3, 2, 2), size, dtype=torch.float16, requires_grad=True)
        out = network({"w": x})["w"]
        out.float().sum().backward()
        assert torch.isfinite(out).all()
        assert torch.isfinite(x.grad).all()


def test_constant_tensors_are_not_blown_up():
    space = WeightSpace({"w": "xy"}, representations={"xy": {"group": "C3", "representation": "standard"}})
    fitted = layergen.nn.Standardise(space, 1).fit({"w": torch.zeros(4, 2, 1)})
    assert torch.equal(fitted({"w": torch.ones(1, 2, 1)})["w"], torch.ones(1, 2, 1))


def test_metanetworks_compile():
    space = WeightSpace(
        {"w": "h _x", "v": "(h (_x + 2))"},
        sets={"h": 3},
        representations={"_x": {"group": "C4", "representation": "standard"}},
    )
    network, x = Metanet(space, out_features=2, hidden=4), random_features(space, 1)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="aot_eager")(x), network(x))


def test_many_parameters_at_once():
    """An ensemble by vmap: parameters are batched, features are not."""
    space = WeightSpace(
        {"w": "h (2 + xy)"}, sets={"h": 3}, representations={"xy": {"group": "C4", "representation": "standard"}}
    )
    network, x = Gated(space, 2, torch.relu), random_features(space, 2)
    several = {name: torch.stack([value, 2 * value, -value]) for name, value in network.state_dict().items()}
    found = torch.func.vmap(lambda values: torch.func.functional_call(network, values, (x,))["w"])(several)
    for number, value in enumerate(found):
        single = torch.func.functional_call(network, {name: v[number] for name, v in several.items()}, (x,))
        torch.testing.assert_close(value, single["w"])


@pytest.mark.parametrize(("group", "size"), [("C4", 2), ("D4", 2), ("octahedral", 3)])
def test_metanetworks_are_no_more_symmetric_than_a_finite_group(group, size):
    """A turn that is not in the group changes the output: lengths alone would not see it."""
    space = WeightSpace(
        {"w": "h xy", "b": "h"},
        sets={"h": 5},
        representations={"xy": {"group": group, "representation": "standard"}},
    )
    torch.manual_seed(0)
    network = Metanet(space, out_features=3, hidden=16, dtype=torch.float64)
    x = random_features(space, 1, dtype=torch.float64)
    turn = torch.eye(size, dtype=torch.float64)
    turn[:2, :2] = torch.tensor([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    turned = {**x, "w": torch.einsum("bhxc,yx->bhyc", x["w"], turn)}
    assert (network(x) - network(turned)).abs().max() > 1e-3
    mirrored = {**x, "w": x["w"] * torch.tensor([-1.0] + [1.0] * (size - 1), dtype=torch.float64)[:, None]}
    change = (network(x) - network(mirrored)).abs().max()
    assert change < 1e-9 if group == "D4" else change > 1e-3


@both
def test_spaces_and_metanetworks_pickle(space):
    assert pickle.loads(pickle.dumps(space)) == space
    network, x = Metanet(space, out_features=2, hidden=4), random_features(space, 1)
    assert torch.equal(pickle.loads(pickle.dumps(network))(x), network(x))


def test_drawn_diagrams_are_the_blocks():
    maps = EquivariantMaps(MIXED)
    for block in maps.blocks:
        drawn = list(block.diagrams(opened=True))
        assert len(drawn) == block.diagram_count


def test_coverage_does_not_accuse_what_is_not_linear():
    found = layergen.testing.coverage(Gated(INR, 2, torch.relu), INR, channels=2)
    assert not found.is_linear
    assert found.is_equivariant
