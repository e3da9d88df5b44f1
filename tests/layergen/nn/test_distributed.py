"""Metanetworks under DistributedDataParallel, which waits for a gradient of every parameter."""

import pytest
import torch
from hypothesis import given, settings
from torch import multiprocessing

from layergen.nn import ChannelNorm, Gated, InvariantHead, Metanet, NormPointwise, PerTensorLinear, PositionalEmbedding
from layergen.testing import random_features
from symmetry.strategies import weight_spaces
from tests.layergen.nn.parallel import PLAIN, ROTATED, TURNED, loss, train, train_compiled
from tests.layergen.nn.test_representations import COMPACT, INR, MIXED

SPACES = {"plain": PLAIN, "C4 and positions": MIXED, "C4": TURNED, "compact": COMPACT, "SO(3)": ROTATED, "D4": INR}
OPTIONS = {
    "invariant": {"out_features": 2},
    "means": {"out_features": 2, "maximum": False},
    "weights": {"out_channels": 2},
    "update": {"out_channels": 1, "update": True},
    "no norm": {"out_features": 2, "norm": False, "maximum": False, "fourier": 0},
    "no norm, weights": {"out_channels": 2, "norm": False, "dropout": 0.2, "layers": 1},
    "local": {"out_channels": 2, "terms": "local"},
    "local means": {"out_features": 2, "terms": "local", "maximum": False},
    "rank": {"out_features": 2, "rank": 2},
    "no layers": {"out_channels": 2, "layers": 0},
}


def idle(module, x):
    """The parameters that are empty or get no gradient."""
    loss(module(x)).backward()
    return [name for name, p in module.named_parameters() if not p.numel() or p.grad is None]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_every_parameter_gets_a_gradient(space, options):
    assert idle(Metanet(space, hidden=4, **options), random_features(space, 1)) == []


@given(weight_spaces(kinds=("free", "representations"), max_tensors=3, max_order=2, max_entries=24, max_diagrams=60))
@settings(max_examples=10)
def test_every_parameter_gets_a_gradient_in_any_space(space):
    for options in ({"out_features": 2}, {"out_features": 2, "maximum": False}, {"out_channels": 2}):
        assert idle(Metanet(space, hidden=2, **options), random_features(space, 1)) == []


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize(
    "make",
    [
        lambda space: PerTensorLinear(space, 2, 2),
        lambda space: PositionalEmbedding(space, 2),
        lambda space: ChannelNorm(space, 2),
        lambda space: Gated(space, 2, torch.relu),
        lambda space: NormPointwise(space, 2, torch.relu),
        lambda space: InvariantHead(space, 2, 2, hidden=4),
    ],
)
def test_every_parameter_of_a_module_gets_a_gradient(make, space):
    x = {name: value.requires_grad_() for name, value in random_features(space, 2).items()}
    assert idle(make(space), x) == []


def test_keys_of_state_dicts_do_not_depend_on_what_is_learned():
    assert set(PerTensorLinear(TURNED, 2, 2).state_dict()) == set(PerTensorLinear(PLAIN, 2, 2).state_dict())
    assert set(ChannelNorm(TURNED, 2).state_dict()) == set(ChannelNorm(PLAIN, 2).state_dict())


def trained(function, folder):
    """What a function has written on each of two processes."""
    multiprocessing.spawn(function, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_two_processes_train_as_one(tmp_path):
    found = trained(train, tmp_path)
    assert len(found[0]) == len(found[1]) == 6
    assert_as_one(found)


def test_two_processes_train_compiled_networks_as_one(tmp_path):
    found = trained(train_compiled, tmp_path)
    assert len(found[0]) == len(found[1]) == 1
    assert_as_one(found)


def assert_as_one(found):
    """Raise unless two processes have the same parameters, and those of one process."""
    for together, alone in found[0] + found[1]:
        torch.testing.assert_close(together, alone)
    torch.testing.assert_close([together for together, _ in found[0]], [together for together, _ in found[1]])
