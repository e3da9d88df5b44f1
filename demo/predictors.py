"""Predictors of a network's accuracy and learning rate: from its weights alone, from what it computes, from both.

The metanetwork respects the order that hidden channels do not have; the two baselines on weights are what one would try
first: statistics of each tensor with gradient boosting, and a perceptron on the raw weights. A perceptron on outputs at
learned images runs the networks and reads no weight; the metanetwork with probes does both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from scipy.stats import kendalltau
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor, nn

from demo.baselines import FlatPerceptron, OutputsAlone, statistics
from demo.network import DigitsCNN
from demo.zoo import digits
from layergen import Features
from layergen.nn import Metanet, Probes
from symmetry import WeightSpace

__all__ = [
    "BoostingPredictor",
    "Learner",
    "Row",
    "Score",
    "metanet_predictor",
    "perceptron_predictor",
    "probed_predictor",
    "probes_predictor",
    "score",
    "take",
]

PROBES = 16
TARGETS = 2
"""Accuracy and learning rate."""


@dataclass(frozen=True, slots=True)
class Score:
    """Kendall's τ and the coefficient of determination of some predictions."""

    tau: float
    r2: float


def score(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> Score:
    """How well accuracies are predicted: in order (τ) and in value (R², 1 is perfect, 0 the mean)."""
    residual = ((predicted - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    return Score(float(kendalltau(predicted, true).statistic), float(1 - residual))


@dataclass(frozen=True, slots=True)
class Row:
    """How a predictor does on held-out networks.

    Scores of accuracies, of those of the same networks with their neurons permuted, and the mean change; then the score
    of the learning rates.
    """

    plain: Score
    moved: Score
    change: float
    rate: Score

    @classmethod
    def of(cls, plain: NDArray[np.float64], moved: NDArray[np.float64], true: NDArray[np.float64]) -> Row:
        """The scores of two lots of predictions `(network, target)` of the same accuracies and rates."""
        accuracy, rate = (score(*pair) for pair in zip(plain.T, true.T, strict=True))
        change = float(np.abs(plain - moved)[:, 0].mean())
        return cls(accuracy, score(moved[:, 0], true[:, 0]), change, rate)

    @property
    def numbers(self) -> tuple[float, ...]:
        """τ, R², both again after permuting, the mean change of a prediction, and R² of the learning rate."""
        return self.plain.tau, self.plain.r2, self.moved.tau, self.moved.r2, self.change, self.rate.r2


def take(x: Features, rows: Tensor | slice) -> Features:
    """The features of some networks."""
    return {name: value[rows] for name, value in x.items()}


@dataclass(slots=True)
class Learner:
    """A torch predictor and how it is trained; `history` gets the validation R² of each epoch."""

    label: str
    network: nn.Module
    epochs: int
    learning_rate: float
    weight_decay: float
    history: list[float] = field(default_factory=list)

    def fit(self, train: Features, targets: Tensor, validation: Features, held: Tensor, bar: Progress) -> None:
        """Train on squared error, one cycle of learning rates; keep the weights of the best validation epoch.

        `targets` and `held` are `(network, target)`; each target counts by its variance.
        """
        count, size, variance = len(targets), 32, targets.var(0)
        steps = self.epochs * -(-count // size)
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=steps)
        task = bar.add_task(f"training the {self.label}", total=steps)
        best, kept = -np.inf, self.network.state_dict()
        for _ in range(self.epochs):
            self.network.train()
            for rows in torch.randperm(count).split(size):
                loss = ((self.output(take(train, rows)) - targets[rows]).square() / variance).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.advance(task)
            found, true = self.predict(validation).T, held.double().numpy().T
            self.history.append(float(np.mean([score(*pair).r2 for pair in zip(found, true, strict=True)])))
            if self.history[-1] > best:
                best, kept = self.history[-1], {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(kept)

    def output(self, x: Features) -> Tensor:
        """Predicted accuracies, from 0 to 1, and rates, `(network, target)`."""
        found = self.network(x)
        return torch.cat([found[:, :1].sigmoid(), found[:, 1:]], 1)

    def predict(self, x: Features) -> NDArray[np.float64]:
        """Predicted accuracies and rates of some networks, `(network, target)`."""
        self.network.eval()
        with torch.no_grad():
            parts = [self.output(take(x, rows)) for rows in torch.arange(len(next(iter(x.values())))).split(100)]
        return torch.cat(parts).double().numpy()


def metanet_predictor(space: WeightSpace, train: Features) -> Learner:
    """A metanetwork for a weight space, its input standardised by the training set."""
    network = Metanet(space, out_features=TARGETS, hidden=8, fourier=2).fit(train)
    return Learner("metanetwork", network, epochs=20, learning_rate=1e-2, weight_decay=0.1)


def probes_of(space: WeightSpace) -> Probes:
    """Learned images, which begin as digits of the kind that the networks were trained on."""
    return Probes(DigitsCNN(), [digits().train_images[:PROBES, None]], count=PROBES, space=space)


def probed_predictor(space: WeightSpace, train: Features) -> Learner:
    """The metanetwork, which also runs each network on learned images."""
    network = Metanet(space, out_features=TARGETS, hidden=16, probes=probes_of(space)).fit(train)
    return Learner("metanetwork with probes", network, epochs=30, learning_rate=3e-3, weight_decay=0.1)


def probes_predictor(space: WeightSpace, train: Features) -> Learner:
    """A perceptron on what each network gives at learned images."""
    network = OutputsAlone(probes_of(space), train, TARGETS)
    return Learner("outputs at learned images alone", network, epochs=60, learning_rate=3e-3, weight_decay=0.1)


def perceptron_predictor(train: Features) -> Learner:
    """A perceptron on the raw weights, one row a network."""
    network = FlatPerceptron(train, TARGETS, hidden=256)
    return Learner("flat perceptron", network, epochs=60, learning_rate=1e-3, weight_decay=0.1)


class BoostingPredictor:
    """Gradient boosting on the mean, deviation and quantiles of each tensor: blind to where a weight stands."""

    label = "statistics + boosting"

    def __init__(self) -> None:
        self.trees: list[HistGradientBoostingRegressor] = []

    def fit(self, train: Features, targets: Tensor) -> None:
        """Grow the trees of each target; `targets` are `(network, target)`."""
        options = {"max_iter": 300, "learning_rate": 0.05, "random_state": 0}
        rows = statistics(train)
        self.trees = [HistGradientBoostingRegressor(**options).fit(rows, target) for target in targets.mT.numpy()]

    def predict(self, x: Features) -> NDArray[np.float64]:
        """Predicted accuracies and rates of some networks, `(network, target)`."""
        return np.stack([trees.predict(statistics(x)) for trees in self.trees], 1)
