"""Emitted modules in memory: shared while a layer uses them, gone with the last, and made again elsewhere."""

import gc
import inspect
import linecache
import pickle
import subprocess
import sys
import traceback
import weakref

import pytest
import torch

import layergen
from layergen.linear import EquivariantLinear, InvariantLinear
from symmetry import EquivariantMaps, WeightSpace
from tests.layergen.oracle import features
from tests.test_imports import ROOT

SPACE = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})


def in_memory():
    """The emitted modules that the interpreter knows, by name, and those whose lines it knows."""
    gc.collect()
    names = (name for name in sys.modules if name.startswith("layergen_emitted"))
    return {*names, *(name for name in linecache.cache if name.startswith("<layergen"))}


def of_width(size):
    return WeightSpace({"w": "h x"}, sets={"h": size}, free={"x": 3})


def test_modules_are_released_with_the_layers_that_use_them():
    before = in_memory()
    layers = [EquivariantLinear(of_width(size), 1, 1) for size in range(2, 72)]
    heads = [InvariantLinear(of_width(size), 1, 1) for size in range(2, 12)]
    assert len(in_memory() - before) == 2 * (70 + 10)
    del layers[10:], heads
    assert len(in_memory() - before) == 2 * 10
    kept, modules = layers[0], [weakref.ref(layer.emitted.layer) for layer in layers]
    del layers
    x = features(kept.space, 1, 1, torch.float32)
    assert kept(x)["w"].shape == (1, 2, 3, 1)
    assert len(in_memory() - before) == 2
    assert [module() is not None for module in modules] == [True] + [False] * 9
    del kept
    assert not in_memory() - before


def test_what_a_layer_leaves_behind_it_does_not_hold():
    before = in_memory()
    layer = EquivariantLinear(SPACE, 1, 2)
    copies = [pickle.loads(pickle.dumps(layer)), layergen.nn.Residual(layer)]
    torch.compile(layer, backend="eager")(features(SPACE, 1, 1, torch.float32))
    parameter = layer.mix
    del layer, copies
    torch._dynamo.reset()
    assert not in_memory() - before
    assert parameter.shape[1] == 2 * 3


def test_layers_of_one_specification_share_a_module():
    same = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})
    layer, twin = EquivariantLinear(SPACE, 1, 2), EquivariantLinear(same, 3, 4, bias=False)
    assert twin.code == layer.code == layergen.generate(SPACE, name="EquivariantLinear")
    known = in_memory()
    third = EquivariantLinear(SPACE, 5, 5)
    assert third.code is layer.code
    assert not in_memory() - known
    assert EquivariantLinear(SPACE, 1, 2, rank=1).code != layer.code
    assert InvariantLinear(SPACE, 1, 2).code == layergen.generate(
        SPACE, name="InvariantLinear", target=InvariantLinear(SPACE, 1, 2).target
    )


def test_a_module_made_again_is_another_to_torch():
    """Compiled code remembers modules by name: none is given out twice."""
    for _ in range(3):
        layer = EquivariantLinear(SPACE, 2, 2)
        x = features(SPACE, 1, 2, torch.float32)
        out = torch.compile(layer, backend="eager", fullgraph=True)(x)
        assert all(torch.allclose(value, layer(x)[name]) for name, value in out.items())
        del layer


def test_tracebacks_show_the_emitted_lines():
    layer, x = EquivariantLinear(SPACE, 1, 2), features(SPACE, 1, 1, torch.float64)
    with pytest.raises(RuntimeError) as caught:
        layer(x)
    (frame,) = [frame for frame in traceback.extract_tb(caught.tb) if "self.mix" in frame.line]
    assert layer.code.splitlines()[frame.lineno - 1].strip() == frame.line
    assert inspect.getsource(layer.emitted.layer.forward) in layer.code


def test_pickles_work_where_the_module_was_never_made():
    torch.manual_seed(0)
    layer = layergen.nn.Metanet(SPACE, out_features=2, hidden=4)
    x = features(SPACE, 2, 1, torch.float32)
    program = """
import pickle, sys
layer, x = pickle.load(sys.stdin.buffer)
pickle.dump((layer(x), layer), sys.stdout.buffer)
"""
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, input=pickle.dumps((layer, x)), capture_output=True, check=True, cwd=ROOT)
    expected = layer(x)
    del layer
    gc.collect()
    out, again = pickle.loads(found.stdout)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(again(x), expected)


def test_a_smaller_limit_is_kept_to_where_a_module_is_at_hand():
    layer = EquivariantLinear(SPACE, 1, 1)
    assert layer.maps == EquivariantMaps(SPACE)
    with pytest.raises(ValueError, match="limit"):
        EquivariantLinear(SPACE, 1, 1, limit=2)
