"""What is measured against what: several layers on the same weight space, each on features laid out as it wants."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from benchmarks.floors import FreeMixing, SwiftFloor
from benchmarks.nfn_layers import LAYERS, NfnLayer, channels_first, is_chain
from benchmarks.term_by_term import TermByTerm
from layergen import EquivariantLinear, Features
from layergen.nn import PerTensorLinear
from layergen.plan.lowering import lower
from symmetry import WeightSpace

__all__ = [
    "COMPILED",
    "FLOOR",
    "FREE_FLOOR",
    "HNP",
    "LITERAL",
    "LOCAL",
    "NP",
    "OURS",
    "SWIFT_FLOOR",
    "Case",
    "Contender",
    "contenders",
    "why_not_compiled",
]

FLOOR, FREE_FLOOR, SWIFT_FLOOR = "floor", "free floor", "floor as ours"
OURS, COMPILED, LOCAL = "layergen", "layergen compiled", "layergen local"
LITERAL, HNP, NP = "term by term", *LAYERS


@dataclass(frozen=True, slots=True)
class Case:
    """A weight space with the sizes at which it is measured, channels in and out alike."""

    name: str
    title: str
    space: WeightSpace
    batch: int
    channels: int

    @property
    def weights(self) -> int:
        """Entries of one network's tensors."""
        return sum(torch.Size(shape).numel() for shape in self.space.shapes.values())

    @property
    def feature_bytes(self) -> int:
        """Bytes of the input and output features together, in float32."""
        return 2 * 4 * self.weights * self.batch * self.channels


@dataclass(slots=True)
class Contender:
    """A layer with its inputs, and fixed gradients of its outputs."""

    module: nn.Module
    call: Callable[[Features], Features]
    features: Features
    leaves: list[Tensor] = field(init=False)
    gradients: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.leaves = [value.requires_grad_() for value in self.features.values()] + list(self.module.parameters())
        with torch.no_grad():
            self.gradients = [torch.randn_like(value) for value in self.module(self.features).values()]

    def forward(self) -> Features:
        """The outputs, without a graph."""
        with torch.no_grad():
            return self.call(self.features)

    def forward_backward(self) -> tuple[Features, tuple[Tensor, ...]]:
        """The outputs, and the gradients for inputs and parameters. (nfn has parameters that reach no output.)"""
        out = self.call(self.features)
        return out, torch.autograd.grad(list(out.values()), self.leaves, self.gradients, allow_unused=True)


def contenders(case: Case, *, compiled: bool = False, others: bool = True) -> dict[str, Contender]:
    """The layers to compare on a case, the floor first. Without `others`: the floor, ours, ours with local terms."""
    space, channels = case.space, case.channels
    features = {tensor.name: torch.randn(case.batch, *tensor.shape, channels) for tensor in space}
    layer = EquivariantLinear(space, channels, channels)
    floor = PerTensorLinear(space, channels, channels)
    found = {FLOOR: Contender(floor, floor, features), OURS: Contender(layer, layer, features)}
    if compiled:
        torch._dynamo.reset()
        found[COMPILED] = Contender(layer, torch.compile(layer, fullgraph=True, dynamic=False), features)
    if others and any(piece.free for piece in space.pieces):
        mixing = FreeMixing(space, channels, channels)
        found[FREE_FLOOR] = Contender(mixing, mixing, features)
    if not others:
        local = EquivariantLinear(space, channels, channels, terms="local")
        found[LOCAL] = Contender(local, local, features)
    if others:
        product = vars(sys.modules[layer.emitted.layer.__module__])["_product"]
        swift = SwiftFloor(space, channels, channels, product)
        found[SWIFT_FLOOR] = Contender(swift, swift, features)
        literal = TermByTerm(lower(layer.maps), channels, channels)
        found[LITERAL] = Contender(literal, literal, features)
    if others and is_chain(space):
        for kind in LAYERS:
            module = NfnLayer(kind, space, channels, channels)
            found[kind] = Contender(module, module, channels_first(space, case.batch, channels))
    return found


def why_not_compiled() -> str:
    """Why torch cannot compile for the CPU here (no C++ compiler, no Python.h …); empty if it can."""
    try:
        torch.compile(torch.nn.functional.silu, fullgraph=True)(torch.zeros(64))
    except Exception as error:  # whatever inductor trips over, the other figures are still worth having
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ""
