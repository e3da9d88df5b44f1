"""What one tries without this project: statistics, a perceptron on raw weights, running the networks alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen import Features
from layergen.nn import Probes, Standardise
from symmetry import WeightSpace

__all__ = ["FlatPerceptron", "OutputsAlone", "Standardised", "flatten", "statistics"]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
FAINT = 1e-2
"""Added to the length of outputs, so that outputs near nought have no direction."""


def statistics(x: Features) -> NDArray[np.float32]:
    """For each tensor of each network its mean, deviation and quantiles."""
    rows = []
    for value in x.values():
        flat = value.flatten(1)
        quantiles = flat.quantile(flat.new_tensor(QUANTILES), dim=1).mT
        rows += [flat.mean(1, keepdim=True), flat.std(1, correction=0, keepdim=True), quantiles]
    return torch.cat(rows, dim=1).numpy()


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

    It reads the outputs standardised, divided by their length, and the logarithm of that length.
    """

    def __init__(self, probes: Probes, train: Features, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.probes = probes
        self.standardise = Standardise(WeightSpace({"outputs": ""}), probes.out_features, together=True)
        self.standardise.fit({"outputs": probes.outputs(train)})
        layers: list[nn.Module] = []
        for width in (2 * probes.out_features + 1, 128, 128):
            layers += [nn.Linear(width, 128), nn.GELU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(128, outputs))

    def summary(self, x: Features) -> Tensor:
        """What the perceptron reads, a row for each network; the same at every step as long as the inputs stay."""
        rows = self.standardise({"outputs": self.probes.outputs(x)})["outputs"]
        length = (rows.square().mean(1, keepdim=True) + 1e-12).sqrt() + FAINT
        return torch.cat([rows, rows / length, length.log()], dim=1)

    def from_summary(self, rows: Tensor) -> Tensor:
        """What the perceptron answers on rows."""
        return self.layers(rows)  # type: ignore[no-any-return]

    def forward(self, x: Features) -> Tensor:
        return self.from_summary(self.summary(x))
