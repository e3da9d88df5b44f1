"""Whether a function is linear in its input, and whether a layer is linear in its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from layergen.testing.subject import Subject

__all__ = ["EXACT", "adds_up", "affine_error", "randomise"]

EXACT = 1e-8
"""What is smaller than this, relative to the whole, is rounding."""


def affine_error(subject: Subject) -> float:
    """How far the function is from linear up to a constant, on a sum of two inputs, relative to the largest output."""
    generator = torch.Generator().manual_seed(1)
    first = subject.features
    second = {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        for name, value in first.items()
    }
    both = {name: value + second[name] for name, value in first.items()}
    zero = {name: torch.zeros_like(value) for name, value in first.items()}
    whole, one, other, origin = (subject.output(features) for features in (both, first, second, zero))
    errors = [
        float((value - one[name] - other[name] + origin[name]).abs().max()) / max(float(value.abs().max()), 1e-300)
        for name, value in whole.items()
        if value.numel()
    ]
    return max(errors, default=0.0)


def randomise(parameters: Iterable[Tensor], generator: torch.Generator) -> None:
    """Normal parameters, in place."""
    with torch.no_grad():
        for parameter in parameters:
            parameter.normal_(generator=generator)


def adds_up(subject: Subject, parameters: Sequence[Tensor], generator: torch.Generator) -> bool:
    """Whether the layer of the sum of two sets of parameters is the sum of their layers."""
    outputs, values = [], []
    for _ in range(2):
        randomise(parameters, generator)
        values.append([parameter.detach().clone() for parameter in parameters])
        outputs.append(subject.output(subject.features))
    with torch.no_grad():
        for parameter, first, second in zip(parameters, *values, strict=True):
            parameter.copy_(first + second)
    return all(
        float((value - outputs[0][name] - outputs[1][name]).abs().max()) <= EXACT * float(value.abs().max())
        for name, value in subject.output(subject.features).items()
        if value.numel()
    )
