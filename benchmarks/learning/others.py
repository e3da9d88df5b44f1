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
from layergen import EquivariantLinear, Features, InvariantLinear
from layergen.nn import Standardise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nfn import layers as nfn  # type: ignore[import-untyped]
    from nfn.common import WeightSpaceFeatures, network_spec_from_wsfeat  # type: ignore[import-untyped]

__all__ = ["DwsNet", "NfnNet", "boosted"]


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
        self.read_out = read_out(hidden * pool.get_num_outs(spec), task.outputs)

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
        self.read_out = read_out(128, task.outputs)

    def forward(self, x: Features) -> Tensor:
        x = self.standardise(x)
        for layer, norms in zip(self.layers, self.norms, strict=True):
            rows = zip(layer(x).items(), norms.values(), strict=True)  # type: ignore[operator]
            x = {name: norm(value.flatten(0, -2)).reshape(value.shape).relu() for (name, value), norm in rows}
        return self.read_out(self.invariant(x).relu())  # type: ignore[no-any-return]


def read_out(inputs: int, outputs: int) -> nn.Sequential:
    """A perceptron with two hidden layers."""
    inner = [nn.Linear(inputs, 128), nn.GELU(), nn.Linear(128, 128), nn.GELU()]
    return nn.Sequential(*inner, nn.Linear(128, outputs))


def boosted(rows: NDArray[np.float32], task: Task, leaves: int) -> Callable[[NDArray[np.float32]], Tensor]:
    """Gradient boosting on a row of numbers for each network, grown: it answers on rows."""
    options = {"max_iter": 300, "learning_rate": 0.05, "max_leaf_nodes": leaves, "random_state": 0}
    if not task.train.targets.is_floating_point():
        classes = HistGradientBoostingClassifier(**options).fit(rows, task.train.targets.numpy())
        return lambda rows: torch.from_numpy(classes.predict_proba(rows))
    trees = [HistGradientBoostingRegressor(**options).fit(rows, target) for target in task.train.targets.T.numpy()]
    return lambda rows: torch.from_numpy(np.stack([tree.predict(rows) for tree in trees], 1))
