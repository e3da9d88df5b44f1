"""Batches of networks are run as each by itself would, and come back as whole state_dicts."""

import pytest
import torch
from torch import nn

import layergen
from layergen.nn import Metanet, TensorNorm
from layergen.testing import assert_equivariant
from symmetry import SpecificationError, WeightSpace
from tests.layergen.oracle import features


class Tied(nn.Module):
    """An embedding that is the readout too, behind a batch norm with its counter."""

    def __init__(self):
        super().__init__()
        self.embedding, self.norm = nn.Embedding(7, 5), nn.BatchNorm1d(5)
        self.readout = nn.Linear(5, 7)
        self.readout.weight = self.embedding.weight

    def forward(self, tokens, scale=1.0):
        return {"logits": self.readout(self.norm(self.embedding(tokens)) * scale), "scale": tokens.new_tensor(1)}


SPACE = WeightSpace(
    {
        "embedding.weight": "token h",
        "norm.weight": "h",
        "norm.bias": "h",
        "norm.running_mean": "h",
        "norm.running_var": "h",
        "readout.bias": "token",
    },
    sets={"h": 5},
    positional={"token": 7},
)


def networks(count):
    torch.manual_seed(0)
    found = [Tied().eval() for _ in range(count)]
    for network in found:
        for value in [*network.parameters(), network.norm.running_mean]:
            nn.init.normal_(value)
    return found


@pytest.mark.parametrize("chunk", [None, 2])
def test_each_network_as_by_itself(chunk):
    several, tokens = networks(3), torch.randint(7, (4,))
    x = layergen.stack([network.state_dict() for network in several], SPACE)
    found = layergen.functional(several[0], x, [tokens], options={"scale": 2.0}, chunk_size=chunk)
    expected = torch.stack([network(tokens, scale=2.0)["logits"] for network in several])
    torch.testing.assert_close(found["logits"], expected)


@pytest.mark.parametrize("chunk", [None, 4])
def test_every_channel_is_a_network(chunk):
    several, tokens = networks(6), torch.randint(7, (4,))
    x = layergen.stack([network.state_dict() for network in several], SPACE)
    channels = {name: torch.cat([value[:3], value[3:]], -1) for name, value in x.items()}
    found = layergen.functional(several[0], channels, [tokens], channels=True, chunk_size=chunk)
    expected = torch.stack([network(tokens)["logits"] for network in several])
    torch.testing.assert_close(found["logits"], torch.stack([expected[:3], expected[3:]], -1))
    assert found["scale"].shape == (3, 2)
    one = layergen.functional(several[0], x, [tokens], channels=True)["logits"]
    torch.testing.assert_close(one[..., 0], expected)


def test_channels_that_are_not_as_many():
    x = layergen.stack([network.state_dict() for network in networks(2)], SPACE)
    twice = {name: torch.cat([value, value], -1) for name, value in x.items()}
    with pytest.raises(ValueError, match="with channels=True every channel is a network"):
        layergen.functional(networks(1)[0], twice, [torch.arange(4)])
    with pytest.raises(ValueError, match=r"'norm.bias' has shape \(2, 5, 1\), expected \(networks, 5, 2\)$"):
        layergen.functional(networks(1)[0], twice | {"norm.bias": x["norm.bias"]}, [torch.arange(4)], channels=True)


def test_gradients_flow_to_the_features():
    (network,) = networks(1)
    x = layergen.stack([network.state_dict()], SPACE)
    learned = [value.requires_grad_() for name, value in x.items() if "running" not in name]  # torch's batch norm
    layergen.functional(network, x, [torch.arange(4)])["logits"].square().sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in learned)


def test_weights_that_are_not_given_are_the_modules():
    several, tokens = networks(2), torch.arange(4)
    x = layergen.stack([network.state_dict() for network in several], SPACE)
    found = layergen.functional(several[0], {"readout.bias": x["readout.bias"]}, [tokens])["logits"]
    several[1].load_state_dict(several[0].state_dict() | {"readout.bias": x["readout.bias"][1, :, 0]})
    torch.testing.assert_close(found[1], several[1](tokens)["logits"])


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"readout.bia": torch.zeros(2, 7, 1)}, "'readout.bia' is no parameter or buffer"),
        ({"readout.bias": torch.zeros(2, 7, 3)}, r"'readout.bias' has shape \(2, 7, 3\), expected \(networks, 7, 1\)"),
        ({"readout.bias": torch.zeros(2, 6, 1)}, "'readout.bias' has shape"),
    ],
)
def test_features_of_another_module(wrong, fault):
    with pytest.raises(ValueError, match=fault):
        layergen.functional(networks(1)[0], wrong, [torch.arange(4)])


def test_whole_state_dicts_come_back():
    several, tokens = networks(2), torch.randint(7, (4,))
    several[0].norm.num_batches_tracked.fill_(9)
    x = layergen.stack([network.state_dict() for network in several], SPACE)
    changed = {name: 2 * value for name, value in x.items()}
    states = layergen.unstack(changed, SPACE, like=several[0])
    expected = layergen.functional(several[0], changed, [tokens])["logits"]
    for number, state in enumerate(states):
        assert list(state) == list(several[0].state_dict())
        assert state["readout.weight"] is state["embedding.weight"]
        assert state["norm.num_batches_tracked"] == 9
        network = Tied().eval()
        network.load_state_dict(state)
        torch.testing.assert_close(network(tokens)["logits"], expected[number])
    states[0]["norm.num_batches_tracked"].zero_()
    assert several[0].norm.num_batches_tracked == 9


PLAIN = WeightSpace({"w": "h x", "b": "h", "c": ""}, sets={"h": 4}, free={"x": 2})


@pytest.mark.parametrize("update", [True, [2], [1]])
def test_updates_of_a_chosen_channel(update):
    torch.manual_seed(0)
    network = Metanet(PLAIN, in_channels=3, out_channels=1, hidden=4, update=update).double()
    x, chosen = features(PLAIN, 2, 3), 0 if update is True else update[0]
    with torch.no_grad():
        network.gamma.copy_(torch.tensor([0.0, 1.0, 2.0]))
        found = network(x)
        network.gamma.zero_()
        still = network(x)
    for name in PLAIN.names:
        torch.testing.assert_close(still[name], x[name][..., chosen : chosen + 1])
        assert torch.equal(found[name], still[name]) == (name == "w")
    assert_equivariant(network, PLAIN, channels=3)


def test_updates_are_in_the_deviations_of_weights():
    """Weights a hundred times as small are changed a hundred times less."""
    torch.manual_seed(0)
    network = Metanet(PLAIN, in_channels=2, out_channels=1, hidden=4, update=[1]).double()
    x, sizes = features(PLAIN, 5, 2), dict(zip(PLAIN.names, (0.01, 1.0, 30.0), strict=True))
    small = {name: value * torch.tensor([7.0, sizes[name]]) for name, value in x.items()}
    with torch.no_grad():
        unfitted, steps = network(x), ({name: network.fit(x)(x)[name] - x[name][..., 1:] for name in x})
        moved = network.fit(small)(small)
    for name, step in steps.items():
        torch.testing.assert_close(moved[name] - small[name][..., 1:], sizes[name] * step)
        assert 0 < step.abs().max() < 0.1 * x[name][..., 1].std()
        assert not torch.allclose(unfitted[name], x[name][..., 1:] + step)


def test_tensors_are_divided_by_their_own_size():
    x = features(PLAIN, 2, 3)
    found = TensorNorm(PLAIN, [0, 2])({name: value * 100 for name, value in x.items()})
    for name, value in found.items():
        dims = tuple(range(1, value.ndim - 1))
        torch.testing.assert_close(value[..., 1], 100 * x[name][..., 1])
        sizes = value.square().mean(dims).sqrt() if dims else value.abs()
        torch.testing.assert_close(sizes[..., [0, 2]], torch.ones(2, 2, dtype=torch.float64))
    signs = WeightSpace({"w": "h x"}, sets={"h": {"size": 4, "scaled": "sign"}}, free={"x": 2})
    assert_equivariant(TensorNorm(signs, [0]), signs, channels=2)
    scales = WeightSpace({"w": "h x"}, sets={"h": {"size": 4, "scaled": "positive"}}, free={"x": 2})
    with pytest.raises(SpecificationError, match="mean square changes with the symmetry of 'h'"):
        TensorNorm(scales, [0])
