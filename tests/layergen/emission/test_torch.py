"""The layers as citizens of PyTorch."""

import copy
import io
import pickle
import traceback

import pytest
import torch

import layergen
from layergen.linear import EquivariantLinear, InvariantLinear
from symmetry import WeightSpace
from tests.compiler import CAN_BUILD
from tests.layergen.oracle import features

SPACE = WeightSpace(
    {"w": "h x", "v": "(head dk) h", "s": "h h", "b": "h"},
    sets={"h": 4, "head": 2, "dk": {"size": 3, "within": "head"}},
    free={"x": 2},
)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return EquivariantLinear(SPACE, 2, 3, dtype=torch.float64)


def assert_same(left, right, **tolerance):
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], **tolerance)


def test_copies_and_saves(layer):
    x, saved = features(SPACE, 2, 2), io.BytesIO()
    torch.save(layer, saved)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=False)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), loaded):
        assert_same(layer(x), other(x))
        assert type(other) is type(layer)
        assert isinstance(other, EquivariantLinear)
    twin = EquivariantLinear(SPACE, 2, 3, dtype=torch.float64)
    twin.load_state_dict(layer.state_dict())
    assert_same(layer(x), twin(x))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.15)])
def test_other_dtypes(layer, dtype, tolerance):
    x = features(SPACE, 2, 2)
    out = copy.deepcopy(layer).to(dtype)({name: value.to(dtype) for name, value in x.items()})
    assert all(value.dtype == dtype for value in out.values())
    assert_same({name: value.double() for name, value in out.items()}, layer(x), rtol=tolerance, atol=tolerance)


def test_autocast(layer):
    layer, x = layer.float(), features(SPACE, 2, 2, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x)
    assert_same({name: value.float() for name, value in out.items()}, layer(x), rtol=0.1, atol=0.1)


UNDER_AUTOCAST = {
    "every sort of tensor": (SPACE, None, "all"),
    "a scalar beside a set": (WeightSpace({"w": "h", "u": ""}, sets={"h": 4}), None, "all"),
    "small sets, mixes without pools": (WeightSpace({"w": "h h", "u": ""}, sets={"h": 1}), None, "local"),
    "a target that little reaches": (
        WeightSpace({"w": "h"}, sets={"h": 4}),
        WeightSpace({"v": "k k", "u": "h", "t": ""}, sets={"k": 1, "h": 4}),
        "local",
    ),
}


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", UNDER_AUTOCAST)
def test_autocast_gives_every_output_one_dtype(name, bias, device):
    space, target, terms = UNDER_AUTOCAST[name]
    layer = EquivariantLinear(space, 2, 3, bias, target=target, terms=terms, device=device)
    x = {name: value.to(device) for name, value in features(space, 2, 2, torch.float32).items()}
    with torch.autocast(device, dtype=torch.bfloat16):
        assert {value.dtype for value in layer(x).values()} == {torch.bfloat16}
    assert {value.dtype for value in layer(x).values()} == {torch.float32}


def test_gradients(layer):
    x = {name: value.requires_grad_() for name, value in features(SPACE, 1, 2).items()}
    names, values = list(x), tuple(x.values())
    assert torch.autograd.gradcheck(lambda *v: tuple(layer(dict(zip(names, v, strict=True))).values()), values)


BACKENDS = ["eager", "aot_eager", *(["inductor"] if CAN_BUILD else [])]


@pytest.mark.parametrize("backend", BACKENDS)
def test_compile(layer, backend):
    x = features(SPACE, 2, 2)
    assert_same(torch.compile(layer, backend=backend, fullgraph=True)(x), layer(x), rtol=1e-9, atol=1e-9)


WHOLES = {
    "in a sequence": lambda layer: torch.nn.Sequential(layer),
    "in a function": lambda layer: lambda x: layer(x)["w"].sum(),
    "in a metanetwork": lambda layer: layergen.nn.Metanet(SPACE, out_features=2, in_channels=2, hidden=4).double(),
}


@pytest.mark.parametrize("name", WHOLES)
def test_compile_what_contains_a_layer(layer, name):
    whole, x = WHOLES[name](layer), features(SPACE, 2, 2)
    expected, found = whole(x), torch.compile(whole, backend="aot_eager")(x)
    if isinstance(expected, dict):
        assert_same(found, expected, rtol=1e-9, atol=1e-9)
    else:
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_export(layer):
    x = features(SPACE, 2, 2)
    exported = torch.export.export(layer, (x,)).module()
    assert_same(exported(x), layer(x), rtol=1e-9, atol=1e-9)


def test_vmap_over_parameters(layer):
    x = features(SPACE, 2, 2)
    parameters = {name: torch.stack([value, 2 * value]) for name, value in layer.named_parameters()}
    out = torch.func.vmap(lambda p: torch.func.functional_call(layer, p, (x,)))(parameters)
    assert_same({name: value[0] for name, value in out.items()}, layer(x), rtol=1e-9, atol=1e-9)


PARTS = [*SPACE.names, *dict(EquivariantLinear(SPACE, 2, 3).named_parameters())]


def output_of(layer, part):
    """The layer's output as a function of one input or one parameter, and that tensor."""
    parameters = {name: value.detach() for name, value in layer.named_parameters()}
    x = features(SPACE, 2, 2)

    def output(value):
        inputs = {name: value if name == part else x[name] for name in x}
        weights = {name: value if name == part else parameters[name] for name in parameters}
        return torch.func.functional_call(layer, weights, (inputs,))

    return output, (x | parameters)[part]


@pytest.mark.parametrize("wanted", [True, False], ids=["with gradients", "without"])
@pytest.mark.parametrize("part", PARTS)
def test_vmap_over_one_input_or_one_parameter(layer, part, wanted):
    """Several of one tensor beside one of each other: what is computed from the others alone is not batched."""
    output, value = output_of(layer, part)
    values = torch.stack([value, 2 * value]).requires_grad_(wanted)
    found = torch.func.vmap(output)(values)
    for number, value in enumerate(values):
        assert_same({name: out[number] for name, out in found.items()}, output(value), rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own forward mode uses it (2.13)
@pytest.mark.parametrize("part", ["bias", "mix_h_h", "w"])
def test_jacobians(layer, part):
    """Derivatives for one tensor, forward and in reverse: both are `vmap`s over directions of that tensor alone."""
    output, value = output_of(layer, part)
    forward, reverse = (make(lambda one: output(one)["s"])(value) for make in (torch.func.jacfwd, torch.func.jacrev))
    torch.testing.assert_close(forward, reverse, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_compile_and_export_without_gradients(layer, backend):
    """Additions are in place then."""
    x, layer = features(SPACE, 2, 2), layer.requires_grad_(False)
    assert_same(torch.compile(layer, backend=backend, fullgraph=True)(x), layer(x), rtol=1e-9, atol=1e-9)
    assert_same(torch.export.export(layer, (x,)).module()(x), layer(x), rtol=1e-9, atol=1e-9)


def test_no_bias_no_batch_meta(layer):
    layer = EquivariantLinear(SPACE, 2, 3, bias=False)
    assert "bias" not in dict(layer.named_parameters())
    assert sum(p.numel() for p in layer.parameters()) == layer.DIMENSION * 6
    zero = layer({t.name: torch.zeros(2, *t.shape, 2) for t in SPACE})
    assert all(not value.any() for value in zero.values())
    assert all(len(value) == 0 for value in layer({t.name: torch.zeros(0, *t.shape, 2) for t in SPACE}).values())
    meta = EquivariantLinear(SPACE, 2, 3, device="meta")
    assert all(p.is_meta for p in meta.parameters())


def test_tracebacks_show_the_emitted_source(layer):
    x = features(SPACE, 2, 2, torch.float32)
    try:
        layer(x)
    except RuntimeError as error:
        assert "self.mix" in "".join(traceback.format_exception(error))
    else:
        pytest.fail("a float64 layer took float32 features")


WRONG = {
    "missing": (lambda x: {name: x[name] for name in ("w", "v", "s")}, [r"missing: ['b']"]),
    "extra": (lambda x: {**x, "q": x["b"]}, ["not expected: ['q']"]),
    "no channels": (lambda x: {**x, "b": x["b"][..., 0]}, ["'b' has shape (2, 4), expected (batch, h, channels)"]),
    "other width": (lambda x: {**x, "b": x["b"][:, :3]}, ["'b' has shape (2, 3, 2), expected (2, 4, 2)"]),
    "other channels": (lambda x: {**x, "s": x["s"][..., :1]}, ["'s' has shape (2, 4, 4, 1), expected (2, 4, 4, 2)"]),
    "other batch": (lambda x: {**x, "b": x["b"][:1]}, ["'b' has shape (1, 4, 2), expected (2, 4, 2)"]),
    "free size": (lambda x: {**x, "w": x["w"][:, :, :1]}, ["'w' has shape (2, 4, 1, 2), expected (2, 4, 2, 2)"]),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_features_are_named(layer, fault):
    change, parts = WRONG[fault]
    with pytest.raises(ValueError, match="expected") as caught:
        layer(change(features(SPACE, 2, 2)))
    for part in parts:
        assert part in str(caught.value)


def test_constructor_faults():
    with pytest.raises(TypeError, match="takes a WeightSpace"):
        EquivariantLinear({"w": "h"}, 1, 2)
    with pytest.raises(TypeError):
        EquivariantLinear(SPACE)
    assert InvariantLinear(SPACE, 1, 2).out_channels == 2
