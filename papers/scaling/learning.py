"""Methods that read a and b off a network's weights, each with the same seconds of one core's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor, nn

import layergen
from benchmarks.learning.tasks import R2, Part, Score, r2
from benchmarks.learning.training import Recipe, fit
from layergen import Features
from layergen.nn import Metanet
from papers.scaling.zoo import ACTIVATIONS, space_of

__all__ = ["METHODS", "OPTIONS", "RECIPE", "Probed", "Split", "boosted"]

RECIPE = Recipe(3e-3, batch=50)
"""How every network is trained."""
OPTIONS: dict[str, Any] = {"hidden": 16, "layers": 2, "norm": True, "fourier": 8, "fourier_scale": 0.5}
"""Of every metanetwork."""
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Split:
    """A zoo in three parts: to train on, to choose the epoch by, to report on."""

    train: Part
    validation: Part
    test: Part

    @property
    def score(self) -> Score:
        """The coefficient of determination."""
        return R2

    @property
    def loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The mean squared error."""
        return nn.functional.mse_loss

    @classmethod
    def of(cls, zoo: Part, seed: int) -> Split:
        """A random seventh each for validation and test."""
        order = torch.randperm(len(zoo.targets), generator=torch.Generator().manual_seed(seed))
        held = len(order) // 7
        return cls(*(zoo.take(rows) for rows in (order[2 * held :], order[:held], order[held : 2 * held])))


def trained(network: nn.Module, split: Split, seconds: float, moved: Callable[..., Features] = lambda x: x) -> float:
    """R² of a network on test networks, trained for some seconds of processor time."""
    return fit(network, split, RECIPE, seconds, moved).test


def metanet(scaled: bool, augmented: bool = False) -> Callable[[Split, str, float], float]:
    """A metanetwork over permutations, or over the activation's scalars too."""

    def method(split: Split, activation: str, seconds: float) -> float:
        whole = space_of(ACTIVATIONS[activation][0])
        network = Metanet(whole if scaled else space_of(None), out_features=2, **OPTIONS)
        network.fit(split.train.features)
        rng = np.random.default_rng(0)
        if not augmented:
            return trained(network, split, seconds)
        return trained(network, split, seconds, lambda x: layergen.augment(x, whole, rng))

    return method


def canonical(method: Callable[[Split, str, float], float]) -> Callable[[Split, str, float], float]:
    """The method, on networks in canonical form."""

    def on_canonical(split: Split, activation: str, seconds: float) -> float:
        space = space_of(ACTIVATIONS[activation][0])
        parts = (
            Part(layergen.canonicalise(part.features, space), part.targets)
            for part in (split.train, split.validation, split.test)
        )
        return method(Split(*parts), activation, seconds)

    return on_canonical


class Flat(nn.Module):
    """A perceptron on all weights in one row."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(entries, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
        )

    def forward(self, x: Features) -> Tensor:
        found: Tensor = self.layers(torch.cat([value.flatten(1) for value in x.values()], 1))
        return found


def flat(split: Split, activation: str, seconds: float) -> float:
    """A perceptron on all weights in one row."""
    entries = sum(value[0].numel() for value in split.train.features.values())
    return trained(Flat(entries), split, seconds)


class Probed(nn.Module):
    """A perceptron on a network's outputs at learned inputs; it reads no weight."""

    def __init__(self, activation: str, count: int = 16) -> None:
        super().__init__()
        self.act, self.inputs = ACTIVATIONS[activation][1], nn.Parameter(torch.linspace(-1, 1, count)[:, None])
        self.layers = nn.Sequential(nn.Linear(count, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))

    def forward(self, x: Features) -> Tensor:
        value: Tensor = self.inputs
        for name in ("0", "2", "4"):
            value = value @ x[f"{name}.weight"][..., 0].mT + x[f"{name}.bias"][..., 0][:, None]
            value = value if name == "4" else self.act(value)
        found: Tensor = self.layers(value.flatten(1))
        return found


def probes_alone(split: Split, activation: str, seconds: float) -> float:
    """A perceptron on outputs at learned inputs."""
    return trained(Probed(activation), split, seconds)


def statistics(zoo: Part) -> NDArray[np.float64]:
    """Mean, deviation and quantiles of each tensor, a row for each network."""
    columns = []
    for value in zoo.features.values():
        rows = value.flatten(1)
        columns += [rows.mean(1), rows.std(1, correction=0), *torch.quantile(rows, torch.tensor(QUANTILES), 1)]
    return torch.stack(columns, 1).double().numpy()


def boosted(train: Part) -> Callable[[Part], Tensor]:
    """Gradient boosting on the statistics of networks, as a function that predicts targets."""
    rows = statistics(train)
    models = [
        HistGradientBoostingRegressor(max_iter=200, random_state=0).fit(rows, one) for one in train.targets.T.numpy()
    ]
    return lambda zoo: torch.tensor(np.array([model.predict(statistics(zoo)) for model in models]).T)


def boosting(split: Split, activation: str, seconds: float) -> float:
    """Gradient boosting on statistics of each tensor."""
    return r2(boosted(split.train)(split.test), split.test.targets)


METHODS: dict[str, Callable[[Split, str, float], float]] = {
    "`Metanet`, permutations": metanet(scaled=False),
    "… on canonical weights": canonical(metanet(scaled=False)),
    "… on weights moved at random": metanet(scaled=False, augmented=True),
    "`Metanet`, permutations and scalars": metanet(scaled=True),
    "statistics and boosting": boosting,
    "… on canonical weights ": canonical(boosting),
    "flat perceptron": flat,
    "outputs at learned inputs alone": probes_alone,
}
"""Each takes a split, the name of an activation and seconds, and gives R² on test networks."""
