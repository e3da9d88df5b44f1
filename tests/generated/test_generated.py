"""The checked-in layers as modules: exactly the dimension, equivariant, and well behaved in torch."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch

import symmetry
from generated.regenerate import HERE, LAYERS
from symmetry import EquivariantMaps
from symmetry.language.axes import print_axes
from symmetry.space.reading import readings
from tests.compiler import CAN_BUILD
from tests.generated.layers import (
    as_dict,
    assert_same,
    every_layer,
    features,
    layer_class,
    maps_of,
    random_layer,
    shared,
    small_maps,
)
from tests.generated.mistakes import moving_only, occurrences, taken_out
from tests.layergen.oracle import mean_squares, standard_deviations

small_layers = pytest.mark.parametrize("layer", LAYERS[:3], ids=lambda layer: layer.name)


@every_layer
def test_the_parameters_are_exactly_the_dimension(layer):
    cls, maps = layer_class(layer), maps_of(layer)
    assert (maps.dimension, maps.bias_dimension) == (cls.DIMENSION, cls.BIAS_DIMENSION)
    for bias in (True, False):
        module = cls(2, 3, bias)
        assert sum(p.numel() for p in module.parameters()) == maps.dimension * 6 + bias * maps.bias_dimension * 3


@every_layer
def test_the_header_says_for_which_widths_it_is_everything(layer):
    text, maps = " ".join((HERE / f"{layer.name}.py").read_text(encoding="utf-8").split("\n# ")), maps_of(layer)
    least = {name: int(width) for name, width in re.findall(r"(\w+) >= (\d+)", text)}
    _, fixed = readings(maps.source, maps.target)
    assert set(least) == {index.name for index in maps.source.indices if index.joined} - set(fixed)
    assert dimension_at(maps, least) == (maps.dimension, maps.bias_dimension)
    # Where there are charges, fewer blocks are allowed than there are positions: the bound is not the least.
    for name, width in () if any(index.charged for index in maps.source.indices) else least.items():
        if width > 1:
            assert dimension_at(maps, least | {name: width - 1}) < (maps.dimension, maps.bias_dimension)


def dimension_at(maps, sizes):
    resized = EquivariantMaps(maps.source.resized(sizes), maps.target.resized(shared(sizes, maps.target)))
    return resized.dimension, resized.bias_dimension


@every_layer
def test_independent_proofs_give_the_same_dimension(layer):
    symmetry.verify(maps_of(layer))


@every_layer
def test_the_layer_commutes_with_the_permutations(layer):
    maps, module = small_maps(layer), random_layer(layer)
    x = features(maps.source)
    for seed in range(3):
        g = symmetry.random_element(maps.source, np.random.default_rng(seed), positional=True)
        expected = g.on(maps.target).act(as_dict(module(x)), channels=True)
        assert_same(module(g.act(x, channels=True)), expected, rtol=1e-10, atol=1e-10)


@every_layer
def test_the_layer_commutes_at_the_declared_widths(layer):
    maps, module = maps_of(layer), random_layer(layer, 1, 1)
    x = features(maps.source, 1, 1)
    g = symmetry.random_element(maps.source, np.random.default_rng(0), positional=True)
    expected = g.on(maps.target).act(as_dict(module(x)), channels=True)
    assert_same(module(g.act(x, channels=True)), expected, rtol=1e-9, atol=1e-9)


permuting_layers = pytest.mark.parametrize(
    "layer", [one for one in LAYERS if not any(i.charged for i in one.space.indices)], ids=lambda layer: layer.name
)


@permuting_layers  # linear maps of signed tensors are more symmetric: few lead from one tensor to another
def test_the_layer_is_no_more_symmetric_than_declared(layer):
    """It must not commute with moving one index of one axis of its input alone (and its output alike)."""
    space = small_maps(layer).source
    module, x = random_layer(layer), features(space)
    expected = as_dict(module(x))
    for occurrence in occurrences(space):
        permuted = not occurrence.word.isdigit() and space.index(occurrence.word).joined
        if permuted and (layer.invariant or stands_alone(space, occurrence.word)):
            continue  # what is linear and invariant sees means only; a positional index is a set to a bare layer
        g = moving_only(taken_out(space, occurrence), "other")
        found = as_dict(module(g.act(x, channels=True)))
        moved = g.act(expected, channels=True) if list(expected) == list(space.names) else expected
        assert any(not torch.allclose(found[name], moved[name], rtol=1e-3, atol=1e-3) for name in found), occurrence


def stands_alone(space, index):
    """Whether an index occurs only once in a weight space."""
    return len([other for other in occurrences(space) if other.word == index]) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@every_layer
def test_the_layer_runs_in_other_precisions(layer, dtype):
    space, reference = small_maps(layer).source, random_layer(layer)
    module = layer_class(layer)(2, 3, dtype=dtype)
    assert {p.dtype for p in module.parameters()} == {dtype}
    module.load_state_dict(reference.state_dict())
    found, expected = as_dict(module(features(space, dtype=dtype))), as_dict(reference(features(space)))
    tolerance = 1e-4 if dtype == torch.float32 else 0.1
    for name, value in found.items():
        assert value.dtype == dtype
        error = (value.double() - expected[name]).abs().max() / expected[name].abs().max()
        assert error < tolerance, name


@every_layer
def test_the_layer_runs_under_autocast(layer):
    module, x = random_layer(layer, dtype=torch.float32), features(small_maps(layer).source, dtype=torch.float32)
    expected = as_dict(module(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = as_dict(module(x))
    for name, value in found.items():
        assert value.dtype == torch.bfloat16, name
        error = (value.float() - expected[name]).abs().max() / expected[name].abs().max()
        assert error < 0.1, name


@every_layer
def test_each_network_of_a_batch_goes_its_own_way(layer):
    module, x = random_layer(layer), features(small_maps(layer).source, batch=3)
    together = as_dict(module(x))
    for number in range(3):
        alone = as_dict(module({name: value[number : number + 1] for name, value in x.items()}))
        assert_same({n: v[number : number + 1] for n, v in together.items()}, alone, rtol=1e-10, atol=1e-10)
    assert all(len(value) == 0 for value in as_dict(module({name: value[:0] for name, value in x.items()})).values())


@every_layer
def test_weights_and_copies_travel(layer):
    module, x = random_layer(layer), features(small_maps(layer).source)
    expected = module(x)
    fresh = layer_class(layer)(2, 3, dtype=torch.float64)
    fresh.load_state_dict(module.state_dict())
    for other in (fresh, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module)
        assert_same(other(x), expected, rtol=0, atol=0)


@every_layer
def test_fresh_weights_keep_the_variance(layer):
    """At the declared widths, inputs of unit variance give outputs of unit variance, each entry that a map reaches."""
    deviations = standard_deviations(lambda: layer_class(layer)(1, 1))
    assert all(square == pytest.approx(1, rel=1e-5) for square in mean_squares(maps_of(layer), deviations).values())


@every_layer
def test_the_layer_exports(layer):
    module, x = random_layer(layer), features(small_maps(layer).source)
    exported = torch.export.export(module, (x,)).module()
    assert_same(exported(x), module(x), rtol=1e-12, atol=1e-12)


@small_layers
def test_the_layer_compiles_without_graph_breaks(layer):
    torch.compiler.reset()
    module, x = random_layer(layer), features(small_maps(layer).source)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    assert_same(compiled(x), module(x), rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(not CAN_BUILD, reason="inductor needs a C++ compiler and Python's headers")
def test_the_layer_compiles_with_inductor(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    layer = LAYERS[1]
    module, x = random_layer(layer), features(small_maps(layer).source)
    assert_same(torch.compile(module, fullgraph=True)(x), module(x), rtol=1e-10, atol=1e-10)


@small_layers
def test_gradients(layer):
    space = small_maps(layer).source
    module = random_layer(layer, 1, 1)
    names, values = zip(*features(space, 1, 1).items(), strict=True)
    keys, weights = zip(*module.named_parameters(), strict=True)

    def output(*tensors):
        x = dict(zip(names, tensors[: len(names)], strict=True))
        parameters = dict(zip(keys, tensors[len(names) :], strict=True))
        return tuple(as_dict(torch.func.functional_call(module, parameters, (x,))).values())

    inputs = [tensor.detach().requires_grad_() for tensor in (*values, *weights)]
    assert torch.autograd.gradcheck(output, inputs)


@every_layer
def test_every_parameter_and_every_tensor_gets_a_gradient(layer):
    module, x = random_layer(layer), features(small_maps(layer).source)
    for value in x.values():
        value.requires_grad_()
    sum(value.square().sum() for value in as_dict(module(x)).values()).backward()
    for name, tensor in (*module.named_parameters(), *x.items()):
        assert tensor.grad is not None, name
        assert (tensor.grad != 0).all(), name


@every_layer
def test_wrong_names_are_named(layer):
    module, x = random_layer(layer), features(small_maps(layer).source)
    first, *_ = x
    with pytest.raises(ValueError, match=re.escape(f"missing: [{first!r}]")):
        module({name: value for name, value in x.items() if name != first})
    with pytest.raises(ValueError, match=re.escape("not expected: ['spare.weight']")):
        module(x | {"spare.weight": x[first]})
    with pytest.raises(ValueError, match=re.escape(first)):
        module({})


@every_layer
def test_wrong_shapes_are_named_with_what_was_expected(layer):
    """One axis or one channel too many, for every tensor."""
    space = small_maps(layer).source
    module, x = random_layer(layer), features(space)
    for tensor in space:
        name, good = tensor.name, x[tensor.name]
        text = f"{name!r} has shape {(2, 1, *tensor.shape, 2)}, expected (batch"
        with pytest.raises(ValueError, match=re.escape(text)):
            module(x | {name: good.unsqueeze(1)})
        text = f"{name!r} has shape {(2, *tensor.shape, 3)}, expected {(2, *tensor.shape, 2)}"
        with pytest.raises(ValueError, match=re.escape(text)):
            module(x | {name: torch.cat([good, good[..., :1]], dim=-1)})


@every_layer
def test_sizes_that_do_not_fit_together_are_refused(layer):
    """One more entry along one axis of one tensor, the batch included."""
    space = small_maps(layer).source
    module, x = random_layer(layer), features(space)
    for tensor in space:
        for dim in range(len(tensor.shape) + 1):
            word = print_axes(tensor.axes[dim - 1 : dim])
            if dim and word.isidentifier() and space.index(word).joined and stands_alone(space, word):
                continue  # any size will do
            longer = torch.cat([x[tensor.name], x[tensor.name].narrow(dim, 0, 1)], dim=dim)
            with pytest.raises(ValueError, match=r"'.*' has shape \(.*\), expected \(.*\)"):
                module(x | {tensor.name: longer})
