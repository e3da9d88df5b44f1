"""Can a layer be made equal to any equivariant one? It is fitted to a random one, by least squares.

A layer that is linear in its parameters reaches a subspace of the equivariant maps. A random map lies in that subspace
if it is the whole space, and otherwise never: one fit tells, with every channel in sight, where the rank of all maps
would be that of a matrix too large to take apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from layergen.linear import EquivariantLinear
from layergen.testing.coupling import gradient_of
from layergen.testing.directions import named_output
from layergen.testing.forms import find_form
from layergen.testing.linearity import randomise
from layergen.testing.subject import Subject
from symmetry import EquivariantMaps

__all__ = ["fits"]

STEPS = 2_000
"""The most steps of conjugate gradients."""
REACHED, LEFT = 1e-6, 1e-8
"""A rest that small is rounding; a larger one on which the parameters have so small an effect is out of their reach."""
PROBES = 16
"""How many random outputs tell how large the effect of each parameter is."""
MOST = 50_000_000
"""The most numbers that the inputs and outputs of the fit may have together."""


def fits(
    subject: Subject, parameters: Sequence[nn.Parameter], maps: EquivariantMaps, generator: torch.Generator
) -> bool | None:
    """Whether a layer, linear in its input and its parameters, can be made equal to a random equivariant one.

    None where that would not fit into memory, or where the fit does not end: part of the layer may be hidden from
    gradients (detached, say).
    """
    channels = next(iter(subject.features.values())).shape[-1]
    out = next(iter(named_output(subject, subject.output(subject.features)).values())).shape[-1]
    # Of each entry of the output twice as many samples as an entry has coefficients.
    most = max(sum(block.dimension for block in maps.blocks if block.target.name == one.name) for one in maps.target)
    batch = 2 * (most * channels + 1)
    entries = [sum(math.prod(shape) for shape in space.shapes.values()) for space in (maps.source, maps.target)]
    if batch * (entries[0] * channels + entries[1] * out) > MOST:
        return None
    features = {
        name: torch.randn(batch, *value.shape[1:], generator=generator, dtype=torch.float64)
        for name, value in subject.features.items()
    }
    reference: Any = EquivariantLinear(maps.source, channels, out, target=maps.target, dtype=torch.float64)
    randomise(reference.parameters(), generator)
    model = replace(subject, function=reference, form=find_form("features"), features=features)
    wanted = named_output(model, model.output(features))
    scales = {name: 1 / value.square().mean().sqrt().clamp_min(1e-300) for name, value in wanted.items()}
    fit = Fit(replace(subject, features=features), parameters, scales)
    return fit.solved(torch.cat([(wanted[name] * scales[name]).flatten() for name in scales]), generator)


class Fit:
    """The layer's outputs on some inputs as a linear function of its parameters, and the transpose of that."""

    def __init__(self, subject: Subject, parameters: Sequence[nn.Parameter], scales: dict[str, Tensor]) -> None:
        self.subject, self.parameters, self.scales = subject, parameters, scales
        self.count = sum(parameter.numel() for parameter in parameters)

    def outputs(self) -> Tensor:
        """All outputs as one vector, with a graph for gradients."""
        found = named_output(self.subject, self.subject.traced(dict(self.subject.features)))
        return torch.cat([(found[name] * scale).flatten() for name, scale in self.scales.items()])

    def forward(self, values: Tensor) -> Tensor:
        """The outputs for given parameters, flattened into one vector."""
        with torch.no_grad():
            start = 0
            for parameter in self.parameters:
                parameter.copy_(values[start : start + parameter.numel()].view_as(parameter))
                start += parameter.numel()
            return self.outputs()

    def transposed(self, rest: Tensor) -> Tensor:
        """The gradient of `rest · outputs` by the parameters, which does not depend on what these are."""
        return gradient_of((self.outputs() * rest).sum(), self.parameters)

    def solved(self, wanted: Tensor, generator: torch.Generator) -> bool | None:
        """Whether parameters give the outputs `wanted`, by conjugate gradients on the normal equations."""
        squares = torch.zeros(self.count, dtype=torch.float64)
        for _ in range(PROBES):
            signs = torch.randint(0, 2, wanted.shape, generator=generator).double() * 2 - 1
            squares += self.transposed(signs).square()
        # Parameters of very different effect are brought to one scale; those of none stay where they are.
        scale = torch.where(squares > 0, squares.rsqrt(), 0.0)
        rest, size = wanted, float(torch.linalg.vector_norm(wanted))
        slope = scale * self.transposed(rest)
        first, step = float(slope.square().sum()), slope
        now = first
        for _ in range(STEPS):
            effect = self.forward(scale * step)
            length = now / max(float(effect.square().sum()), 1e-300)
            rest = rest - length * effect
            if float(torch.linalg.vector_norm(rest)) <= REACHED * size:
                return True
            slope = scale * self.transposed(rest)
            before, now = now, float(slope.square().sum())
            if now <= LEFT**2 * first:
                return False
            step = slope + now / before * step
        return None
