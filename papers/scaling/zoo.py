"""Zoos of small perceptrons, each fitted to a function of its own: y = a sin(b x + c) on an interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.learning.tasks import Part
from symmetry import WeightSpace

__all__ = ["ACTIVATIONS", "Zoo", "fit_zoo", "space_of"]

WIDTH, POINTS = 16, 64
ACTIVATIONS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "tanh": ("sign", torch.tanh),
    "ReLU": ("positive", torch.relu),
}
"""By the name of an activation: the scalars that its neurons may be multiplied by, and the activation."""


@dataclass(frozen=True, slots=True)
class Zoo(Part):
    """Fitted networks: features `{tensor: (network, *axes, 1)}`, targets (a, b) `(network, 2)`, mean squared error."""

    error: float


def space_of(scaled: str | None, width: int = WIDTH) -> WeightSpace:
    """The weight space of a 1-width-width-1 perceptron, up to scalars of the neurons or up to permutations alone."""
    neurons = width if scaled is None else {"size": width, "scaled": scaled}
    goes_out = "" if scaled is None else "^-1"
    tensors = {
        "0.weight": "h1 x",
        "0.bias": "h1",
        "2.weight": f"h2 h1{goes_out}",
        "2.bias": "h2",
        "4.weight": f"y h2{goes_out}",
        "4.bias": "y",
    }
    return WeightSpace(tensors, sets={"h1": neurons, "h2": neurons}, free={"x": 1, "y": 1})


def fit_zoo(activation: str, networks: int, *, width: int = WIDTH, steps: int = 1_500, seed: int = 0) -> Zoo:
    """Fit networks to functions with random a and b, all at once, by Adam.

    Targets have mean nought and deviation one over all such functions. Phases are random too. Weights of the first
    layer begin large enough for several waves.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(networks, *shape, generator=generator)

    unit = uniform(-0.5, 0.5, 2)  # a and b, each over the length of its range
    a, b, phase = 1.0 + unit[:, :1, None], 2.5 + 3.0 * unit[:, 1:, None], uniform(-3.2, 3.2, 1, 1)
    x = torch.linspace(-1, 1, POINTS)[None, :, None]
    y = a * torch.sin(b * x + phase)
    weights = {}
    for name, shape in space_of(None, width).shapes.items():
        fan_in = shape[1] if len(shape) > 1 else 1
        bound = {"0.weight": 3.0, "0.bias": 2.0}.get(name, fan_in**-0.5 if len(shape) > 1 else 0.1)
        weights[name] = uniform(-bound, bound, *shape).requires_grad_()
    act = ACTIVATIONS[activation][1]
    optimiser = torch.optim.Adam(weights.values(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        hidden = act(x @ weights["0.weight"].mT + weights["0.bias"][:, None])
        hidden = act(hidden @ weights["2.weight"].mT + weights["2.bias"][:, None])
        errors = (hidden @ weights["4.weight"].mT + weights["4.bias"][:, None] - y).square().mean((1, 2))
        optimiser.zero_grad()
        errors.sum().backward()
        optimiser.step()
        schedule.step()
    features = {name: value.detach()[..., None] for name, value in weights.items()}
    return Zoo(features, unit * 12**0.5, float(errors.detach().mean()))
