"""H and I: edit pictures through the weights of their INRs, so that the networks show something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.graphs import CONFIGURATIONS, GraphSteps, Kind, also
from benchmarks.learning.inrs import evaluated, grid
from benchmarks.learning.methods import Method, probes_of, reads, trained
from benchmarks.learning.others import network_spec_from_wsfeat, packed
from benchmarks.learning.others import nfn as published
from benchmarks.learning.tasks import ERROR, Part, Task, fashion, fashion_inrs, fashion_part, three_parts
from demo.baselines import FlatPerceptron, OutputsAlone
from layergen import Features
from layergen.nn import Metanet, PerTensorLinear, Pointwise, Standardise
from symmetry import WeightSpace

__all__ = ["EDITORS", "Rendered", "contrast", "dilation", "editing", "edits"]

SIDE, STRIDE, EDITED = 28, 2, "edit"
"""The side of the pictures; which pixels count, every other one of every other row; a word in the tasks' titles."""


def dilation(pictures: Tensor) -> Tensor:
    """The largest value of each pixel's neighbourhood of 3 × 3."""
    return nn.functional.max_pool2d(pictures, 3, stride=1, padding=1)


def contrast(pictures: Tensor) -> Tensor:
    """Twice the distance from the mean of each picture, between 0 and 1."""
    mean = pictures.mean((-2, -1), keepdim=True)
    return (mean + 2 * (pictures - mean)).clamp(0, 1)


def places() -> Tensor:
    """The coordinates of the pixels that count, `(pixel, 2)`."""
    return grid(SIDE).reshape(SIDE, SIDE, 2)[::STRIDE, ::STRIDE].flatten(0, 1)


def editing(title: str, edit: Callable[[Tensor], Tensor], count: int = 5_000, tested: int = 500) -> Task:
    """A task on INRs of Fashion-MNIST: targets are the pixels `(network, pixel)` of edited pictures.

    Training and validation are those of E; the test is on INRs of further pictures.
    """
    task, test = fashion_inrs(count), fashion_part("fashion-edited", count, tested, seed=5_000)
    train, validation, _ = three_parts(Part({}, wanted(edit, 0, count)))
    return replace(
        task,
        title=f"{title}, {EDITED}",
        train=Part(task.train.features, train.targets),
        validation=Part(task.validation.features, validation.targets),
        test=Part(test.features, wanted(edit, count, tested)),
        score=ERROR,
        loss=nn.functional.mse_loss,
        outputs=train.targets.shape[1],
    )


def wanted(edit: Callable[[Tensor], Tensor], first: int, count: int) -> Tensor:
    """The pixels that count of edited pictures."""
    return edit(fashion(first, count)[0])[:, ::STRIDE, ::STRIDE].flatten(1)


class Rendered(nn.Module):
    """What INRs show after a network has edited their weights, `(network, pixel)`."""

    coordinates: Tensor

    def __init__(self, editor: nn.Module) -> None:
        super().__init__()
        self.editor = editor
        self.register_buffer("coordinates", places())

    def forward(self, x: Features) -> Tensor:
        found = self.editor(x)
        return evaluated([found[name][..., 0] for name in x], self.coordinates)[..., 0]


class Kept(nn.Module):
    """Nothing changed; the parameter, which does nothing, is there to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, x: Features) -> Features:
        return {name: value + 0 * self.nothing for name, value in x.items()}


class Steps(nn.Module):
    """Weights plus a step that a network gives, in the deviations of each tensor's weights.

    It is multiplied by a factor for each tensor, which is learned and begins at 0.01.
    """

    deviations: Tensor

    def __init__(self, network: nn.Module, task: Task) -> None:
        super().__init__()
        self.network, self.names = network, task.space.names
        self.factors = nn.Parameter(torch.full((len(self.names),), 0.01))
        features = task.train.features
        self.register_buffer("deviations", torch.stack([features[name].std() for name in self.names]))

    def forward(self, x: Features) -> Features:
        step = self.network(x)
        factors = zip(self.names, self.factors * self.deviations, strict=True)
        return {name: x[name] + factor * step[name] for name, factor in factors}


class Rescaled(nn.Module):
    """The last layer multiplied by one number and shifted by another, the same for all networks."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Features) -> Features:
        weight, bias = list(x)[-2:]
        return {**x, weight: self.scale * x[weight], bias: self.scale * x[bias] + self.shift}


class Unflattened(nn.Module):
    """All numbers that a network gives for each of some networks, as features of weights."""

    def __init__(self, network: nn.Module, space: WeightSpace) -> None:
        super().__init__()
        self.network, self.shapes = network, space.shapes

    def forward(self, x: Features) -> Features:
        pieces = self.network(x).split([prod(shape) for shape in self.shapes.values()], 1)
        named = zip(self.shapes.items(), pieces, strict=True)
        return {name: piece.reshape(-1, *shape, 1) for (name, shape), piece in named}


class NfnSteps(nn.Module):
    """Layers of the package nfn with ReLU between them, which give features of weights."""

    def __init__(self, task: Task, kind: str, hidden: int, layers: int = 3) -> None:
        super().__init__()
        self.names = task.space.names
        self.standardise = Standardise(task.space, 1).fit(task.train.features)
        spec = network_spec_from_wsfeat(packed(task.train.take(slice(1)).features))
        made: list[nn.Module] = [published.IOSinusoidalEncoding(spec)] if kind == "NP" else []
        channels = made[0].num_out_chan(1) if made else 1
        linear = published.NPLinear if kind == "NP" else published.HNPLinear
        for number in range(layers):
            last = number == layers - 1
            made += [linear(spec, channels, 1 if last else hidden), *([] if last else [published.TupleOp(nn.ReLU())])]
            channels = hidden
        self.layers = nn.Sequential(*made)

    def forward(self, x: Features) -> Features:
        found = self.layers(packed(self.standardise(x)))
        values = [value for pair in zip(found.weights, found.biases, strict=True) for value in pair]
        return {name: value.movedim(1, -1) for name, value in zip(self.names, values, strict=True)}


def kept(task: Task) -> Rendered:
    """The pictures as they were."""
    return Rendered(Kept())


def rescaled(task: Task) -> Rendered:
    """The same line of what every network shows."""
    return Rendered(Rescaled())


def each(task: Task, *, hidden: int) -> Rendered:
    """A perceptron for each weight, the same for all weights of a tensor."""
    layers: list[nn.Module] = [Standardise(task.space, 1).fit(task.train.features)]
    for channels in (1, hidden):
        layers += [PerTensorLinear(task.space, channels, hidden), Pointwise(nn.GELU())]
    return Rendered(Steps(nn.Sequential(*layers, PerTensorLinear(task.space, hidden, 1)), task))


def flat(task: Task, *, hidden: int) -> Rendered:
    """A perceptron on the raw weights, which gives what to add to each."""
    network = FlatPerceptron(task.train.features, count_of_weights(task.space), hidden)
    return Rendered(Steps(Unflattened(network, task.space), task))


def outputs(task: Task, *, count: int) -> Rendered:
    """A perceptron on outputs at learned inputs, which gives what to add to each weight."""
    network = OutputsAlone(probes_of(task, count), task.train.features, count_of_weights(task.space))
    return Rendered(Steps(Unflattened(network, task.space), task))


def count_of_weights(space: WeightSpace) -> int:
    """How many weights a network has."""
    return sum(map(prod, space.shapes.values()))


def ours(task: Task, *, signs: bool = False, probes: int = 0, carried: int = 0, **options: Any) -> Rendered:
    """A metanetwork that gives what to add to the weights, over permutations or signs.

    It has as many probes and channels of propagation as are given.
    """
    space, given = reads(task, signs=signs, probes=probes, carried=carried)
    editor = Metanet(space, out_channels=1, update=True, **given, **options)
    return Rendered(editor.fit(task.train.features))


def nfn(task: Task, *, kind: str, **options: Any) -> Rendered:
    """A network of nfn's layers that gives what to add to the weights."""
    return Rendered(Steps(NfnSteps(task, kind, **options), task))


def graph(task: Task, *, kind: Kind, **options: Any) -> Rendered:
    """A graph network that gives what to add to the weights."""
    return Rendered(Steps(GraphSteps(task, kind, **options), task))


OURS = ({"hidden": 16, "rate": 3e-3}, {"hidden": 16, "fourier": 8, "norm": True}, {"hidden": 32, "rate": 1e-3})
CARRIED = (
    {"hidden": 16, "layers": 1, "carried": 32, "rate": 3e-3},
    {"hidden": 16, "layers": 1, "carried": 64, "rate": 1e-3},
    {"hidden": 16, "carried": 32, "fourier": 8, "norm": True},
)
PROBED = (
    {"hidden": 16, "rate": 3e-3, "probes": 16},
    {"hidden": 8, "layers": 1, "rate": 3e-3, "probes": 16},
    {"hidden": 16, "layers": 1, "rate": 1e-3, "probes": 16},
)
NFN = ({"hidden": 16}, {"hidden": 16, "rate": 1e-3}, {"hidden": 32, "rate": 1e-3})
WIDE = ({"hidden": 64}, {"hidden": 256, "rate": 1e-3}, {"hidden": 256, "decay": 0.3})
COUNTS = ({"count": 16}, {"count": 48}, {"count": 196})
RATES = ({"rate": 3e-2}, {"rate": 1e-2}, {"rate": 3e-3})


def edits(task: Task) -> bool:
    """Whether a task is about editing."""
    return task.title.endswith(EDITED)


EDITORS: dict[str, Method] = {
    "kept": Method("nothing changed", trained(kept), ({}, {}, {}), edits),
    "edit-line": Method("last layer scaled and shifted", trained(rescaled), RATES, edits),
    "edit-each": Method("perceptron for each weight", trained(each), NFN, edits),
    "edit-flat": Method("flat perceptron", trained(flat), WIDE, edits),
    "edit-outputs": Method("outputs at probes alone", trained(outputs), COUNTS, edits),
    "edit-ours": Method("`Metanet`", trained(ours), OURS, edits),
    "edit-signs": Method("… and signs", trained(ours), also(OURS, signs=True), edits),
    "edit-carried": Method("… and propagation", trained(ours), CARRIED, edits),
    "edit-carried-signs": Method("… propagation and signs", trained(ours), also(CARRIED, signs=True), edits),
    "edit-probed": Method("`Metanet` with probes", trained(ours), PROBED, edits),
    "edit-carried-probed": Method("… propagation and probes", trained(ours), also(CARRIED, probes=16), edits),
    "edit-hnp": Method("nfn, `HNPLinear`", trained(nfn), also(NFN, kind="HNP"), edits),
    "edit-np": Method("nfn, `NPLinear`", trained(nfn), also(NFN, kind="NP"), edits),
    **{
        f"edit-{kind}": Method(f"`GraphMetanet`, {kind}", trained(graph), also(CONFIGURATIONS, kind=kind), edits)
        for kind in ("gmn", "ng-gnn", "ng-t")
    },
}
"""By name, each in three configurations."""
