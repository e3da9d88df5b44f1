"""Methods that read a and b off a network's weights, each with the same seconds of one core's time."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor, nn

import layergen
from layergen.nn import Metanet
from papers.scaling.zoo import ACTIVATIONS, Zoo, space_of

__all__ = ["METHODS", "OPTIONS", "Probed", "Split", "boosted", "r2", "train"]

RATE, BATCH = 3e-3, 50
OPTIONS: dict[str, Any] = {"hidden": 16, "layers": 2, "norm": True, "fourier": 8, "fourier_scale": 0.5}
"""Of every metanetwork."""
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Split:
    """A zoo in three parts: to train on, to choose the epoch by, to report on."""

    train: Zoo
    validation: Zoo
    test: Zoo

    @classmethod
    def of(cls, zoo: Zoo, seed: int) -> Split:
        """A random seventh each for validation and test."""
        order = torch.randperm(len(zoo.targets), generator=torch.Generator().manual_seed(seed))
        held = len(order) // 7
        return cls(*(zoo.part(rows) for rows in (order[2 * held :], order[:held], order[held : 2 * held])))


def r2(found: Tensor, true: Tensor) -> float:
    """The coefficient of determination, mean over the targets."""
    return float((1 - (found - true).square().sum(0) / (true - true.mean(0)).square().sum(0)).mean())


def fit(network: nn.Module, split: Split, seconds: float, moved: Callable[[Zoo], layergen.Features]) -> float:
    """R² of a network on test networks, trained for some seconds of processor time."""
    train(network, split, seconds, moved)
    with torch.no_grad():
        return r2(network(split.test.features), split.test.targets)


def train(network: nn.Module, split: Split, seconds: float, moved: Callable[[Zoo], layergen.Features]) -> None:
    """Train a network for some seconds of processor time, one cycle of learning rates; its epoch is the best one."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    best, kept, start = -np.inf, network.state_dict(), time.process_time()
    while (spent := (time.process_time() - start) / seconds) < 1:
        network.train()
        for rows in torch.randperm(len(split.train.targets)).split(BATCH):
            spent = (time.process_time() - start) / seconds
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(10 * spent, max(1 - spent, 0) * 10 / 9)
            batch = split.train.part(rows)
            loss = (network(moved(batch)) - batch.targets).square().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        network.eval()
        with torch.no_grad():
            score = r2(network(split.validation.features), split.validation.targets)
        if score > best:
            best, kept = score, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    network.eval()


def metanet(scaled: bool, augmented: bool = False) -> Callable[[Split, str, float], float]:
    """A metanetwork over permutations, or over the activation's scalars too."""

    def method(split: Split, activation: str, seconds: float) -> float:
        whole = space_of(ACTIVATIONS[activation][0])
        network = Metanet(whole if scaled else space_of(None), out_features=2, **OPTIONS)
        network.fit(split.train.features)
        rng = np.random.default_rng(0)
        return fit(
            network,
            split,
            seconds,
            (lambda zoo: layergen.augment(zoo.features, whole, rng)) if augmented else lambda zoo: zoo.features,
        )

    return method


def canonical(method: Callable[[Split, str, float], float]) -> Callable[[Split, str, float], float]:
    """The method, on networks in canonical form."""

    def on_canonical(split: Split, activation: str, seconds: float) -> float:
        space = space_of(ACTIVATIONS[activation][0])
        parts = (
            Zoo(layergen.canonicalise(zoo.features, space), zoo.targets, zoo.error)
            for zoo in (split.train, split.validation, split.test)
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

    def forward(self, x: layergen.Features) -> Tensor:
        found: Tensor = self.layers(torch.cat([value.flatten(1) for value in x.values()], 1))
        return found


def flat(split: Split, activation: str, seconds: float) -> float:
    """A perceptron on all weights in one row."""
    entries = sum(value[0].numel() for value in split.train.features.values())
    return fit(Flat(entries), split, seconds, lambda zoo: zoo.features)


class Probed(nn.Module):
    """A perceptron on a network's outputs at learned inputs; it reads no weight."""

    def __init__(self, activation: str, count: int = 16) -> None:
        super().__init__()
        self.act, self.inputs = ACTIVATIONS[activation][1], nn.Parameter(torch.linspace(-1, 1, count)[:, None])
        self.layers = nn.Sequential(nn.Linear(count, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))

    def forward(self, x: layergen.Features) -> Tensor:
        value: Tensor = self.inputs
        for name in ("0", "2", "4"):
            value = value @ x[f"{name}.weight"][..., 0].mT + x[f"{name}.bias"][..., 0][:, None]
            value = value if name == "4" else self.act(value)
        found: Tensor = self.layers(value.flatten(1))
        return found


def probes_alone(split: Split, activation: str, seconds: float) -> float:
    """A perceptron on outputs at learned inputs."""
    return fit(Probed(activation), split, seconds, lambda zoo: zoo.features)


def statistics(zoo: Zoo) -> NDArray[np.float64]:
    """Mean, deviation and quantiles of each tensor, a row for each network."""
    columns = []
    for value in zoo.features.values():
        rows = value.flatten(1)
        columns += [rows.mean(1), rows.std(1, correction=0), *torch.quantile(rows, torch.tensor(QUANTILES), 1)]
    return torch.stack(columns, 1).double().numpy()


def boosted(train: Zoo) -> Callable[[Zoo], Tensor]:
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
