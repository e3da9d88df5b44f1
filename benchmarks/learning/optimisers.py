"""Q to S: learned optimisers, taught on short runs of small perceptrons, against Adam and SGD with tuned rates.

The runs are those of `examples/learned_optimiser.py`: eight perceptrons 64-16-16-10 on some of scikit-learn's digits.
What is reported is the loss at the end of a run on other digits, at the width that was taught or another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from math import cos, pi
from typing import Any

import torch
from torch import nn

from benchmarks.learning.methods import Method
from benchmarks.learning.tasks import Score
from benchmarks.learning.training import Outcome
from examples.learned_optimiser import NEW, OLD, SPACE, teach, training
from layergen import Features
from layergen.nn import Metanet, PerTensorLinear, Pointwise, Residual

__all__ = ["RULES", "TASKS", "Falling", "Optimising", "each_weight", "final_loss"]

LAST = 10
"""How many steps at the end of a run the loss is the mean of."""
FACTORS = (0.1, 0.3, 0.5, 1, 1.5, 2, 3, 5)
"""The rates of Adam and of SGD that are tried, as multiples of a usual one."""
LOSS = Score("loss at the end", False, lambda found, _: float(found))


@dataclass(frozen=True, slots=True)
class Optimising:
    """Runs of perceptrons of a width for some steps; rules are taught at width 16, in runs of 100 steps."""

    title: str
    width: int
    steps: int
    score: Score = LOSS


def final_loss(task: Optimising, rule: nn.Module, digits: range, seed: int) -> float:
    """The mean loss of the last steps of a run by a rule, over eight perceptrons."""
    losses = [loss.item() for loss in training(rule, digits, task.width, task.steps, seed=seed)]
    return sum(losses[-LAST:]) / LAST


class Falling(nn.Module):
    """Steps from one channel of the features, at a rate that falls over a run of some steps, as its form says."""

    def __init__(self, channel: int, rate: float, steps: int, form: str) -> None:
        super().__init__()
        self.channel, self.rate, self.steps, self.form, self.taken = channel, rate, steps, form, 0

    def forward(self, x: Features) -> Features:
        share = self.taken % self.steps / self.steps
        self.taken += 1
        factors = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + cos(pi * share)) / 2}
        return {name: self.rate * factors[self.form] * value[..., : self.channel + 1] for name, value in x.items()}


def tuned(channel: int, usual: float) -> Callable[..., Outcome]:
    """What tries a rule at several rates on the digits that others are taught on, and takes the best to new ones."""

    def run(task: Optimising, _: float, *, form: str) -> Outcome:
        start, seed = time.process_time(), torch.initial_seed()

        def loss(rate: float, digits: range) -> float:
            return final_loss(task, Falling(channel, rate, task.steps, form), digits, seed_of(seed))

        known = {usual * factor: loss(usual * factor, OLD) for factor in FACTORS}
        best = min(known, key=known.__getitem__)
        return Outcome(known[best], loss(best, NEW), len(FACTORS), time.process_time() - start)

    return run


def learned(make: Callable[..., nn.Module]) -> Callable[..., Outcome]:
    """What teaches a network for some seconds of processor time, and lets it train other perceptrons."""

    @cache
    def taught(seconds: float, seed: int, **options: Any) -> tuple[nn.Module, int, float]:
        torch.manual_seed(seed)
        network, start, runs = make(**options), time.process_time(), count()
        rule = teach(network, within(seconds, runs))
        return rule, next(runs), time.process_time() - start

    def run(task: Optimising, seconds: float, **options: Any) -> Outcome:
        seed = torch.initial_seed()
        rule, runs, spent = taught(seconds, seed, **options)
        losses = [final_loss(task, rule, digits, seed_of(seed)) for digits in (OLD, NEW)]
        return Outcome(*losses, runs, spent)

    return run


def within(seconds: float, numbers: Iterator[int]) -> Iterator[int]:
    """Numbers, as long as some seconds of processor time are not over."""
    start = time.process_time()
    while time.process_time() - start < seconds:
        yield next(numbers)


def seed_of(seed: int) -> int:
    """The seed of the runs that rules are judged on, the same for all rules."""
    return 1_000_000 + seed


def metanet(**options: Any) -> Metanet:
    """A metanetwork, which adds to Adam's step."""
    return Metanet(SPACE, in_channels=5, out_channels=1, update=[4], **options)


def each_weight(hidden: int) -> nn.Module:
    """A perceptron for each weight; it begins as Adam, as the metanetwork nearly does."""
    last = PerTensorLinear(SPACE, hidden, 5)
    nn.init.zeros_(last.weight)
    return Residual(nn.Sequential(PerTensorLinear(SPACE, 5, hidden), Pointwise(nn.GELU()), last))


def optimises(task: object) -> bool:
    """Whether a task is about optimisation."""
    return isinstance(task, Optimising)


FORMS = ({"form": "constant"}, {"form": "linear"}, {"form": "cosine"})
RULES: dict[str, Method] = {
    "step-sgd": Method("SGD with momentum, tuned", tuned(3, 2.0), FORMS, optimises),
    "step-adam": Method("Adam, tuned", tuned(4, 0.02), FORMS, optimises),
    "step-each": Method(
        "a perceptron for each weight, learned",
        learned(each_weight),
        ({"hidden": 16}, {"hidden": 32}, {"hidden": 64}),
        optimises,
    ),
    "step-ours": Method(
        "`Metanet`, learned",
        learned(metanet),
        ({"hidden": 8, "layers": 1}, {"hidden": 16, "layers": 1}, {"hidden": 8, "layers": 2}),
        optimises,
    ),
}
"""By name, each in three configurations."""

TASKS: dict[str, Callable[[], Optimising]] = {
    "Q": partial(Optimising, "Q: learned optimisation, width 16, 100 steps", 16, 100),
    "R": partial(Optimising, "R: width 64, 100 steps", 64, 100),
    "S": partial(Optimising, "S: width 64, 400 steps", 64, 400),
}
"""By letter; rules are taught once for all three, where one command runs them."""
