"""Layers that compute a group of tensors at a time: the same layer, of which less is kept for the gradients."""

import pickle

import pytest
import torch
from hypothesis import example, given, settings

from layergen import EquivariantLinear, generate
from layergen.nn import Metanet
from layergen.nn.pointwise import Dropout, Residual
from symmetry import SCALAR, WeightSpace, parse
from symmetry.strategies import weight_spaces
from tests.layergen.oracle import features

SMALL = {"max_entries": 60, "max_diagrams": 300, "max_size": 3}
NESTED = WeightSpace(
    {
        "in": "((head dk) + (head dk) + (head dv)) d",
        "out": "d (head dv)",
        "up": "d m",
        "down": "m d",
        "b": "d",
        "square": "m m",
        "embed": "token d",
        "free": "m x",
    },
    sets={
        "d": 3,
        "head": 2,
        "dk": {"size": 2, "within": "head"},
        "dv": {"size": 3, "within": "head"},
        "m": {"size": 4},
    },
    free={"x": 2},
    positional={"token": 5},
)


def both(space, **options):
    """A layer that keeps everything, and one that does not, with the same weights."""
    torch.manual_seed(0)
    plain = EquivariantLinear(space, 2, 3, dtype=torch.float64, **options)
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter)
    frugal = EquivariantLinear(space, 2, 3, dtype=torch.float64, checkpoint=True, **options)
    frugal.load_state_dict(plain.state_dict())
    return plain, frugal


def outputs_and_gradients(module, x):
    """What a module gives and the gradients of a function of it, by input tensors and parameters."""
    x = {name: value.clone().requires_grad_() for name, value in x.items()}
    y = module(x)
    values = list(y.values()) if isinstance(y, dict) else [y]
    loss = sum((value * torch.arange(value.numel()).reshape(value.shape).cos()).sum() for value in values)
    return values, torch.autograd.grad(loss, [*x.values(), *module.parameters()], allow_unused=True)


RENAMED = """
[sets]
h = 2
[positional]
p = 1
[representations]
s = { group = "C3", representation = "regular" }
[tensors]
"t" = "(h ((p h s 2) + 2)) h"
"""


@given(weight_spaces(**SMALL))
@example(parse(RENAMED)).via("the parts of a piece, and the piece made of them, have one name")
@settings(max_examples=25)
def test_outputs_and_gradients_are_those_of_the_plain_layer(space):
    plain, frugal = both(space)
    x = features(space, 2, 2)
    torch.testing.assert_close(outputs_and_gradients(frugal, x), outputs_and_gradients(plain, x))
    with torch.no_grad():
        torch.testing.assert_close(frugal(x), plain(x))


@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"terms": "local"}, {"rank": {"d m": 1}}, {"target": SCALAR}, {"target": "b in"}]
)
def test_options_are_those_of_the_plain_layer(options):
    if isinstance(options.get("target"), str):
        options = {"target": NESTED.only(options["target"].split())}
    plain, frugal = both(NESTED, **options)
    x = features(NESTED, 2, 2)
    torch.testing.assert_close(outputs_and_gradients(frugal, x), outputs_and_gradients(plain, x))


def kept(module, x):
    """The bytes that stay for the gradients beside inputs, outputs and parameters."""
    found = {}

    def note(value):
        found[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        y = module(x)
    for value in (*x.values(), *y.values(), *module.parameters()):
        found.pop(value.untyped_storage().data_ptr(), None)
    return sum(found.values())


def test_nothing_large_is_kept_for_the_gradients():
    space = NESTED.resized({"d": 32, "m": 64, "dk": 8, "dv": 8})
    plain, frugal = both(space)
    x = {name: value.requires_grad_() for name, value in features(space, 1, 2).items()}
    largest = max(value.nbytes for value in x.values())
    assert kept(plain, x) > 2 * largest
    assert kept(frugal, x) < 0.3 * largest


def test_the_text_says_what_is_computed_apart_and_plain_text_stays_as_it_was():
    code = generate(NESTED, checkpoint=True)
    assert code.count("= _apart(group") == 4, "attention, perceptron, the embedding, the square matrix"
    assert " --checkpoint " in code
    assert "_apart" not in generate(NESTED)
    assert "--checkpoint" not in generate(NESTED)
    names = "pools_head_dk_d", "pools_d_m"
    for name in names:
        assert code.index(f"mean_of_{name}") < code.index(f"del {name}") < code.index("def group()")


def test_layers_compile_in_one_graph_and_under_autocast():
    plain, frugal = both(NESTED)
    x = features(NESTED, 2, 2)
    torch.compiler.reset()
    compiled = torch.compile(frugal, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(outputs_and_gradients(compiled, x), outputs_and_gradients(plain, x))
    small = {name: value.float() for name, value in x.items()}
    plain, frugal = plain.float(), frugal.float()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(outputs_and_gradients(frugal, small), outputs_and_gradients(plain, small))


def test_modules_in_memory_are_told_apart_and_pickled():
    plain, frugal = both(NESTED)
    assert plain.emitted is not frugal.emitted
    assert pickle.loads(pickle.dumps(frugal)).emitted is frugal.emitted
    assert "checkpoint=True" in repr(frugal)
    assert "checkpoint" not in repr(plain)


@pytest.mark.parametrize("given", [{"out_features": 2}, {"out_channels": 1}, {"out_channels": 1, "aggregation": "max"}])
def test_metanets_are_the_same_with_checkpoints(given):
    networks = []
    for checkpoint in (False, True):
        torch.manual_seed(0)
        networks.append(Metanet(NESTED, hidden=3, layers=2, norm=True, checkpoint=checkpoint, **given).double())
    x = features(NESTED, 2, 1)
    plain, frugal = (outputs_and_gradients(network, x) for network in networks)
    torch.testing.assert_close(frugal, plain)


def test_metanets_keep_less_for_the_gradients():
    space = NESTED.resized({"d": 32, "m": 64, "dk": 8, "dv": 8})
    x = features(space, 1, 1)
    found = []
    for checkpoint in (False, True):
        network = Metanet(space, out_channels=1, hidden=2, layers=3, dropout=0.1, checkpoint=checkpoint).double()
        found.append(kept(network, x))
    assert found[1] < 0.5 * found[0]


def test_dropout_is_drawn_once():
    x = {"b": torch.ones(1, 1000, 1, requires_grad=True)}
    block = Residual(Dropout(0.5), checkpoint=True)
    y = block(x)["b"]
    (gradient,) = torch.autograd.grad(y.sum(), x["b"])
    torch.testing.assert_close(gradient, y.detach(), msg="the input is one, so that the factor is what comes out")
    assert set(y.flatten().tolist()) == {1.0, 3.0}
