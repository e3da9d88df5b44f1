"""The methods, each in three configurations, of which validation chooses one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.others import DwsNet, NfnNet, boosted
from benchmarks.learning.tasks import Part, Task
from benchmarks.learning.training import Outcome, Recipe, fit
from demo.baselines import FlatPerceptron, OutputsAlone
from layergen import Features
from layergen.nn import Metanet, Probes, Propagation
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
    applies: Callable[[Any], bool] = lambda _: True


def trained(network: Callable[..., nn.Module]) -> Callable[..., Outcome]:
    """What trains a network, made of a task and options; `rate` and `decay` are those of the optimiser."""

    def run(task: Task, seconds: float, *, rate: float = 3e-3, decay: float = 0.01, **options: Any) -> Outcome:
        return fit(network(task, **options), task, Recipe(rate, decay), seconds)

    return run


def metanet(task: Task, space: WeightSpace | None = None, **options: Any) -> Metanet:
    """A metanetwork that reads weights."""
    network = Metanet(space or task.space, out_features=task.outputs, **options)
    return network.fit(task.train.features)


def propagation_of(task: Task, count: int, space: WeightSpace | None = None, rounds: int = 1) -> Propagation:
    """Vectors that the weights carry along, by the function of the networks that are read."""
    return Propagation(space or task.space, count, rounds=rounds, activation=task.activation, gain=task.gain)


def carrying(task: Task, space: WeightSpace | None = None, *, count: int, rounds: int = 1, **options: Any) -> Metanet:
    """A metanetwork that carries vectors along the weights."""
    propagation = propagation_of(task, count, space, rounds)
    return metanet(task, space, propagation=propagation, fold=True, maximum=False, **options)


def probes_of(task: Task, count: int, space: WeightSpace | None = None) -> Probes:
    """Learned inputs that begin as the task's examples, spread evenly over them."""
    examples = task.examples[torch.linspace(0, len(task.examples) - 1, count).round().long()]
    return Probes(task.module, [examples], count=count, space=space or task.space, prove=False)


def reads(task: Task, *, signs: bool, probes: int, carried: int) -> tuple[WeightSpace, Options]:
    """What a metanetwork is made of: the space, over signs if wanted and there are any, its probes and propagation."""
    space = (task.signed if signs else None) or task.space
    probed = probes_of(task, probes, space) if probes else None
    return space, {"probes": probed, "propagation": propagation_of(task, carried, space) if carried else None}


class FromSummary(nn.Module):
    """What a network answers on rows that were made once of each network; the parameters are the network's."""

    def __init__(self, network: Metanet | OutputsAlone) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Features) -> Tensor:
        return self.network.from_summary(x["rows"])


@torch.no_grad()
def summarised(network: Metanet | OutputsAlone, part: Part) -> Part:
    """The rows of some networks, in the place of their weights."""
    rows = [network.summary(part.take(one).features) for one in torch.arange(len(part)).split(100)]
    return Part({"rows": torch.cat(rows)}, part.targets)


def in_two(network: Metanet | OutputsAlone, task: Task, seconds: float, first: float, *recipes: Recipe) -> Outcome:
    """First, for a share of the time, only what reads the summary learns, on rows made once; then the whole."""
    start = time.process_time()
    parts = {name: summarised(network, getattr(task, name)) for name in ("train", "validation", "test")}
    spent = time.process_time() - start
    early = fit(FromSummary(network), replace(task, **parts), recipes[0], first * seconds - spent)
    late = fit(network, task, recipes[1], (1 - first) * seconds)
    better = late if (late.validation > early.validation) == task.score.rises else early
    return replace(better, epochs=early.epochs + late.epochs, seconds=spent + early.seconds + late.seconds)


def weights_only(
    task: Task,
    seconds: float,
    *,
    rate: float = 3e-3,
    decay: float = 0.01,
    first: float = 0.0,
    space: WeightSpace | None = None,
    **options: Any,
) -> Outcome:
    """A metanetwork that reads weights, for a share `first` of the time their statistics alone, where there are any."""
    network, recipe = metanet(task, space, **options), Recipe(rate, decay)
    if network.fused is None or not first:
        return fit(network, task, recipe, seconds)
    return in_two(network, task, seconds, first, Recipe(3e-3, decay), recipe)


def probed(
    task: Task,
    seconds: float,
    *,
    count: int,
    rate: float,
    decay: float = 0.01,
    first: float = 0.5,
    carried: int = 0,
    space: WeightSpace | None = None,
    **options: Any,
) -> Outcome:
    """A metanetwork with probes, its summary first, and with `carried` channels of propagation."""
    more = {"propagation": propagation_of(task, carried, space), "maximum": False} if carried else {}
    network = metanet(task, space, probes=probes_of(task, count, space), **more, **options)
    return in_two(network, task, seconds, first, Recipe(3e-3, decay), Recipe(rate, decay))


def outputs_alone(
    task: Task, seconds: float, *, count: int, first: float = 0.5, decay: float = 0.01, dropout: float = 0.0
) -> Outcome:
    """A perceptron on outputs at learned inputs, at first on inputs that stay."""
    network = OutputsAlone(probes_of(task, count), task.train.features, task.outputs, dropout)
    return in_two(network, task, seconds, first, Recipe(3e-3, decay), Recipe(1e-3, decay))


def signed(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """The same over the larger group, with signs of neurons."""
    return lambda task, seconds, **options: run(task, seconds, space=task.signed, **options)


def rows_of(task: Task, count: int = 0) -> list[Part]:
    """Statistics of each tensor, and of what `count` examples show, as a row for each network, in all three parts."""
    probes = probes_of(task, count) if count else None
    network = Metanet(task.space, out_features=1, statistics=True, probes=probes, fuse=False).fit(task.train.features)
    return [summarised(network, part) for part in (task.train, task.validation, task.test)]


def boosting(task: Task, _: float, *, leaves: int, count: int = 0) -> Outcome:
    """Gradient boosting, which ends by itself, on statistics of each tensor, and of what `count` examples show."""
    start = time.process_time()
    parts = rows_of(task, count)
    rows = [part.features["rows"].numpy() for part in parts]
    answer = boosted(rows[0], task, leaves)
    spent = time.process_time() - start
    scores = [task.score.of(answer(row), part.targets) for row, part in zip(rows[1:], parts[1:], strict=True)]
    return Outcome(scores[0], scores[1], 1, spent)


def hnp(task: Task, **options: Any) -> NfnNet:
    """A network of `HNPLinear`."""
    return NfnNet(task, "HNP", **options)


def nps(task: Task, **options: Any) -> NfnNet:
    """A network of `NPLinear`."""
    return NfnNet(task, "NP", **options)


def flat(task: Task, **options: Any) -> FlatPerceptron:
    """A perceptron on the raw weights."""
    return FlatPerceptron(task.train.features, task.outputs, **options)


def has_signs(task: Task) -> bool:
    """Whether neurons may change their signs."""
    return task.signed is not None


WEIGHTS: tuple[Options, Options, Options] = (
    {"hidden": 16, "rank": 4, "rate": 1e-2, "decay": 0.1},
    {"hidden": 16, "rate": 1e-3, "decay": 0.3, "first": 0.4, "statistics": True, "dropout": 0.4},
    {"hidden": 16, "fourier": 8, "fourier_scale": 0.5, "fold": True, "norm": True},
)
CARRYING: tuple[Options, Options, Options] = (
    {"hidden": 16, "count": 64, "layers": 0, "rate": 1e-3},
    {"hidden": 16, "count": 32, "layers": 1, "rate": 3e-3},
    {
        "hidden": 16,
        "count": 32,
        "layers": 1,
        "rounds": 2,
        "rate": 1e-3,
        "decay": 0.3,
        "statistics": True,
        "dropout": 0.4,
    },
)
PROBED: tuple[Options, Options, Options] = (
    {"hidden": 16, "count": 16, "rate": 3e-3, "first": 0.4},
    {"hidden": 16, "count": 48, "rate": 1e-3, "decay": 0.3, "dropout": 0.4, "statistics": True, "fuse": False},
    {"hidden": 16, "count": 64, "rate": 1e-3, "first": 0.7},
)
CARRIED_PROBED: tuple[Options, Options, Options] = (
    {"hidden": 16, "layers": 0, "count": 64, "carried": 64, "rate": 1e-3, "first": 0.3},
    {"hidden": 16, "layers": 1, "count": 16, "carried": 32, "rate": 3e-3, "first": 0.3},
    {"hidden": 16, "layers": 0, "count": 64, "carried": 32, "rate": 1e-3, "first": 0.6},
)
OUTPUTS: tuple[Options, Options, Options] = (
    {"count": 16, "first": 0.3},
    {"count": 48, "first": 0.5, "decay": 0.3, "dropout": 0.4},
    {"count": 64, "first": 0.7},
)
MESSAGES: tuple[Options, Options, Options] = (
    {"hidden": 16, "fold": True, "messages": "gmn"},
    {"hidden": 16, "fold": True, "messages": "ng-gnn"},
    {"hidden": 16, "fourier": 8, "fourier_scale": 0.5, "fold": True, "norm": True, "messages": "gmn"},
)
LEAVES: tuple[Options, Options, Options] = ({"leaves": 7}, {"leaves": 15}, {"leaves": 31})
LEAVES_OF_BOTH: tuple[Options, Options, Options] = (
    {"leaves": 7, "count": 48},
    {"leaves": 15, "count": 48},
    {"leaves": 31, "count": 48},
)
NFN: tuple[Options, Options, Options] = (
    {"hidden": 16, "layers": 2},
    {"hidden": 16, "layers": 3, "rate": 1e-3},
    {"hidden": 16, "layers": 2, "fourier": 16},
)
DWS: tuple[Options, Options, Options] = ({"hidden": 16}, {"hidden": 32}, {"hidden": 16, "rate": 1e-3})

METHODS: dict[str, Method] = {
    "ours": Method("`Metanet`, weights only", weights_only, WEIGHTS),
    "signs": Method("… and signs", signed(weights_only), WEIGHTS, has_signs),
    "carried": Method("… and propagation", trained(carrying), CARRYING),
    "carried-signs": Method("… propagation and signs", signed(trained(carrying)), CARRYING, has_signs),
    "messages": Method("… and messages", trained(metanet), MESSAGES),
    "hnp": Method("nfn, `HNPLinear`", trained(hnp), NFN),
    "np": Method("nfn, `NPLinear`", trained(nps), NFN),
    "dws": Method("DWSNets", trained(DwsNet), DWS, has_signs),
    "flat": Method("flat perceptron", trained(flat), ({"hidden": 64}, {"hidden": 256}, {"hidden": 256, "decay": 0.3})),
    "boosting": Method("statistics + boosting", boosting, LEAVES),
    "summary": Method("statistics of weights and of probes + boosting", boosting, LEAVES_OF_BOTH),
    "outputs": Method("outputs at probes alone", outputs_alone, OUTPUTS),
    "probed": Method("`Metanet` with probes", probed, PROBED),
    "probed-signs": Method("… and signs", signed(probed), PROBED, has_signs),
    "carried-probed": Method("… propagation and probes", probed, CARRIED_PROBED),
    "carried-probed-signs": Method("… propagation, probes and signs", signed(probed), CARRIED_PROBED, has_signs),
}
"""By name. A network of layers for perceptrons with one output (DWSNets) is for the same tasks as signs."""
