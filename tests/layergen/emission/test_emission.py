"""Emitted text: safe whatever the names, the same whatever the hash seed, sized so that variance is kept."""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import layergen
from layergen.linear import EquivariantLinear
from layergen.plan.names import RESERVED, Namer, identifier
from symmetry import SCALAR, SpecificationError, WeightSpace
from symmetry.language.families import literal_name
from symmetry.space.reading import orders, readings
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features, mean_squares, standard_deviations

HOSTILE = [
    'a"b',
    "a'b",
    '"""',
    "'''",
    "\\",
    "\\N{BULLET}",
    "{x}",
    "%s",
    "#",
    "a]; import os  #",
    "class",
    "self",
    "x",
    "torch",
    "0",
    "é",
    "名",
    "a b",
    "a.b",
    "a_b",
    "${HOME}",
    "a'#\"",
    "__import__('os').system('true')",
    "a).b" * 30,
]
printable = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.isprintable)


@given(st.lists(st.one_of(printable, st.sampled_from(HOSTILE)), min_size=1, max_size=4, unique=True))
def test_hostile_tensor_names_stay_data(names):
    names = list(map(literal_name, names))
    space = WeightSpace(dict.fromkeys(names, "h x"), sets={"h": 3}, free={"x": 2})
    source = layergen.generate(space)
    tree = ast.parse(source)
    assert [type(node).__name__ for node in tree.body[-1:]] == ["ClassDef"]
    allowed = (ast.Expr, ast.ImportFrom, ast.Import, ast.FunctionDef, ast.ClassDef)
    constants = [node for node in tree.body if isinstance(node, ast.Assign)]
    assert [ast.unparse(node) for node in constants] == ["_CONVOLVED = 2 ** 22"]
    assert all(isinstance(node, allowed) for node in tree.body if node not in constants)
    assert {node.module for node in tree.body if isinstance(node, ast.ImportFrom)} == {"__future__", "typing", "torch"}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    beyond = {(token.type, letter) for token in tokens for letter in token.string if not letter.isascii()}
    assert beyond <= {(tokenize.COMMENT, "·")}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"__import__", "exec", "eval", "open"}
    layer = EquivariantLinear(space, 1, 1)
    assert set(layer(features(space, 1, 1, torch.float32))) == set(names)


@pytest.mark.parametrize("name", ["print", "len", "n", "c", "x", "batch", "pools", "mixed", "torch", "self", "match"])
def test_index_names_that_mean_something_in_emitted_code(name):
    space = WeightSpace({"w": f"h {name}", "b": f"{name} q"}, sets={"h": 4, name: 3}, free={"q": 2})
    layer = EquivariantLinear(space, 2, 3)
    layergen.testing.assert_equivariant(layer, space)


@pytest.mark.parametrize("names", ["n", "c", "x", "batch", "n c x batch in_channels features"])
def test_a_set_keeps_its_name(names):
    """Our own names give way: the size of every set is read into a variable called as the set."""
    sets = dict.fromkeys([*names.split(), "h"], 3)
    space = WeightSpace({"w": names, "x": "h", **{f"{name}.bias": f"{name} h" for name in names.split()}}, sets=sets)
    calls = [node for node in ast.walk(ast.parse(layergen.generate(space))) if isinstance(node, ast.Call)]
    [sizes] = [node.args[2] for node in calls if ast.unparse(node.func) == "_check_shapes"]
    read = {key.value: value.id for key, value in zip(sizes.keys, sizes.values, strict=True)}
    assert read == {name: name for name in sets}
    layergen.testing.assert_equivariant(EquivariantLinear(space, 1, 2), space, examples=5)


@pytest.mark.parametrize(
    "name", ["", "a b", "class", "1a", "x;y", "_Hidden", "ValueError", "len", "torch", "Tensor", "é", 3]
)
def test_class_names_are_identifiers_of_their_own(name):
    with pytest.raises(SpecificationError, match="class name"):
        layergen.generate(WeightSpace({"b": "h"}, sets={"h": 3}), name=name)


@given(st.lists(st.text(max_size=5), max_size=8))
def test_names_are_distinct_identifiers(texts):
    namer = Namer()
    names = [namer.fresh(identifier(text)) for text in texts]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.isascii() and name not in RESERVED for name in names)


def test_bytes_do_not_depend_on_the_hash_seed():
    code = (
        "import layergen, symmetry\n"
        "space = symmetry.WeightSpace({'w': '((a b) + c) x', 'v': 'c c', 'u': 'a (b c)'},\n"
        "    sets={'a': 2, 'b': {'size': 3, 'within': 'a'}, 'c': 3}, free={'x': 2})\n"
        "print(layergen.generate(space))"
    )
    root = Path(__file__).parents[3]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


SPACES = {
    "perceptron": {"0.weight": "h1 x", "0.bias": "h1", "2.weight": "h2 h1", "2.bias": "h2", "4.weight": "y h2"},
    "shared": {"w": "h1 h1", "v": "h2 h1 h2", "b": "h2"},
    "concatenated": {"w": "(h1 + h2) h1", "b": "((h1 3) + y)", "v": "h2"},
    "pools alone": {"w": "h1 h2"},
}


@given(weight_spaces(max_diagrams=800), st.sampled_from(["all", "local"]))
def test_initial_variances_are_such_that_outputs_have_unit_variance(space, terms):
    layer = standard_deviations(lambda: EquivariantLinear(space, 2, 3, terms=terms))
    for target, square in mean_squares(layer.maps, layer).items():
        assert square == pytest.approx(1, rel=1e-5), target


@pytest.mark.parametrize("target", [None, SCALAR], ids=["to itself", "to a scalar"])
@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("width", [8, 512])
def test_initial_variances_at_every_width(name, width, target):
    free = {index: size for index, size in {"x": 2, "y": 3}.items() if index in " ".join(SPACES[name].values())}
    space = WeightSpace(SPACES[name], sets={"h1": width, "h2": width}, free=free)
    layer = standard_deviations(lambda: EquivariantLinear(space, 2, 3, target=target))
    squares = mean_squares(layer.maps, layer)
    assert {tensor for tensor, _, _ in squares} == set(layer.maps.target.names)
    assert all(square == pytest.approx(1, rel=1e-5) for square in squares.values())


def test_weights_are_drawn_with_their_deviations():
    space = WeightSpace(SPACES["perceptron"], sets={"h1": 8, "h2": 8}, free={"x": 2, "y": 3})
    torch.manual_seed(0)
    layer, deviations = EquivariantLinear(space, 64, 64), standard_deviations(lambda: EquivariantLinear(space, 64, 64))
    for name, value in layer.named_parameters():
        if name != "bias":
            drawn = (value / getattr(deviations, name)).detach()
            assert drawn.std() == pytest.approx(1, rel=0.03), name
            assert abs(drawn.mean()) < 0.03, name
    assert not layer.bias.any()


def test_outputs_have_unit_variance_on_the_average_over_draws():
    space = WeightSpace(SPACES["perceptron"], sets={"h1": 32, "h2": 32}, free={"x": 2, "y": 3})
    torch.manual_seed(0)
    layer, squares = EquivariantLinear(space, 16, 16), dict.fromkeys(space.names, 0.0)
    for _ in range(100):
        layer.reset_parameters()
        with torch.no_grad():
            out = layer({t.name: torch.randn(4, *t.shape, 16) for t in space})
        for tensor, value in out.items():
            squares[tensor] += float(value.square().mean()) / 100
    assert squares == pytest.approx(dict.fromkeys(space.names, 1), rel=0.05)


def test_one_layer_serves_every_width():
    space = WeightSpace({"w": "h x", "v": "(gate h) h", "b": "h"}, sets={"h": 8}, free={"x": 2, "gate": 4})
    torch.manual_seed(0)
    layer = EquivariantLinear(space, 2, 2, dtype=torch.float64)
    for width in (1, 5, 6, 20):
        layergen.testing.assert_equivariant(layer, space.resized({"h": width}))


@given(weight_spaces(max_entries=200, max_diagrams=200, max_size=3), st.data())
@example(WeightSpace({"t": "x h x", "u": "k h x"}, sets={"h": 3}, free={"x": 1, "k": 4}), None)
def test_parameters_go_from_one_width_to_another(space, data):
    """A layer for one width computes with the parameters of a layer for another what that layer computes."""
    fixed = readings(space, space)[1]
    least = {name: size for name, size in orders(space, space).items() if name not in fixed}
    larger = {name: 7 if data is None else data.draw(st.integers(size, size + 4)) for name, size in least.items()}
    small, large = (
        EquivariantLinear(space.resized(sizes), 1, 1, dtype=torch.float64) for sizes in (space.sizes | least, larger)
    )
    large.load_state_dict(small.state_dict())
    x = features(small.maps.source, 1, 1)
    found, expected = large(x), small(x)
    assert all(torch.allclose(found[name], expected[name], rtol=1e-9, atol=1e-9) for name in space.names)


def test_half_precision_weights_are_finite():
    layer = EquivariantLinear(WeightSpace({"w": "a b"}, sets={"a": 300, "b": 300}), 1, 4, dtype=torch.float16)
    assert all(torch.isfinite(parameter).all() for parameter in layer.parameters())


def test_long_names_keep_one_slice_one_tensor():
    """A statement that is broken over lines for one name must not unpack it."""
    long = "encoder_layers_0_self_attention_projection"
    space = WeightSpace(
        {
            f"{long}.weight": f"(({long} {long}_u) + ({long} {long}_v)) d",
            f"{long}.bias": f"(({long} {long}_u) + ({long} {long}_v))",
        },
        sets={"d": 3, long: 2, f"{long}_u": {"size": 2, "within": long}, f"{long}_v": {"size": 2, "within": long}},
    )
    layer = EquivariantLinear(space, 1, 2, terms="local")
    assert layer(features(space, 2, 1, torch.float32)).keys() == set(space.names)
    compile(layergen.generate(space), "long", "exec")


def test_wrong_widths_say_which_sets_stay_and_why():
    layer = EquivariantLinear(WeightSpace({"w": "h h"}, sets={"h": 2}), 1, 1)
    with pytest.raises(
        ValueError, match=r"expected \(1, 2, 2, 1\); h stays 2: its declared size is below its order, 4"
    ):
        layer({"w": torch.zeros(1, 3, 3, 1)})
    layer = EquivariantLinear(WeightSpace({"w": "h", "b": "h"}, sets={"h": 8}), 1, 1)
    with pytest.raises(ValueError, match=r"the sizes read from the other tensors are \{'h': 3\}$"):
        layer({"w": torch.zeros(1, 3, 1), "b": torch.zeros(1, 2, 1)})


def test_a_layer_without_biases_has_no_empty_parameter():
    """Nothing is left alone by every turn of the plane but nought."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    turned = {"r": {"group": "C4", "representation": "standard"}}
    layer = EquivariantLinear(WeightSpace({"w": "r"}, representations=turned), 1, 1)
    assert layer.BIAS_DIMENSION == 0
    assert all(parameter.numel() for parameter in layer.parameters())


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, ""),
        ({"target": SCALAR}, " --invariant"),
        ({"terms": "local", "rank": {"h": 2, "": 3}}, ' --terms local --rank "h=2" --rank 3'),
    ],
)
def test_the_command_in_the_header_has_every_restriction(arguments, options):
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
    source = layergen.generate(space, "Layer", **arguments)
    assert f"#     layergen generate SPEC --name Layer{options} --output FILE\n" in source
