"""The methods, each in three configurations, of which validation chooses one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.others import DwsNet, FlatPerceptron, NfnNet, OutputsAlone, boosted
from benchmarks.learning.tasks import Task
from benchmarks.learning.training import Outcome, Recipe, fit
from layergen import Features
from layergen.nn import Metanet, Probes
from symmetry import WeightSpace

__all__ = ["METHODS", "Method"]

Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to an answer: what it runs, its three configurations, and whether it is made for a task.

    `run` takes a task, the seconds of processor time for training, the seed, and the options of a configuration.
    """

    title: str
    run: Callable[..., Outcome]
    configurations: tuple[Options, Options, Options]
    applies: Callable[[Task], bool] = lambda _: True


def trained(network: Callable[..., nn.Module]) -> Callable[..., Outcome]:
    """What trains a network, made of a task and options; `rate` and `decay` are those of the optimiser."""

    def run(task: Task, seconds: float, *, rate: float = 3e-3, decay: float = 0.01, **options: Any) -> Outcome:
        return fit(network(task, **options), task, Recipe(rate, decay), seconds)

    return run


def metanet(task: Task, space: WeightSpace | None = None, **options: Any) -> Metanet:
    """A metanetwork that reads weights."""
    network = Metanet(space or task.space, out_features=task.outputs, **options)
    return network.fit(task.train.features)


def probes_of(task: Task, count: int, space: WeightSpace | None = None) -> Probes:
    """Learned inputs that begin as the task's examples, spread evenly over them."""
    examples = task.examples[torch.linspace(0, len(task.examples) - 1, count).round().long()]
    return Probes(task.module, [examples], count=count, space=space or task.space, prove=False)


class OutputsFirst(nn.Module):
    """What a metanetwork's perceptron of the outputs answers by itself; the parameters are the metanetwork's."""

    def __init__(self, network: Metanet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Features) -> Tensor:
        return self.network.outputs_alone(x)


def probed(
    task: Task, seconds: float, *, count: int, rate: float, decay: float = 0.01, first: float = 0.4, **options: Any
) -> Outcome:
    """A metanetwork with probes; for a share `first` of the time, only probes and perceptron of the outputs learn."""
    space = options.pop("space", None) or task.space
    network = metanet(task, space, probes=probes_of(task, count, space), **options)
    early = fit(OutputsFirst(network), task, Recipe(3e-3), first * seconds)
    late = fit(network, task, Recipe(rate, decay), seconds - early.seconds)
    better = late if (late.validation > early.validation) == task.score.rises else early
    return Outcome(better.validation, better.test, early.epochs + late.epochs, early.seconds + late.seconds)


def signed(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """The same over the larger group, with signs of neurons."""
    return lambda task, seconds, **options: run(task, seconds, space=task.signed, **options)


def boosting(task: Task, _: float, *, leaves: int) -> Outcome:
    """Statistics of each tensor and gradient boosting, which ends by itself."""
    start = time.process_time()
    answer = boosted(task, leaves)
    spent = time.process_time() - start
    scores = [task.score.of(answer(part.features), part.targets) for part in (task.validation, task.test)]
    return Outcome(scores[0], scores[1], 1, spent)


def hnp(task: Task, **options: Any) -> NfnNet:
    """A network of `HNPLinear`."""
    return NfnNet(task, "HNP", **options)


def nps(task: Task, **options: Any) -> NfnNet:
    """A network of `NPLinear`."""
    return NfnNet(task, "NP", **options)


def outputs_alone(task: Task, count: int) -> OutputsAlone:
    """A perceptron on outputs at learned inputs."""
    return OutputsAlone(task, probes_of(task, count))


def has_signs(task: Task) -> bool:
    """Whether neurons may change their signs."""
    return task.signed is not None


WEIGHTS: tuple[Options, Options, Options] = (
    {"hidden": 16, "rank": 4, "rate": 1e-2, "decay": 0.1},
    {"hidden": 16, "fourier": 2, "fold": True, "rate": 1e-2, "decay": 0.1},
    {"hidden": 16, "fourier": 8, "fourier_scale": 0.5, "fold": True, "norm": True},
)
PROBED: tuple[Options, Options, Options] = (
    {"hidden": 16, "count": 16, "rate": 3e-3},
    {"hidden": 16, "count": 16, "fourier": 2, "rate": 1e-2, "decay": 0.1, "first": 0.1},
    {"hidden": 16, "count": 64, "rate": 1e-3, "first": 0.7},
)
NFN: tuple[Options, Options, Options] = (
    {"hidden": 16, "layers": 2},
    {"hidden": 16, "layers": 3, "rate": 1e-3},
    {"hidden": 16, "layers": 2, "fourier": 16},
)

METHODS: dict[str, Method] = {
    "ours": Method("`Metanet`, weights only", trained(metanet), WEIGHTS),
    "signs": Method("… and signs", signed(trained(metanet)), WEIGHTS, has_signs),
    "hnp": Method("nfn, `HNPLinear`", trained(hnp), NFN),
    "np": Method("nfn, `NPLinear`", trained(nps), NFN),
    "dws": Method(
        "DWSNets", trained(DwsNet), ({"hidden": 16}, {"hidden": 32}, {"hidden": 16, "rate": 1e-3}), has_signs
    ),
    "flat": Method(
        "flat perceptron", trained(FlatPerceptron), ({"hidden": 64}, {"hidden": 256}, {"hidden": 256, "decay": 0.3})
    ),
    "boosting": Method("statistics + boosting", boosting, ({"leaves": 7}, {"leaves": 15}, {"leaves": 31})),
    "outputs": Method("outputs at probes alone", trained(outputs_alone), ({"count": 16}, {"count": 32}, {"count": 64})),
    "probed": Method("`Metanet` with probes", probed, PROBED),
    "probed-signs": Method("… and signs", signed(probed), PROBED, has_signs),
}
"""By name. A network of layers for perceptrons with one output (DWSNets) is for the same tasks as signs."""
