"""What `Metanet` is compared with: nfn (Zhou et al. 2023), DWSNets (Navon et al. 2023), and simpler methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from torch import Tensor, nn

from benchmarks.learning.tasks import Task
from demo.predictors import Standardised, flatten, statistics
from layergen import EquivariantLinear, Features, InvariantLinear
from layergen.nn import Probes, Standardise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nfn import layers as nfn  # type: ignore[import-untyped]
    from nfn.common import WeightSpaceFeatures, network_spec_from_wsfeat  # type: ignore[import-untyped]

__all__ = ["DwsNet", "FlatPerceptron", "NfnNet", "OutputsAlone", "boosted", "perceptron"]


class NfnNet(nn.Module):
    """Layers of the package nfn, ReLU between them, its pool and a perceptron, as its README puts them together.

    `kind` is "HNP", hidden neurons being permuted, or "NP", inputs and outputs too, told apart by an encoding. With
    `fourier` the weights are first expanded in that many random frequencies.
    """

    def __init__(self, task: Task, kind: str, hidden: int, layers: int = 3, fourier: int = 0) -> None:
        super().__init__()
        self.standardise = Standardise(task.space, 1).fit(task.train.features)
        spec = network_spec_from_wsfeat(packed(task.train.take(slice(1)).features))
        made: list[nn.Module] = []
        channels = 1
        if fourier:
            made.append(nfn.GaussianFourierFeatureTransform(spec, 1, fourier, 3))
            channels = made[-1].out_channels
        if kind == "NP":
            made.append(encoding := nfn.IOSinusoidalEncoding(spec))
            channels = encoding.num_out_chan(channels)
        linear, pool = (nfn.NPLinear, nfn.NPPool) if kind == "NP" else (nfn.HNPLinear, nfn.HNPPool)
        for _ in range(layers):
            made += [linear(spec, channels, hidden), nfn.TupleOp(nn.ReLU())]
            channels = hidden
        self.layers, self.pool = nn.Sequential(*made), pool(spec)
        self.read_out = perceptron(hidden * pool.get_num_outs(spec), 128, task.outputs)

    def forward(self, x: Features) -> Tensor:
        pooled = self.pool(self.layers(packed(self.standardise(x))))
        return self.read_out(pooled.flatten(1))  # type: ignore[no-any-return]


def packed(x: Features) -> WeightSpaceFeatures:
    """Features as nfn lays them out: weights and biases apart, channels before the axes."""
    values = [value.movedim(-1, 1) for value in x.values()]
    return WeightSpaceFeatures(values[::2], values[1::2])


class DwsNet(nn.Module):
    """Layers of DWSNets, batch norm and ReLU between them, its invariant layer and a perceptron.

    For a single output the published layer spans all equivariant maps, so that the derived layer stands for it.
    """

    def __init__(self, task: Task, hidden: int, layers: int = 4) -> None:
        super().__init__()
        self.standardise = Standardise(task.space, 1).fit(task.train.features)
        widths = [1, *[hidden] * layers]
        self.layers = nn.ModuleList(EquivariantLinear(task.space, before, after) for before, after in pairwise(widths))
        self.norms = nn.ModuleList(
            nn.ModuleDict({str(place): nn.BatchNorm1d(hidden) for place in range(len(task.space))})
            for _ in range(layers)
        )
        self.invariant = InvariantLinear(task.space, hidden, 128)
        self.read_out = perceptron(128, 128, task.outputs)

    def forward(self, x: Features) -> Tensor:
        x = self.standardise(x)
        for layer, norms in zip(self.layers, self.norms, strict=True):
            rows = zip(layer(x).items(), norms.values(), strict=True)  # type: ignore[operator]
            x = {name: norm(value.flatten(0, -2)).reshape(value.shape).relu() for (name, value), norm in rows}
        return self.read_out(self.invariant(x).relu())  # type: ignore[no-any-return]


class FlatPerceptron(nn.Module):
    """A perceptron on all weights in one row."""

    def __init__(self, task: Task, hidden: int, dropout: float = 0.3) -> None:
        super().__init__()
        rows = flatten(task.train.features)
        self.layers = nn.Sequential(
            Standardised(rows.mean(0), rows.std(0)),
            nn.Linear(rows.shape[1], hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 64),
            nn.GELU(),
            nn.Linear(64, task.outputs),
        )

    def forward(self, x: Features) -> Tensor:
        return self.layers(flatten(x))  # type: ignore[no-any-return]


class OutputsAlone(nn.Module):
    """A perceptron on a network's outputs at learned inputs; it reads no weight."""

    def __init__(self, task: Task, probes: Probes) -> None:
        super().__init__()
        self.probes = probes
        with torch.no_grad():
            outputs = probes(task.train.features)[1]
        self.standardise = Standardised(outputs.mean(0), outputs.std(0).square().mean().sqrt())
        self.read_out = perceptron(probes.out_features, 128, task.outputs)

    def forward(self, x: Features) -> Tensor:
        return self.read_out(self.standardise(self.probes(x)[1]))  # type: ignore[no-any-return]


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A perceptron with two hidden layers."""
    inner = [nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()]
    return nn.Sequential(*inner, nn.Linear(hidden, outputs))


def boosted(task: Task, leaves: int) -> Callable[[Features], Tensor]:
    """Gradient boosting on the mean, deviation and quantiles of each tensor, grown: it answers on features."""
    rows, targets = statistics(task.train.features), task.train.targets
    options = {"max_iter": 300, "learning_rate": 0.05, "max_leaf_nodes": leaves, "random_state": 0}
    if not targets.is_floating_point():
        classes = HistGradientBoostingClassifier(**options).fit(rows, targets.numpy())
        return lambda x: torch.from_numpy(classes.predict_proba(statistics(x)))
    trees = [HistGradientBoostingRegressor(**options).fit(rows, target) for target in targets.T.numpy()]

    def answer(x: Features) -> Tensor:
        found: NDArray[np.float64] = np.stack([tree.predict(statistics(x)) for tree in trees], 1)
        return torch.from_numpy(found)

    return answer
