"""Statistics and outputs in a row for each network: invariant, what a slow loop gives, heard, and enough to learn."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from layergen import stack, widen
from layergen.nn import Metanet, Probes, SetStatistics
from layergen.nn.pools import TWENTIETHS, Distribution
from layergen.nn.summary import Summary, shown_by
from layergen.testing import assert_invariant, random_features
from symmetry import WeightSpace
from tests.layergen.nn.pooled import SPACES

INR = WeightSpace({"w": "h x", "b": "h", "v": "y h"}, sets={"h": 5}, free={"x": 2, "y": 1})


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return [nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)) for _ in range(9)]


@pytest.fixture(scope="module")
def probes(networks):
    return Probes(networks[0], [torch.randn(6, 2)], count=4)


def slow(entries):
    """Mean, deviation and quantiles of some numbers, one after the other."""
    ordered = sorted(entries)
    mean = sum(entries) / len(entries)
    deviation = math.sqrt(sum((entry - mean) ** 2 for entry in entries) / len(entries))
    quantiles = [next(e for n, e in enumerate(ordered, 1) if 20 * n >= share * len(ordered)) for share in TWENTIETHS]
    return [mean, deviation, *quantiles]


@pytest.mark.parametrize("together", [False, True])
def test_distributions_are_what_a_slow_loop_gives(together):
    values = torch.randn(3, 4, 5, 2, dtype=torch.float64)
    found = Distribution(together=together)(values)
    rows = values.reshape(3, 1, -1) if together else values.flatten(1, 2).mT
    expected = torch.tensor([[slow(row) for row in of_network] for of_network in rows.tolist()])
    torch.testing.assert_close(found.mT, expected.double(), atol=1e-6, rtol=1e-6)


def test_to_repeat_every_entry_changes_no_distribution():
    values = torch.randn(2, 7, 1)
    torch.testing.assert_close(Distribution()(values.repeat_interleave(3, dim=1)), Distribution()(values))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_statistics_are_invariant_and_hear_every_tensor_with_invariants(space):
    statistics = SetStatistics(space, 4)
    assert_invariant(statistics, space, channels=4, examples=10)
    x = random_features(space, 4, batch=2)
    heard = statistics(x)
    assert heard.shape == (2, statistics.out_features)
    assert (statistics({name: 2 * value + 1 for name, value in x.items()}) - heard).abs().max() > 0.1


def test_a_constant_tensor_has_gradients():
    x = {"b": torch.ones(1, 3, 1, requires_grad=True)}
    SetStatistics(WeightSpace({"b": "h"}, sets={"h": 3}), 1)(x).sum().backward()
    assert x["b"].grad.isfinite().all()


def test_what_outputs_show():
    outputs = torch.tensor([[[0.0, math.log(3.0)]]])
    deviation, largest, entropy = shown_by(outputs)[0, 0].tolist()
    assert deviation == pytest.approx(math.log(3.0) / 2)
    assert largest == pytest.approx(math.log(0.75))
    assert entropy == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_single_outputs_show_their_value():
    assert shown_by(torch.tensor([[[3.0], [-1.0]]]))[0].tolist() == [[3.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]


def test_outputs_have_direction_and_length_apart(probes):
    summary = Summary(None, 1, None, probes=4, outputs=3)
    outputs = torch.randn(2, 12)
    one, other = summary({}, {}, outputs, outputs), summary({}, {}, outputs, 10 * outputs)
    torch.testing.assert_close(one[:, 12:24], other[:, 12:24], atol=0.05, rtol=0.05)
    torch.testing.assert_close(other[:, 24] - one[:, 24], torch.full((2,), math.log(10)), atol=0.05, rtol=0)


@pytest.mark.parametrize("fuse", [False, True])
def test_metanets_with_statistics_are_invariant(probes, fuse):
    network = Metanet(probes.weights, out_features=2, hidden=4, probes=probes, statistics=True, fuse=fuse)
    assert_invariant(network, probes.weights, channels=1, examples=10, dtype=torch.float32)


def test_rows_of_a_training_set_are_standard(networks, probes):
    network = Metanet(probes.weights, out_features=2, hidden=4, probes=probes, statistics=True)
    x = stack([one.state_dict() for one in networks], probes.weights)
    statistics = network.fit(x).summary(x)[:, 2 * 12 + 1 :]
    assert statistics.shape[1] == 9 * (4 + 2 + 3)
    torch.testing.assert_close(statistics.mean(0), torch.zeros(81), atol=1e-4, rtol=0)
    varying = statistics.std(0, correction=0) > 1e-3
    torch.testing.assert_close(statistics.std(0, correction=0)[varying], torch.ones(int(varying.sum())))
    assert varying.sum() > 60


def test_the_summary_is_added_to_the_invariants(networks, probes):
    network = Metanet(probes.weights, out_features=2, hidden=4, probes=probes, statistics=True)
    x = stack([one.state_dict() for one in networks], probes.weights)
    with torch.no_grad():
        whole, summary = network(x), network.from_summary(network.summary(x))
        network.fused = None
        torch.testing.assert_close(network(x) + summary, whole)


def test_statistics_learn_a_deviation_that_means_do_not_show():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    scales = torch.tensor(rng.uniform(0.5, 2, 200), dtype=torch.float32)
    x = {n: scales.view(-1, *[1] * (v.ndim - 1)) * v for n, v in random_features(INR, batch=200).items()}
    target = (scales - scales.mean()) / scales.std()

    def error(**options):
        network = Metanet(INR, out_features=1, hidden=4, layers=0, maximum=False, **options).fit(x)
        optimiser = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(80):
            optimiser.zero_grad()
            loss = (network(x)[:, 0] - target).square().mean()
            loss.backward()
            optimiser.step()
        return float(loss.detach())

    assert error(statistics=True) < 0.2 < error()


def test_statistics_of_a_widened_network_are_those_of_the_network(networks):
    space = WeightSpace({"0.weight": "h x", "0.bias": "h", "2.weight": "y h"}, sets={"h": 5}, free={"x": 2, "y": 3})
    summed = {"2.weight": "h"}
    state = networks[0].state_dict()
    x = stack([{name: state[name] for name in space.names}], space)
    network = Metanet(space, out_features=2, hidden=4, statistics=True, summed=summed)
    torch.testing.assert_close(network.summary(widen(x, space, summed, 3)), network.summary(x))


def test_statistics_are_of_whole_networks():
    with pytest.raises(ValueError, match="statistics are invariants of whole networks"):
        Metanet(INR, out_channels=1, statistics=True)
    with pytest.raises(ValueError, match="no summary"):
        Metanet(INR, out_features=1).summary(random_features(INR))


def test_tensors_with_vectors_have_no_summary():
    space = WeightSpace({"a": "r i", "b": "o r^-1"}, vectors={"r": {"size": 2, "group": "GL"}}, free={"i": 3, "o": 3})
    network = Metanet(space, out_features=1, statistics=True)
    with pytest.raises(ValueError, match="of vectors there are none"):
        network.summary({"a": torch.randn(2, 2, 3, 1), "b": torch.randn(2, 3, 2, 1)})


def test_beside_vectors_statistics_of_what_probes_show_are_left():
    module = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 3, bias=False))
    tensors, vectors = {"0.weight": "r i", "1.weight": "o r^-1"}, {"r": {"size": 2, "group": "GL"}}
    space = WeightSpace(tensors, vectors=vectors, free={"i": 3, "o": 3})
    probes = Probes(module, [torch.randn(4, 3)], count=4, space=space, prove=False)
    network = Metanet(space, out_features=1, statistics=True, probes=probes, fuse=False)
    x = {name: torch.randn(5, *shape, 1) for name, shape in space.shapes.items()}
    assert SetStatistics(space, 1)(x).shape == (5, 0)
    rows = network.fit(x).summary(x)
    assert rows.shape == (5, 3 * Distribution.numbers)
    assert rows.std(0).min() > 0
