"""J and K: INRs of sines, asked where they begin elsewhere, and embedded without being told what they show."""

from __future__ import annotations

import time
from dataclasses import replace
from math import pi
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.graphs import CONFIGURATIONS, GraphInvariants, Kind, also
from benchmarks.learning.inrs import evaluated, fit_inrs, siren_space
from benchmarks.learning.kept import kept
from benchmarks.learning.methods import Method, metanet, probes_of, propagation_of, trained
from benchmarks.learning.others import NfnNet
from benchmarks.learning.tasks import Part, Score, Task, sines
from benchmarks.learning.training import Outcome
from demo.baselines import FlatPerceptron, OutputsAlone
from layergen import Features

__all__ = ["LINES", "VIEWERS", "Views", "contrastive", "embedded", "fitted_sine", "is_embedding", "moved_sines"]

WIDTHS, SPREAD, TEMPERATURE, NOISE, EMBEDDING = (1, 32, 32, 1), 1.5, 0.1, 0.1, 16
"""The INRs; the initial weights of those that begin elsewhere; and of embeddings the temperature of the loss, the noise
in a view, in deviations of each tensor, and the number of channels."""


def moved_sines(networks: int = 2_000, steps: int = 500, held: int = 250) -> Task:
    """J: as A, but the test networks were fitted from initial weights that are half as large again."""
    task = sines(networks, steps)
    drawn = 10 * torch.rand(networks, 2, generator=torch.Generator().manual_seed(0))
    others = 10 * torch.rand(held, 2, generator=torch.Generator().manual_seed(1))
    line = torch.linspace(-1, 1, 64)[:, None]
    signals = others[:, :1, None] * (others[:, 1:, None] * pi * line).sin()
    found = kept(
        f"sines-moved-{held}-{steps}", lambda: fit_inrs(line, signals, WIDTHS, steps=steps, seed=1, spread=SPREAD)[0]
    )
    features = {name: found[name] for name in siren_space(WIDTHS, signs=False).names}
    test = Part(features, (others - drawn.mean(0)) / drawn.std(0))
    return replace(task, title="J: a and b of INRs that begin elsewhere", test=test)


def fitted_sine(values: Tensor, line: Tensor) -> Tensor:
    """By least squares a and b, `(network, 2)`, of signals `(network, point)` that are nearly `a sin(b π line)`.

    Of each b on a fine grid from 0 to 10 the best a is known; the best pair is taken.
    """
    grid = torch.linspace(0.005, 10, 2_000, dtype=torch.float64)
    waves = (grid[:, None] * pi * line.double()).sin()
    products, squares = values.double() @ waves.mT, waves.square().sum(1)
    best = (products.square() / squares).argmax(1)
    return torch.stack([products.gather(1, best[:, None])[:, 0] / squares[best], grid[best]], 1).float()


def fit_of_sines(task: Task, _: float, **options: Any) -> Outcome:
    """What can be told of the outputs by who knows their form: the fit, and a line from it to the targets."""
    start = time.process_time()
    line, found = task.examples[:, 0], []
    for part in (task.train, task.validation, task.test):
        state = {name: value[..., 0] for name, value in part.features.items()}
        values = evaluated([state[name] for name in task.space.names], task.examples)[..., 0]
        found.append(torch.cat([fitted_sine(values, line), torch.ones(len(part), 1)], 1))
    coefficients = torch.linalg.lstsq(found[0], task.train.targets).solution
    parts = zip(found[1:], (task.validation, task.test), strict=True)
    scores = [task.score.of(rows @ coefficients, part.targets) for rows, part in parts]
    return Outcome(scores[0], scores[1], 1, time.process_time() - start)


def of_a_line(task: Task) -> bool:
    """Whether networks show signals over a line, and a and b are asked."""
    return task.examples.shape[-1] == 1 and task.train.targets.is_floating_point() and not is_embedding(task)


def embedded(networks: int = 2_000, steps: int = 500) -> Task:
    """K: as A, but networks are embedded without targets; what is asked is how much a line reads of a and b."""
    task, score = sines(networks, steps), Score("R² of a linear map", True, linear_r2)
    return replace(task, title="K: embeddings of sine INRs", score=score, loss=contrastive, outputs=EMBEDDING)


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

    Parameters
    ----------
    network
        What embeds features.
    features
        Features of the training networks, from which the deviation of each tensor is taken.
    """

    def __init__(self, network: nn.Module, features: Features) -> None:
        super().__init__()
        self.network = network
        self.noise = {name: NOISE * float(value.std()) for name, value in features.items()}

    def forward(self, x: Features) -> Tensor:
        if self.training:
            x = {name: torch.cat([value, value]) for name, value in x.items()}
            x = {name: value + self.noise[name] * torch.randn_like(value) for name, value in x.items()}
        found: Tensor = self.network(x)
        return found


def ours(task: Task, *, signs: bool = False, probes: int = 0, carried: int = 0, **options: Any) -> Views:
    """A metanetwork over permutations or signs, with as many probes and channels of propagation as are given."""
    space = (task.signed if signs else None) or task.space
    probed = probes_of(task, probes, space) if probes else None
    propagation = propagation_of(task, carried, space) if carried else None
    network = metanet(task, space, probes=probed, propagation=propagation, **options)
    return Views(network, task.train.features)


def flat(task: Task, *, hidden: int) -> Views:
    """A perceptron on the raw weights."""
    return Views(FlatPerceptron(task.train.features, task.outputs, hidden), task.train.features)


def outputs(task: Task, *, count: int) -> Views:
    """A perceptron on outputs at learned inputs."""
    network = OutputsAlone(probes_of(task, count), task.train.features, task.outputs)
    return Views(network, task.train.features)


def hnp(task: Task, **options: Any) -> Views:
    """A network of `HNPLinear`."""
    return Views(NfnNet(task, "HNP", **options), task.train.features)


def graph(task: Task, *, kind: Kind, **options: Any) -> Views:
    """A graph network."""
    return Views(GraphInvariants(task, kind, **options), task.train.features)


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
COUNTS = ({"count": 16}, {"count": 48}, {"count": 64})
VIEWERS: dict[str, Method] = {
    "view-flat": Method("flat perceptron", trained(flat), WIDE, is_embedding),
    "view-outputs": Method("outputs at probes alone", trained(outputs), COUNTS, is_embedding),
    "view-ours": Method("`Metanet`", trained(ours), OURS, is_embedding),
    "view-signs": Method("… and signs", trained(ours), also(OURS, signs=True), is_embedding),
    "view-carried": Method("… and propagation", trained(ours), CARRIED, is_embedding),
    "view-carried-signs": Method("… propagation and signs", trained(ours), also(CARRIED, signs=True), is_embedding),
    "view-probed": Method("`Metanet` with probes", trained(ours), PROBED, is_embedding),
    "view-hnp": Method("nfn, `HNPLinear`", trained(hnp), NFN, is_embedding),
    "view-gmn": Method("`GraphMetanet`, gmn", trained(graph), also(CONFIGURATIONS, kind="gmn"), is_embedding),
}
"""By name, each in three configurations."""

LINES: dict[str, Method] = {
    "sine": Method("a fit of `a sin(b x)` to the outputs", fit_of_sines, ({}, {}, {}), of_a_line)
}
"""What is possible where the form of the answer is known."""
