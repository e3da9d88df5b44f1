"""Training on two processes, compared with training on one. Processes import this file, so it imports little."""

import copy
from itertools import islice

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from layergen.nn import Metanet
from symmetry import WeightSpace

__all__ = ["PLAIN", "ROTATED", "TURNED", "loss", "train", "train_compiled"]

PLAIN = WeightSpace({"w": "h x", "v": "(h + x) p", "b": "h"}, sets={"h": 3}, free={"x": 2}, positional={"p": 2})
TURNED = WeightSpace(
    {"w": "h xy"}, sets={"h": 3}, representations={"xy": {"group": "C4", "representation": "standard"}}
)
ROTATED = WeightSpace(
    {"w": "h xyz"}, sets={"h": 3}, representations={"xyz": {"group": "SO(3)", "representation": "standard"}}
)


def loss(output):
    """A generic function of outputs, the mean over networks."""
    values = output.values() if isinstance(output, dict) else [output]
    rows = torch.cat([value.flatten(1) for value in values], dim=1)
    return (rows.square() * torch.linspace(1, 2, rows.shape[1], dtype=rows.dtype)).sum(1).mean()


def networks():
    """A metanetwork for each of some spaces and sorts of output, with two batches of two networks."""
    torch.manual_seed(0)
    for space in (PLAIN, TURNED, ROTATED):
        for options in ({"out_features": 2}, {"out_channels": 1}):
            network = Metanet(space, hidden=4, layers=1, **options, dtype=torch.float64)
            batches = [{t.name: torch.randn(2, *t.shape, 1, dtype=torch.float64) for t in space} for _ in range(2)]
            yield network, batches


def stepped(network, batches):
    """The parameters after a step for each batch."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for x in batches:
        optimiser.zero_grad()
        loss(network(x)).backward()
        optimiser.step()
    return [parameter.detach() for parameter in network.parameters()]


def train(rank, folder):
    """Train on one of two processes, which has one network of each batch, and on all of it alone.

    Both results go to a file of the folder, for each network a pair of lists of parameters.
    """
    compare(rank, folder, networks(), DistributedDataParallel)


def train_compiled(rank, folder):
    """The same for the first of the networks, compiled as far as inductor, which takes minutes."""

    def wrapped(network):
        return torch.compile(DistributedDataParallel(network), backend="aot_eager")

    compare(rank, folder, islice(networks(), 1), wrapped)


def compare(rank, folder, pairs, wrapped):
    """Train networks on their share of batches, wrapped, and on all of them alone."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found = []
    for network, batches in pairs:
        alone = stepped(copy.deepcopy(network), batches)
        share = [{name: value[rank : rank + 1] for name, value in x.items()} for x in batches]
        found.append((stepped(wrapped(network), share), alone))
    torch.save(found, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()
