"""H and I: edit pictures through the weights of their INRs, so that the networks show something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.graphs import CONFIGURATIONS, GraphSteps, Kind, also
from benchmarks.learning.inrs import evaluated, grid
from benchmarks.learning.methods import Method, probes_of, trained
from benchmarks.learning.others import network_spec_from_wsfeat, packed
from benchmarks.learning.others import nfn as published
from benchmarks.learning.tasks import ERROR, Part, Task, fashion_inrs, idx
from layergen import Features
from layergen.nn import Metanet, Standardise

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


def editing(title: str, edit: Callable[[Tensor], Tensor], count: int = 5_000) -> Task:
    """A task on INRs of Fashion-MNIST: targets are the pixels `(network, pixel)` of edited pictures."""
    task = fashion_inrs(count)
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))[:count]
    pictures = idx("train-images-idx3-ubyte.gz")[order].float() / 255
    wanted = edit(pictures)[:, ::STRIDE, ::STRIDE].flatten(1)
    held, parts = count // 8, (task.train, task.validation, task.test)
    rows = (wanted[2 * held :], wanted[:held], wanted[held : 2 * held])
    sized = (Part(part.features, pixels) for part, pixels in zip(parts, rows, strict=True))
    loss, spaces = nn.functional.mse_loss, (task.space, task.signed)
    return Task(f"{title}, {EDITED}", *sized, ERROR, loss, wanted.shape[1], *spaces, task.module, task.examples)


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
    """Weights plus a step that a network gives, less by a factor for each tensor that is learned and begins at 0.01."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names
        self.factors = nn.Parameter(torch.full((len(names),), 0.01))

    def forward(self, x: Features) -> Features:
        step = self.network(x)
        return {name: x[name] + factor * step[name] for name, factor in zip(self.names, self.factors, strict=True)}


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


def ours(task: Task, *, signs: bool = False, probes: int = 0, **options: Any) -> Rendered:
    """A metanetwork that gives what to add to the weights, over permutations or signs, with probes or without."""
    space = (task.signed if signs else None) or task.space
    probed = probes_of(task, probes, space) if probes else None
    editor = Metanet(space, out_channels=1, update=True, probes=probed, **options)
    return Rendered(editor.fit(task.train.features))


def nfn(task: Task, *, kind: str, **options: Any) -> Rendered:
    """A network of nfn's layers that gives what to add to the weights."""
    return Rendered(Steps(NfnSteps(task, kind, **options), task.space.names))


def graph(task: Task, *, kind: Kind, **options: Any) -> Rendered:
    """A graph network that gives what to add to the weights."""
    return Rendered(GraphSteps(task, kind, **options))


OURS = ({"hidden": 16, "rate": 3e-3}, {"hidden": 16, "fourier": 8, "norm": True}, {"hidden": 32, "rate": 1e-3})
NFN = ({"hidden": 16}, {"hidden": 16, "rate": 1e-3}, {"hidden": 32, "rate": 1e-3})


def edits(task: Task) -> bool:
    """Whether a task is about editing."""
    return task.title.endswith(EDITED)


EDITORS: dict[str, Method] = {
    "kept": Method("nothing changed", trained(kept), ({}, {}, {}), edits),
    "edit-ours": Method("`Metanet`", trained(ours), OURS, edits),
    "edit-signs": Method("… and signs", trained(ours), also(OURS, signs=True), edits),
    "edit-probed": Method("… with probes", trained(ours), also(OURS, probes=16), edits),
    "edit-hnp": Method("nfn, `HNPLinear`", trained(nfn), also(NFN, kind="HNP"), edits),
    "edit-np": Method("nfn, `NPLinear`", trained(nfn), also(NFN, kind="NP"), edits),
    **{
        f"edit-{kind}": Method(f"`GraphMetanet`, {kind}", trained(graph), also(CONFIGURATIONS, kind=kind), edits)
        for kind in ("gmn", "ng-gnn", "ng-t")
    },
}
"""By name, each in three configurations."""
