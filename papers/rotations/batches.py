"""Many networks of one architecture at once, by their weights; and the training of a metanetwork on them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

import layergen
from layergen import Features
from layergen.nn import Metanet
from symmetry import WeightSpace

__all__ = ["Features", "Weights", "chosen", "run", "train", "weights_of"]

Weights = dict[str, Tensor]
"""A network's tensors by name, those of many networks stacked: `(network, *shape)`."""


def run(network: nn.Module, weights: Weights, inputs: Tensor) -> Tensor:
    """What networks with such weights compute from the same inputs, `(network, *output)`."""
    return vmap(lambda one: functional_call(network, one, (inputs,)))(weights)


def weights_of(x: Features, space: WeightSpace) -> Weights:
    """The weights of the networks whose features are given, in the shapes of their modules."""
    states = layergen.unstack(x, space)
    return {name: torch.stack([state[name] for state in states]) for name in space.names}


def chosen(x: Features, which: Tensor) -> Features:
    """The features of some of the networks."""
    return {name: value[which] for name, value in x.items()}


def train(
    metanet: Metanet,
    x: Features,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    epochs: int,
    batch: int,
    change: Callable[[Features], Features] | None = None,
) -> Metanet:
    """Train a metanetwork on some networks; returns it.

    `loss` takes the outputs for a batch, and which networks these are. `change` is done to every batch before.
    """
    count = len(next(iter(x.values())))
    steps, peak = epochs * (count // batch), 3e-3
    metanet.fit(x).train()
    optimiser = torch.optim.AdamW(metanet.parameters(), lr=peak, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps)
    for _ in range(epochs):
        for which in torch.randperm(count)[: count // batch * batch].split(batch):
            given = chosen(x, which)
            optimiser.zero_grad()
            loss(metanet(change(given) if change else given), which).backward()
            optimiser.step()
            schedule.step()
    return metanet
