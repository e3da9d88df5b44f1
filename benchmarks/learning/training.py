"""How every network is trained: AdamW for some seconds of processor time, and the best of its epochs on validation."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.learning.tasks import Part, Task

__all__ = ["Outcome", "Recipe", "fit"]

BATCH, WARM, LOOKS = 32, 0.1, 25
"""Networks in a step; the share of the time in which the rate rises; how often at most validation is looked at."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of AdamW: learning rate at its height, and weight decay."""

    rate: float
    decay: float = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scores of the best epoch on validation, and how many epochs, steps and seconds of processor time it took."""

    validation: float
    test: float
    epochs: int
    seconds: float


def fit(network: nn.Module, task: Task, recipe: Recipe, seconds: float) -> Outcome:
    """Train for some seconds of processor time; looking at validation does not count.

    The rate rises and falls once, by the share of the time that is spent. Of the epochs that are looked at, evenly
    over the time, the best on validation is judged on test.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    best, spent, epochs, looks = None, 0.0, 0, 0
    while spent < seconds:
        network.train()
        epochs += 1
        for rows in torch.randperm(len(task.train)).split(BATCH):
            if spent >= seconds:
                break
            start, share = time.process_time(), spent / seconds
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * min(share / WARM + 1e-3, (1 - share) / (1 - WARM))
            batch = task.train.take(rows)
            optimiser.zero_grad()
            task.loss(network(batch.features), batch.targets).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            spent += time.process_time() - start
        if spent >= seconds or spent / seconds > looks / LOOKS:
            looks += 1
            scored = score(network, task, task.validation)
            if best is None or (scored > best[0]) == task.score.rises:
                best = scored, score(network, task, task.test)
    assert best is not None
    return Outcome(*best, epochs, spent)


def score(network: nn.Module, task: Task, part: Part) -> float:
    """The task's score of what a network answers on some networks."""
    return task.score.of(answers(network, part), part.targets)


@torch.no_grad()
def answers(network: nn.Module, part: Part) -> Tensor:
    """What a network answers on some networks, in evaluation mode."""
    network.eval()
    return torch.cat([network(part.take(rows).features) for rows in torch.arange(len(part)).split(100)])
