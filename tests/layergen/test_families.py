"""Families of tensors from end to end: read, stacked, derived, learned on at one depth and run at another."""

import re

import pytest
import torch
from torch import nn

import layergen
from layergen.preservation import assert_function_preserved
from symmetry import EquivariantMaps, WeightSpace, parse

AXES = {
    "embedding.weight": "v d",
    "blocks.{layer}.norm1.weight": "d",
    "blocks.{layer}.norm1.bias": "d",
    "blocks.{layer}.query.weight": "(head dk) d",
    "blocks.{layer}.key.weight": "(head dk) d",
    "blocks.{layer}.value.weight": "(head dv) d",
    "blocks.{layer}.out.weight": "d (head dv)",
    "blocks.{layer}.norm2.weight": "d",
    "blocks.{layer}.norm2.bias": "d",
    "blocks.{layer}.up.weight": "h d",
    "blocks.{layer}.up.bias": "h",
    "blocks.{layer}.down.weight": "d h",
    "blocks.{layer}.down.bias": "d",
    "norm.weight": "d",
    "norm.bias": "d",
}


class Block(nn.Module):
    """A block of a transformer, its heads and units of its own."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2, self.heads = nn.LayerNorm(width), nn.LayerNorm(width), heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        y = self.norm1(x)
        q, k, v = (one(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in (self.query, self.key, self.value))
        mixed = (q @ k.transpose(2, 3)).tanh() @ v
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Language(nn.Module):
    """A language model whose output weights are its embedding."""

    def __init__(self, depth, width=8, heads=2, words=5):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.4)

    def forward(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.embedding.weight.T


def language_space(depth, width=8, heads=2, words=5, **sets):
    """The weight space of `Language`: a family for each tensor of a block."""
    sets = {
        "d": width,
        "head": {"size": heads, "within": "layer"},
        "dk": {"size": width // heads, "within": "head"},
        "dv": {"size": width // heads, "within": "head"},
        "h": {"size": 2 * width, "within": "layer"},
        **sets,
    }
    return WeightSpace(AXES, sets=sets, positional={"layer": depth, "v": words})


WORDS = [torch.tensor([[0, 1, 2, 3, 4, 0], [3, 3, 1, 4, 0, 2]])]


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return [Language(3) for _ in range(4)]


def spelled_out(space):
    """The same tensors without families: every layer has heads and units of its own."""
    tensors, sets = {}, {"d": space.sizes["d"]}
    for tensor in space:
        for member in tensor.members:
            axes, (_, layer, *_) = str(tensor)[len(tensor.name) + 1 : -1], f"{member}.".split(".")
            for name, parent in (("head", None), ("dk", "head"), ("dv", "head"), ("h", None)):
                own = f"{name}{layer}"
                if (changed := re.sub(rf"\b{name}\b", own, axes)) != axes:
                    within = {} if parent is None else {"within": f"{parent}{layer}"}
                    axes, sets[own] = changed, {"size": space.sizes[name], **within}
            tensors[member] = axes
    return WeightSpace(tensors, sets=sets, positional={"v": space.sizes["v"]})


def test_a_language_model_has_as_many_dimensions_at_any_depth():
    maps = [EquivariantMaps(language_space(depth, width=64, heads=4, words=100)) for depth in (2, 12, 96)]
    assert [one.dimension for one in maps] == [749] * 3
    apart = spelled_out(maps[1].source)
    assert len(apart) == 147
    assert EquivariantMaps(apart).dimension == 40_568


def test_what_is_declared_is_a_symmetry_of_the_network(networks):
    assert_function_preserved(networks[0], language_space(3), WORDS)
    assert_function_preserved(networks[0], spelled_out(language_space(3)), WORDS)


@pytest.mark.parametrize("name", ["head", "h", "dk"])
def test_units_of_one_layer_that_move_with_those_of_another_are_no_finer_symmetry(networks, name):
    """Without `within` the same units are permuted in every layer alike: a smaller group, which is preserved too."""
    smaller = language_space(3, **{name: 2 if name == "head" else {"h": 16, "dk": 4}[name]})
    assert_function_preserved(networks[0], smaller, WORDS)


def test_layers_are_not_permuted(networks):
    wrong = str(language_space(3)).replace("[positional]\nlayer = 3\n", "[positional]\n")
    wrong = parse(wrong.replace("[sets]\n", "[sets]\nlayer = 3\n"))
    with pytest.raises(AssertionError, match="exchanging elements 0 and 1 of 'layer'"):
        assert_function_preserved(networks[0], wrong, WORDS)


def test_members_are_stacked_in_the_order_of_their_numbers(networks):
    space = language_space(3)
    x = layergen.stack([network.state_dict() for network in networks], space)
    assert x["blocks.{layer}.up.bias"].shape == (4, 3, 16, 1)
    for number, block in enumerate(networks[2].blocks):
        assert torch.equal(x["blocks.{layer}.up.bias"][2, number, :, 0], block.up.bias)
    back = layergen.unstack(x, space, like=networks[0])
    for network, state in zip(networks, back, strict=True):
        own = network.state_dict()
        assert list(state) == list(own)
        assert all(torch.equal(state[name], own[name]) for name in own)


def test_missing_members_are_named(networks):
    state = dict(networks[0].state_dict())
    del state["blocks.0.norm1.weight"], state["blocks.2.up.bias"]
    state["blocks.3.norm1.weight"] = torch.ones(8)
    with pytest.raises(ValueError, match=r"'blocks.0.norm1.weight' is missing") as caught:
        layergen.stack([state], language_space(3))
    assert "'blocks.2.up.bias' is missing" in str(caught.value)
    assert "'blocks.3.norm1.weight' is not declared" in str(caught.value)


def test_the_first_blocks_may_be_declared_apart():
    """`{later+1}` has numbers from one, and `{(1 + later)}` keeps what the first block has from the others."""
    space = WeightSpace({"{(1 + later)}.w": "d", "{later+1}.b": "d"}, sets={"d": 4}, positional={"later": 2})
    assert space["{later+1}.b"].members == ("1.b", "2.b")
    state = {f"{n}.w": torch.full((4,), n) for n in range(3)} | {f"{n}.b": torch.full((4,), n) for n in (1, 2)}
    x = layergen.stack([{name: value.float() for name, value in state.items()}], space)
    assert x["{(1 + later)}.w"].shape == (1, 3, 4, 1)
    assert x["{later+1}.b"][0, :, 0, 0].tolist() == [1, 2]
    # The first block's vector and the mean of the others go to each other and to each: more maps than all alike have.
    alike = WeightSpace({"{layer}.w": "d", "{later+1}.b": "d"}, sets={"d": 4}, positional={"layer": 3, "later": 2})
    assert EquivariantMaps(space).block("{(1 + later)}.w", "{(1 + later)}.w").dimension == 2 * (1 + 1 + 1 + 2)
    assert EquivariantMaps(alike).block("{layer}.w", "{layer}.w").dimension == 2 * 2


def test_experts_are_a_set_across_tensors():
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Linear(3, 4)
            self.experts = nn.ModuleList(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)) for _ in range(4))

        def forward(self, x):
            outputs = torch.stack([expert(x) for expert in self.experts], -1)
            return (outputs * self.gate(x).softmax(-1)[..., None, :]).sum(-1)

    space = WeightSpace(
        {
            "gate.weight": "expert x",
            "gate.bias": "expert",
            "experts.{expert}.0.weight": "h x",
            "experts.{expert}.0.bias": "h",
            "experts.{expert}.2.weight": "y h",
            "experts.{expert}.2.bias": "y",
        },
        sets={"expert": 4, "h": {"size": 5, "within": "expert"}},
        free={"x": 3, "y": 2},
    )
    module, inputs = Experts(), [torch.randn(6, 3)]
    assert_function_preserved(module, space, inputs)
    without_gate = parse(str(space).replace('"gate.bias" = "expert"', '"gate.bias" = "4"'))
    with pytest.raises(AssertionError, match="exchanging elements 0 and 1 of 'expert'"):
        assert_function_preserved(module, without_gate, inputs)
    layergen.testing.assert_equivariant(layergen.EquivariantLinear(space, 1, 2), space)


def test_one_layer_reads_any_number_of_members(networks):
    space = language_space(3)
    deep = space.resized({"layer": 7})
    layer = layergen.EquivariantLinear(space, 2, 3)
    layergen.testing.assert_equivariant(layer, deep)
    metanet = layergen.nn.Metanet(space, out_features=2, hidden=4, layers=2)
    small = layergen.stack([network.state_dict() for network in networks], space)
    large = layergen.stack([Language(7).state_dict()], deep)
    assert metanet(small).shape == (4, 2)
    assert metanet(large).shape == (1, 2)
    assert "7" not in str(metanet.space)


def test_a_metanetwork_tells_layers_apart(networks):
    space = language_space(3)
    metanet = layergen.nn.Metanet(space, out_features=2, hidden=4, layers=2)
    x = layergen.stack([networks[0].state_dict()], space)
    turned = {name: value.flip(1) if "{layer}" in name else value for name, value in x.items()}
    assert not torch.allclose(metanet(x), metanet(turned))
    layergen.testing.assert_invariant(metanet, space)


def test_weights_of_families_are_run_and_changed(networks):
    space = language_space(3)
    x = layergen.stack([network.state_dict() for network in networks], space)
    outputs = layergen.functional(networks[0], x, WORDS)
    for network, output in zip(networks, outputs, strict=True):
        assert torch.allclose(network(*WORDS), output, atol=1e-5)


def test_functions_of_state_dicts_have_the_names_of_members():
    space = WeightSpace({"{layer}.b": "h", "c": "h"}, sets={"h": 3}, positional={"layer": 2})

    def centred(state):
        assert list(state) == ["0.b", "1.b", "c"]
        return {name: value - value.mean() for name, value in state.items()}

    def sorted_first(state):
        return {**state, "0.b": state["0.b"].sort().values}

    layergen.testing.assert_equivariant(centred, space, form="state_dict", channels=1)
    with pytest.raises(AssertionError, match=r"\{layer\}.b"):
        layergen.testing.assert_equivariant(sorted_first, space, form="state_dict", channels=1)


def test_graphs_of_networks_hold_the_members(networks):
    graph = pytest.importorskip("layergen.graph")
    space = language_space(3)
    state = networks[0].state_dict()
    back = graph.state_dicts(graph.parameter_graphs([(space, state)]))[0]
    assert all(torch.equal(back[name], value) for name, value in state.items())
