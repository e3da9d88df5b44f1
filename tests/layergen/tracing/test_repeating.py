"""Repeated blocks of traced modules: families, experts that may change places, large frozen axes as positions."""

import json

import pytest
import torch
from torch import nn

import layergen
import symmetry
from layergen.preservation import assert_function_preserved
from symmetry import EquivariantMaps, SpecificationError
from tests.layergen.cli.commands import run
from tests.layergen.test_families import WORDS, Language


def expert(width=3):
    return nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, width))


class Mixture(nn.Module):
    """Experts, and what decides how much each of them counts."""

    def __init__(self, combine, experts=4, **modules):
        super().__init__()
        self.combine, self.experts = combine, nn.ModuleList(expert() for _ in range(experts))
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        return self.combine(self, x, torch.stack([expert(x) for expert in self.experts], -1))


def soft(net, x, outputs):
    return (outputs * net.gate(x).softmax(-1)[:, None]).sum(-1)


def best_two(net, x, outputs):
    scores = net.gate(x)
    least = scores.topk(2, -1).values[:, 1:]
    return (outputs * scores.masked_fill(scores < least, -torch.inf).softmax(-1)[:, None]).sum(-1)


def mean(net, x, outputs):
    return outputs.mean(-1)


def in_order(net, x, outputs):
    return (outputs * torch.arange(4.0)).sum(-1)


def first_twice(net, x, outputs):
    scores = net.gate(x).softmax(-1)
    return (outputs * scores[:, None]).sum(-1) + outputs[..., 0]


def half_gated(net, x, outputs):
    """The gate counts the experts, four outputs beside it do not."""
    return (outputs * net.gate(x).softmax(-1)[:, None]).sum(-1) @ net.out(x).mT[:3, :3]


SETS = {
    "soft": (soft, {"gate": nn.Linear(3, 4)}, {"gate.weight": "experts 3", "gate.bias": "experts"}),
    "best two": (best_two, {"gate": nn.Linear(3, 4)}, {"gate.weight": "experts 3", "gate.bias": "experts"}),
    "mean": (mean, {}, {}),
    "others of that size": (
        lambda net, x, outputs: soft(net, x, outputs).sum() + net.out(x),
        {"gate": nn.Linear(3, 4), "out": nn.Linear(3, 4)},
        {"gate.weight": "experts 3", "gate.bias": "experts", "out.weight": "4 3", "out.bias": "4"},
    ),
}
POSITIONS = {
    "in order": (in_order, {}),
    "the first counts twice": (first_twice, {"gate": nn.Linear(3, 4)}),
}


@pytest.mark.parametrize("name", SETS)
def test_experts_that_may_change_places_are_a_set(name):
    combine, modules, axes = SETS[name]
    module, inputs = Mixture(combine, **modules), [torch.randn(6, 3)]
    found = layergen.trace(module, inputs)
    assert found.preserved
    assert found.warnings == ()
    assert found.space.index("experts").section == "sets"
    assert found.space.index("experts_0").parent == "experts"
    assert {
        tensor.name: str(tensor)[len(tensor.name) + 1 : -1] for tensor in found.space if tensor.name in axes
    } == axes
    assert_function_preserved(module, found.space, inputs)


@pytest.mark.parametrize("name", POSITIONS)
def test_experts_that_may_not_are_positions(name):
    combine, modules = POSITIONS[name]
    found = layergen.trace(Mixture(combine, **modules), [torch.randn(6, 3)])
    assert found.preserved
    assert found.space.index("experts").section == "positional"
    assert found.space.index("experts_0").parent == "experts"


def test_without_proof_experts_are_positions():
    found = layergen.trace(Mixture(soft, gate=nn.Linear(3, 4)), [torch.randn(6, 3)], prove=False)
    assert found.space.index("experts").section == "positional"


def test_experts_of_layers_are_sets_in_positions():
    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(Mixture(soft, gate=nn.Linear(3, 4)) for _ in range(3))

        def forward(self, x):
            for layer in self.layers:
                x = x + layer(x)
            return x

    found = layergen.trace(Layers(), [torch.randn(6, 3)])
    assert {index.name: (index.section, index.parent) for index in found.space.indices} == {
        "layers": ("positional", None),
        "experts": ("sets", "layers"),
        "layers_experts_0": ("sets", "experts"),
    }
    assert str(found.space["layers.{layers}.gate.weight"]).endswith("[experts 3]")


def test_a_trace_has_as_many_dimensions_at_any_depth():
    spaces = [layergen.trace(Language(depth), WORDS, prove=False).space for depth in (2, 5)]
    assert [space.sizes["blocks"] for space in spaces] == [2, 5]
    assert len({EquivariantMaps(space).dimension for space in spaces}) == 1
    assert spaces[0].resized({"blocks": 5}) == spaces[1]


def test_large_frozen_axes_are_positions():
    network = nn.Sequential(nn.Embedding(33, 4), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 32))
    tokens = [torch.arange(7)]
    space = layergen.trace(network, tokens).space
    assert [(index.name, index.size) for index in space.indices if index.embedded] == [("h_0_2", 33)]
    assert [str(space[name]) for name in ("0.weight", "3.weight")] == ["0.weight[h_0_2 h_0]", "3.weight[32 h_1]"]
    kept = layergen.trace(network, tokens, free={"0.weight": 0}).space
    assert str(kept["0.weight"]) == "0.weight[33 h_0]"
    assert layergen.trace(network, tokens, free={"0.weight": [0, 1]}, prove=False).space == kept


def test_frozen_axes_that_are_one_are_one_index():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 40))
    space = layergen.trace(network, [torch.randn(5, 2)]).space
    assert [str(tensor) for tensor in space][2:] == ["2.weight[h_2 h_0]", "2.bias[h_2]"]
    assert space.index("h_2").section == "positional"


def test_of_many_small_frozen_axes_the_largest_are_positions():
    """The pixels of a patch, and those of a grid that are one axis; what is small stays free."""
    patches = nn.Sequential(nn.Conv2d(3, 5, 16, 16), nn.ReLU(), nn.Conv2d(5, 2, 7))
    images = [torch.randn(1, 3, 112, 112)]
    space = layergen.trace(patches, images, prove=False).space
    assert [str(tensor) for tensor in space][::2] == ["0.weight[h_0 3 h_0_2 h_0_3]", "2.weight[2 h_0 7 7]"]


@pytest.mark.parametrize(
    ("free", "fault"),
    [({"w": 0}, "free= names 'w', which is no tensor"), ({"weight": 2}, "free= names axis 2 of 'weight', which has 2")],
)
def test_axes_that_there_are_not_cannot_stay_free(free, fault):
    with pytest.raises(SpecificationError, match=fault):
        layergen.trace(nn.Linear(2, 40), [torch.randn(1, 2)], free=free)


def test_the_command_writes_families(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Block(nn.Sequential):\n    def forward(self, x):\n        return x + super().forward(x)\n"
        "def make():\n    blocks = [Block(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4)) for _ in range(3)]\n"
        "    return nn.Sequential(nn.Embedding(50, 4), *blocks)\n"
    )
    out = tmp_path / "net.toml"
    arguments = ["trace", f"{tmp_path / 'net.py'}:make", "--input", "7:int64:50", "--output", str(out), "--json"]
    found = json.loads(run(*arguments).stdout)
    space = symmetry.load(out)
    assert found["tensors"]["{block+1}.0.weight"] == "h_0_2 4"
    assert (set(found["sets"]), found["positional"]) == ({"h_0_2"}, {"h_0": 50, "block": 3})
    assert space.names[:2] == ("0.weight", "{block+1}.0.weight")
    run(*arguments, "--no-families", "--free", "0.weight:0")
    assert [str(tensor) for tensor in symmetry.load(out)][:2] == ["0.weight[50 4]", "1.0.weight[h_1_0 4]"]
