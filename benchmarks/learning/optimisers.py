"""Q to S: learned optimisers, taught on short runs of small perceptrons, against Adam and SGD; rates are tuned.

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
from torch import Tensor, nn

from benchmarks.learning.methods import Method
from benchmarks.learning.tasks import Score
from benchmarks.learning.training import Outcome
from examples.learned_optimiser import NEW, OLD, SPACE, teach, training
from layergen import Features
from layergen.nn import Metanet, PerTensorLinear, Pointwise

__all__ = ["RULES", "TASKS", "Falling", "Optimising", "Steered", "each_weight", "final_loss"]

TAUGHT, LAST, RUNS = 100, 10, 3
"""How many steps the runs have that rules are taught on; of how many steps at the end, and of how many runs, the loss
is the mean."""
FACTORS = (0.1, 0.3, 0.5, 1, 1.5, 2, 3, 5)
"""The rates that are tried, as multiples of a usual one, or of the one that a rule was taught with."""
LOSS = Score("loss at the end", False, lambda found, _: float(found))


@dataclass(frozen=True, slots=True)
class Optimising:
    """Runs of perceptrons of a width for some steps; rules are taught at width 16, in runs of 100 steps."""

    title: str
    width: int
    steps: int
    score: Score = LOSS


def final_loss(task: Optimising, rule: nn.Module, digits: range, seed: int) -> float:
    """The mean loss of the last steps of a run by a rule, over some runs of eight perceptrons each."""
    still, total = Still(rule), 0.0
    for number in range(RUNS):
        losses = [loss.item() for loss in training(still, digits, task.width, task.steps, seed=seed + number)]
        total += sum(losses[-LAST:]) / LAST
    return total / RUNS


class Still(nn.Module):
    """A rule that is not taught, so that nothing is kept for gradients of its steps."""

    def __init__(self, rule: nn.Module) -> None:
        super().__init__()
        self.rule = rule

    @torch.no_grad()
    def forward(self, x: Features) -> Features:
        found: Features = self.rule(x)
        return found


class Falling(nn.Module):
    """The steps of a rule times a rate that falls over a run of some steps, as its form says."""

    def __init__(self, rule: nn.Module, rate: float, steps: int, form: str) -> None:
        super().__init__()
        self.rule, self.rate, self.steps, self.form, self.taken = rule, rate, steps, form, 0

    def forward(self, x: Features) -> Features:
        share = self.taken % self.steps / self.steps
        self.taken += 1
        factors = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + cos(pi * share)) / 2}
        return {name: self.rate * factors[self.form] * value for name, value in self.rule(x).items()}


class Steered(nn.Module):
    """Adam's step, each weight's times a factor between 0.1 and 1.9, by the first channel that a network gives.

    A second channel, where there is one, is added: a tenth of it in the root mean square of Adam's step.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Features) -> Features:
        found = self.network(x)
        return {name: steered(value[..., -1:], found[name]) for name, value in x.items()}


def steered(step: Tensor, found: Tensor) -> Tensor:
    """A step times the factor of the first channel, and the second channel added."""
    factor, *added = found.split(1, -1)
    size = step.square().mean(tuple(range(1, step.ndim)), keepdim=True).sqrt()
    return step * (1 + 0.9 * factor.tanh()) + sum(0.1 * size * one for one in added)


def up_to(channel: int) -> Pointwise:
    """A rule that takes one channel of the features as its step."""
    return Pointwise(lambda value: value[..., : channel + 1])


def tuned(channel: int, usual: float) -> Callable[..., Outcome]:
    """What takes one channel of the features, at the best of several rates."""

    def run(task: Optimising, _: float, *, form: str) -> Outcome:
        start, seed = time.process_time(), torch.initial_seed()
        losses = at_best_rate(task, lambda rate: Falling(up_to(channel), usual * rate, task.steps, form), seed)
        return Outcome(*losses, len(FACTORS), time.process_time() - start)

    return run


def at_best_rate(task: Optimising, rule: Callable[[float], nn.Module], seed: int) -> tuple[float, float]:
    """The loss of a rule at the rate that is best on the digits that others are taught on, there and on new ones."""
    known = {rate: final_loss(task, rule(rate), OLD, seed_of(seed)) for rate in FACTORS}
    best = min(known, key=known.__getitem__)
    return known[best], final_loss(task, rule(best), NEW, seed_of(seed))


Teacher = Callable[..., tuple[Callable[[float, int], nn.Module], int, float]]


def teacher(make: Callable[..., nn.Module], form: str = "linear") -> Teacher:
    """What teaches a network for some seconds of processor time, once for each seed.

    It gives the rule, for a rate and a number of steps, and how many runs and seconds it was taught.
    """

    @cache
    def taught(seconds: float, seed: int, **options: Any) -> tuple[Callable[[float, int], nn.Module], int, float]:
        torch.manual_seed(seed)
        network, start, runs = make(**options), time.process_time(), count()
        rule = teach(Falling(network, 1.0, TAUGHT, form), within(seconds, runs))
        before, _, after = rule

        def ready(rate: float, steps: int) -> nn.Module:
            return nn.Sequential(before, Falling(network, rate, steps, form), after)

        return ready, next(runs), time.process_time() - start

    return taught


def learned(taught: Teacher, *, as_taught: bool = False) -> Callable[..., Outcome]:
    """What has a network taught, and lets it train other perceptrons, at the best rate or as it was taught."""

    def run(task: Optimising, seconds: float, **options: Any) -> Outcome:
        seed = torch.initial_seed()
        rule, runs, spent = taught(seconds, seed, **options)
        if as_taught:
            losses = [final_loss(task, rule(1.0, task.steps), digits, seed_of(seed)) for digits in (OLD, NEW)]
            return Outcome(*losses, runs, spent)
        return Outcome(*at_best_rate(task, lambda rate: rule(rate, task.steps), seed), runs, spent)

    return run


def within(seconds: float, numbers: Iterator[int]) -> Iterator[int]:
    """Numbers, as long as some seconds of processor time are not over."""
    start = time.process_time()
    while time.process_time() - start < seconds:
        yield next(numbers)


def seed_of(seed: int) -> int:
    """The first seed of the runs that rules are judged on, the same for all rules."""
    return 2_000_000 + RUNS * seed


def metanet(*, added: bool = False, **options: Any) -> Steered:
    """Adam, steered by a metanetwork."""
    return Steered(Metanet(SPACE, in_channels=5, out_channels=1 + added, **options))


def adding(**options: Any) -> Metanet:
    """A metanetwork that adds to Adam's step what it wants."""
    return Metanet(SPACE, in_channels=5, out_channels=1, update=[4], **options)


def each_weight(*, hidden: int, added: bool = False) -> Steered:
    """Adam, steered by a perceptron for each weight; it begins as Adam."""
    last = PerTensorLinear(SPACE, hidden, 1 + added)
    nn.init.zeros_(last.weight)
    return Steered(nn.Sequential(PerTensorLinear(SPACE, 5, hidden), Pointwise(nn.GELU()), last))


def optimises(task: object) -> bool:
    """Whether a task is about optimisation."""
    return isinstance(task, Optimising)


FORMS = ({"form": "constant"}, {"form": "linear"}, {"form": "cosine"})
EACH = ({"hidden": 16}, {"hidden": 16, "added": True}, {"hidden": 64})
OURS = (
    {"hidden": 8, "layers": 1},
    {"hidden": 8, "layers": 1, "added": True},
    {"hidden": 16, "layers": 1},
)
ADDING = ({"hidden": 8, "layers": 1}, {"hidden": 16, "layers": 1}, {"hidden": 8, "layers": 2})
BY_EACH, BY_METANET = teacher(each_weight), teacher(metanet)
RULES: dict[str, Method] = {
    "step-sgd": Method("SGD with momentum", tuned(3, 2.0), FORMS, optimises),
    "step-adam": Method("Adam", tuned(4, 0.02), FORMS, optimises),
    "step-each": Method("Adam steered by a perceptron for each weight", learned(BY_EACH), EACH, optimises),
    "step-ours": Method("Adam steered by `Metanet`", learned(BY_METANET), OURS, optimises),
    "step-ours-taught": Method(
        "… at the rate that it was taught with", learned(BY_METANET, as_taught=True), OURS, optimises
    ),
    "step-adding": Method(
        "`Metanet` adds to Adam's step, at the constant rate that it was taught with",
        learned(teacher(adding, "constant"), as_taught=True),
        ADDING,
        optimises,
    ),
}
"""By name, each in three configurations. Rates are the best of several but where it is said."""

TASKS: dict[str, Callable[[], Optimising]] = {
    "Q": partial(Optimising, "Q: learned optimisation, width 16, 100 steps", 16, 100),
    "R": partial(Optimising, "R: width 64, 100 steps", 64, 100),
    "S": partial(Optimising, "S: width 64, 400 steps", 64, 400),
}
"""By letter; rules are taught once for all three, where one command runs them."""
