"""How every network is trained: AdamW for some seconds of processor time, and the best of its epochs on validation."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from benchmarks.learning.tasks import Part, Score
from layergen import Features

__all__ = ["Learnable", "Outcome", "Recipe", "fit"]

WARM, LOOKS = 0.1, 25
"""The share of the time in which the rate rises; how often at most validation is looked at."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of AdamW: learning rate at its height, weight decay, and networks in a step."""

    rate: float
    decay: float = 0.01
    batch: int = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scores of the best epoch on validation, and how many epochs, steps and seconds of processor time it took."""

    validation: float
    test: float
    epochs: int
    seconds: float


class Learnable(Protocol):
    """What a task has to have: networks in three parts, a score, and a loss of answers and targets."""

    @property
    def train(self) -> Part: ...
    @property
    def validation(self) -> Part: ...
    @property
    def test(self) -> Part: ...
    @property
    def score(self) -> Score: ...
    @property
    def loss(self) -> Callable[[Tensor, Tensor], Tensor]: ...


def fit(
    network: nn.Module,
    task: Learnable,
    recipe: Recipe,
    seconds: float,
    moved: Callable[[Features], Features] = lambda x: x,
) -> Outcome:
    """Train for some seconds of processor time; looking at validation does not count.

    The rate rises and falls once, by the share of the time that is spent. Of the epochs that are looked at, evenly
    over the time, the best on validation is judged on test, and the network is left as it was at that epoch.

    Parameters
    ----------
    network
        The network to train, from features to answers.
    task
        What it is asked.
    recipe
        How it is trained.
    seconds
        How much processor time it has.
    moved
        What is done to the features of a batch in training, such as a random element of the group.

    Returns
    -------
    Outcome
        The scores of the best epoch.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    best, kept, spent, epochs, looks = None, network.state_dict(), 0.0, 0, 0
    while spent < seconds:
        network.train()
        epochs += 1
        for rows in torch.randperm(len(task.train)).split(recipe.batch):
            if spent >= seconds:
                break
            start, share = time.process_time(), spent / seconds
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * min(share / WARM + 1e-3, (1 - share) / (1 - WARM))
            batch = task.train.take(rows)
            optimiser.zero_grad()
            task.loss(network(moved(batch.features)), batch.targets).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            spent += time.process_time() - start
        if spent >= seconds or spent / seconds > looks / LOOKS:
            looks += 1
            scored = score(network, task, task.validation)
            if best is None or (scored > best[0]) == task.score.rises:
                best, kept = (scored, score(network, task, task.test)), copy.deepcopy(network.state_dict())
    assert best is not None
    network.load_state_dict(kept)
    network.eval()
    return Outcome(*best, epochs, spent)


def score(network: nn.Module, task: Learnable, part: Part) -> float:
    """The task's score of what a network answers on some networks."""
    return task.score.of(answers(network, part), part.targets)


@torch.no_grad()
def answers(network: nn.Module, part: Part) -> Tensor:
    """What a network answers on some networks, in evaluation mode."""
    network.eval()
    return torch.cat([network(part.take(rows).features) for rows in torch.arange(len(part)).split(100)])
