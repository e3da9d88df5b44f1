"""What probes show of the blocks of a family is stacked as their weights are."""

import pytest
import torch
from torch import nn

import layergen
from layergen.nn import Metanet, Probes
from tests.layergen.test_families import WORDS, Language, language_space


class Mixture(nn.Module):
    """Two layers of experts, each with a gate."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleDict({"gate": nn.Linear(3, 4), "experts": experts()}) for _ in range(2))

    def forward(self, x):
        for layer in self.layers:
            outputs = torch.stack([expert(x) for expert in layer["experts"]], -1)
            x = x + (outputs * layer["gate"](x).softmax(-1)[:, None]).sum(-1)
        return x


def experts():
    return nn.ModuleList(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3)) for _ in range(4))


@pytest.mark.parametrize(("make", "inputs"), [(lambda: Language(3), [WORDS[0]]), (Mixture, [torch.randn(6, 3)])])
def test_values_are_those_of_the_blocks_by_themselves(make, inputs):
    torch.manual_seed(0)
    networks = [make() for _ in range(3)]
    stacked = Probes(networks[0], inputs, count=4)
    plain = layergen.trace(networks[0], inputs, prove=False, families=False)
    alone = Probes(networks[0], inputs, count=4, space=plain.space)
    states = [network.state_dict() for network in networks]
    values, outputs = stacked(layergen.stack(states, stacked.weights))
    expected, same = alone(layergen.stack(states, plain.space))
    assert torch.equal(outputs, same)
    found = {}
    for tensor in stacked.space:
        shape = (3, -1, *tensor.own_shape, 4)
        found |= dict(zip(tensor.members, values[tensor.name].reshape(shape).unbind(1), strict=True))
    assert len(expected) > 8
    assert {name for name in found if name not in expected} == {
        f"probe.layers.{layer}.gate" for layer in range(2) if make is Mixture
    }
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert sum(bool(tensor.family.numbers) for tensor in stacked.space) > len(stacked.space) / 2


def test_values_of_experts_are_stacked_along_both_indices():
    probes = Probes(Mixture(), [torch.randn(6, 3)], count=4)
    assert {"probe.layers.{layers}.gate", "probe.layers.{layers}.experts.{experts}.0"} <= set(probes.space.names)
    hidden = probes.space["probe.layers.{layers}.experts.{experts}.0"]
    assert (hidden.shape, str(hidden).endswith("[layers_experts_0]")) == ((2, 4, 5), True)


def test_values_that_other_blocks_lack_are_left_out():
    space, network = language_space(3), Language(3)
    some = Probes(network, [WORDS[0]], count=2, space=space, record=["blocks.0.*", "embedding"])
    assert set(some.space.names) >= {"probe.embedding", "probe.blocks.0.norm1"}
    assert not any("up" in name for name in some.space.names)


def test_metanetworks_with_probes_read_families():
    space = language_space(3)
    networks = [Language(3) for _ in range(2)]
    metanet = Metanet(space, out_features=2, hidden=4, layers=1, probes=Probes(networks[0], [WORDS[0]], 2, space=space))
    layergen.testing.assert_invariant(metanet, space)
    assert metanet(layergen.stack([network.state_dict() for network in networks], space)).shape == (2, 2)
