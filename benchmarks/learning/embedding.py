"""K and T: INRs of sines, embedded without being told what they show; two views are of one network, or of two."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.graphs import CONFIGURATIONS, GraphInvariants, also
from benchmarks.learning.kept import kept
from benchmarks.learning.methods import (
    DWS,
    Method,
    flat,
    hnp,
    metanet,
    nps,
    probes_of,
    reads,
    rows_of,
    trained,
)
from benchmarks.learning.others import DwsNet
from benchmarks.learning.sines import HELD, amplitudes, drawn_sines, fitted, standardised
from benchmarks.learning.tasks import Part, Score, Task, sines
from benchmarks.learning.training import Outcome
from demo.baselines import OutputsAlone
from layergen import Features
from layergen.nn import Metanet

__all__ = ["VIEWERS", "Views", "contrastive", "embedded", "embedded_in_pairs", "is_embedding"]

TEMPERATURE, NOISE, EMBEDDING = 0.1, 0.1, 16
"""The temperature of the loss, the noise in a view, in deviations of each tensor, and the channels of embeddings."""


def embedded(networks: int = 2_000, steps: int = 500) -> Task:
    """K: as A, but networks are embedded without targets; what is asked is how much a line reads of a and b."""
    task, score = sines(networks, steps), Score("R² of a linear map", True, linear_r2)
    asked = {"score": score, "loss": contrastive, "outputs": EMBEDDING}
    test = standardised(drawn_sines("sines-embedded", 2 * HELD, steps, seed=3), networks)
    return replace(task, title="K: embeddings of sine INRs", test=test, **asked)


def embedded_in_pairs(networks: int = 2_000, steps: int = 500) -> Task:
    """T: as K, but there are two networks of each signal to train on, which are two channels of the features."""
    task = embedded(networks, steps)
    others = kept(
        f"sines-again-{networks}-{steps}",
        lambda: fitted(amplitudes(networks, seed=0), task.examples, steps, seed=1_000),
    )
    count = len(task.train)
    pairs = {name: torch.cat([value, others[name][-count:]], -1) for name, value in task.train.features.items()}
    return replace(task, title="T: embeddings, two networks a signal", train=Part(pairs, task.train.targets))


def linear_r2(found: Tensor, true: Tensor) -> float:
    """R² of the linear map from embeddings to targets that one half of the networks gives, on the other half."""
    half = len(found) // 2
    rows = torch.cat([found, found.new_ones(len(found), 1)], 1).double()
    squares = rows[:half].mT @ rows[:half] + 1e-3 * half * torch.eye(rows.shape[1], dtype=torch.float64)
    line = torch.linalg.solve(squares, rows[:half].mT @ true[:half].double())
    rest = true[half:].double()
    return float((1 - (rows[half:] @ line - rest).square().sum(0) / (rest - rest.mean(0)).square().sum(0)).mean())


def contrastive(found: Tensor, _: Tensor) -> Tensor:
    """The loss of embeddings `(2 · network, channel)`, first views before second ones: each finds its other view.

    Chen, Kornblith, Norouzi and Hinton (2020), "A simple framework for contrastive learning of visual representations".
    """
    unit = nn.functional.normalize(found, dim=1)
    alike = unit @ unit.mT / TEMPERATURE
    alike = alike.masked_fill(torch.eye(len(alike), dtype=torch.bool), -torch.inf)
    return nn.functional.cross_entropy(alike, torch.arange(len(alike)).roll(len(alike) // 2))


class Views(nn.Module):
    """A network that is trained on two views of each of its inputs, with noise of their own.

    Where features have two channels, two networks of one signal, each is a view; else both views are of the same one.

    Parameters
    ----------
    network
        What embeds features of one channel.
    features
        Features of the training networks, from which the deviation of each tensor is taken.
    """

    def __init__(self, network: nn.Module, features: Features) -> None:
        super().__init__()
        self.network = network
        self.noise = {name: NOISE * float(value.std()) for name, value in features.items()}

    def forward(self, x: Features) -> Tensor:
        if self.training:
            x = {name: torch.cat([value[..., :1], value[..., -1:]]) for name, value in x.items()}
            x = {name: value + self.noise[name] * torch.randn_like(value) for name, value in x.items()}
        found: Tensor = self.network(x)
        return found


def of_one_view(task: Task) -> Task:
    """The same with one network of each signal to train on."""
    features = {name: value[..., :1] for name, value in task.train.features.items()}
    return replace(task, train=Part(features, task.train.targets))


def viewing(network: Callable[..., nn.Module]) -> Callable[..., Outcome]:
    """What trains a network, made of a task and options, on views."""

    def viewer(task: Task, **options: Any) -> Views:
        one = of_one_view(task)
        return Views(network(one, **options), one.train.features)

    return trained(viewer)


def components(task: Task, _: float, *, count: int, kept: int = EMBEDDING) -> Outcome:
    """Principal components of statistics, and of what `count` examples show; nothing is learned but those."""
    start = time.process_time()
    parts = rows_of(of_one_view(task), count)
    mean, deviation = (of(parts[0].features["rows"], 0) for of in (torch.mean, torch.std))
    train, *others = ((part.features["rows"] - mean) / deviation.clamp_min(1e-6) for part in parts)
    directions = torch.linalg.svd(train, full_matrices=False).Vh[:kept].mT
    spent = time.process_time() - start
    scores = [task.score.of(rows @ directions, part.targets) for rows, part in zip(others, parts[1:], strict=True)]
    return Outcome(scores[0], scores[1], 1, spent)


def ours(task: Task, *, signs: bool = False, probes: int = 0, carried: int = 0, **options: Any) -> Metanet:
    """A metanetwork over permutations or signs, with as many probes and channels of propagation as are given."""
    space, given = reads(task, signs=signs, probes=probes, carried=carried)
    return metanet(task, space, **given, **options)


def outputs(task: Task, *, count: int) -> OutputsAlone:
    """A perceptron on outputs at learned inputs."""
    return OutputsAlone(probes_of(task, count), task.train.features, task.outputs)


def is_embedding(task: Task) -> bool:
    """Whether networks are embedded without targets."""
    return task.loss is contrastive


OURS = (
    {"hidden": 16, "rank": 4},
    {"hidden": 16, "fourier": 8, "fourier_scale": 0.5, "norm": True},
    {"hidden": 16, "rate": 1e-3, "statistics": True},
)
PROBED = (
    {"hidden": 16, "rank": 4, "probes": 16},
    {"hidden": 8, "layers": 0, "probes": 16},
    {"hidden": 8, "layers": 0, "probes": 64, "rate": 1e-3},
)
NFN = ({"hidden": 16}, {"hidden": 32}, {"hidden": 16, "fourier": 16})
CARRIED = (
    {"hidden": 16, "layers": 0, "carried": 64, "maximum": False, "fold": True},
    {"hidden": 16, "layers": 1, "carried": 32, "maximum": False, "fold": True},
    {"hidden": 16, "layers": 0, "carried": 64, "maximum": False, "fold": True, "rate": 1e-3},
)
WIDE = ({"hidden": 64}, {"hidden": 256}, {"hidden": 256, "decay": 0.3})
SHOWN = ({"count": 0}, {"count": 16}, {"count": 64})
COUNTS = ({"count": 16}, {"count": 48}, {"count": 64})
VIEWERS: dict[str, Method] = {
    "view-components": Method("principal components of statistics and outputs", components, SHOWN, is_embedding),
    "view-flat": Method("flat perceptron", viewing(flat), WIDE, is_embedding),
    "view-outputs": Method("outputs at probes alone", viewing(outputs), COUNTS, is_embedding),
    "view-ours": Method("`Metanet`", viewing(ours), OURS, is_embedding),
    "view-signs": Method("… and signs", viewing(ours), also(OURS, signs=True), is_embedding),
    "view-carried": Method("… and propagation", viewing(ours), CARRIED, is_embedding),
    "view-carried-signs": Method("… propagation and signs", viewing(ours), also(CARRIED, signs=True), is_embedding),
    "view-probed": Method("`Metanet` with probes", viewing(ours), PROBED, is_embedding),
    "view-hnp": Method("nfn, `HNPLinear`", viewing(hnp), NFN, is_embedding),
    "view-np": Method("nfn, `NPLinear`", viewing(nps), NFN, is_embedding),
    "view-dws": Method("DWSNets", viewing(DwsNet), DWS, is_embedding),
    **{
        f"view-{kind}": Method(
            f"`GraphMetanet`, {kind}", viewing(GraphInvariants), also(CONFIGURATIONS, kind=kind), is_embedding
        )
        for kind in ("gmn", "ng-gnn", "ng-t")
    },
}
"""By name, each in three configurations."""
