"""What one tries without this project: statistics, a perceptron on raw weights, running the networks alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen import Features
from layergen.nn import Probes, Standardise
from layergen.nn.heads import perceptron
from layergen.nn.pools import Distribution
from layergen.nn.summary import Summary
from symmetry import WeightSpace

__all__ = ["FlatPerceptron", "OutputsAlone", "Standardised", "flatten", "statistics"]


def statistics(x: Features) -> NDArray[np.float32]:
    """For each tensor of each network its mean, deviation and quantiles."""
    distribution = Distribution()
    return torch.cat([distribution(value).flatten(1) for value in x.values()], dim=1).numpy()


def flatten(x: Features) -> Tensor:
    """Every weight of each network in one row."""
    return torch.cat([value.flatten(1) for value in x.values()], dim=1)


class Standardised(nn.Module):
    """Each number of a row less its mean over the training set, divided by its deviation."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp_min(1e-6))

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.deviation  # type: ignore[operator]


class FlatPerceptron(nn.Module):
    """A perceptron with two hidden layers on all weights in one row, `train` being features of the training networks.

    With dropout, because there are more weights than networks.
    """

    def __init__(self, train: Features, outputs: int, hidden: int, dropout: float = 0.3) -> None:
        super().__init__()
        rows = flatten(train)
        self.layers = nn.Sequential(
            Standardised(rows.mean(0), rows.std(0)),
            nn.Linear(rows.shape[1], hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 64),
            nn.GELU(),
            nn.Linear(64, outputs),
        )

    def forward(self, x: Features) -> Tensor:
        return self.layers(flatten(x))  # type: ignore[no-any-return]


class OutputsAlone(nn.Module):
    """A perceptron on a network's outputs at learned inputs; it reads no weight.

    It reads the outputs as the summary of a `Metanet` with probes does: standardised, their direction, their length.
    """

    def __init__(self, probes: Probes, train: Features, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.probes = probes
        self.standardise = Standardise(WeightSpace({"outputs": ""}), probes.out_features, together=True)
        self.standardise.fit({"outputs": probes.outputs(train)})
        self.read = Summary(None, 1, None, probes=probes.count, outputs=probes.out_features // probes.count)
        self.read_out = perceptron(self.read.out_features, 128, outputs, dropout=dropout)

    def summary(self, x: Features) -> Tensor:
        """What the perceptron reads, a row for each network; the same at every step as long as the inputs stay."""
        outputs = self.probes.outputs(x)
        return self.read({}, {}, outputs, self.standardise({"outputs": outputs})["outputs"])

    def from_summary(self, rows: Tensor) -> Tensor:
        """What the perceptron answers on rows."""
        return self.read_out(rows)  # type: ignore[no-any-return]

    def forward(self, x: Features) -> Tensor:
        return self.from_summary(self.summary(x))
