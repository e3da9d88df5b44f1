"""Which maps of a layer share parameters, told by gradients: those that share none can be looked at one by one.

A layer of 16 to 16 channels has 256 maps of each block, and as a rule no two of them share a parameter. Drawn
together and looked at each by itself, they need as many draws as one of them has dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen.testing.directions import Directions, named_output
from layergen.testing.linearity import EXACT
from layergen.testing.subject import Subject

__all__ = ["Seen", "active", "coupled"]


@dataclass(frozen=True, slots=True)
class Seen:
    """The map from one tensor to one tensor between one pair of channel directions; a bias has the empty source."""

    source: str
    target: str
    pair: int


def coupled(subject: Subject, directions: Directions, parameters: Sequence[nn.Parameter]) -> list[list[Seen]] | None:
    """The maps and biases of a layer in groups that share no parameter; None where gradients do not tell.

    The layer has to be linear in its input and in its parameters. By Euler's theorem such a function is the sum of
    its parameters times its gradients by them; where it is not, part of it is hidden from the gradients (detached,
    say).
    """
    try:
        return joined(dependencies(subject, directions, parameters), sum(one.numel() for one in parameters))
    except (RuntimeError, HiddenError):
        return None


class HiddenError(Exception):
    """A parameter acts on an output where no gradient sees it."""


def joined(found: Iterable[tuple[Seen, NDArray[np.bool_]]], total: int) -> list[list[Seen]]:
    """Maps that share a parameter, directly or through others, in one group."""
    group_of = np.full(total, -1)
    groups: list[list[Seen]] = []
    for one, flags in found:
        met = [number for number in np.unique(group_of[flags]) if number >= 0]
        groups.append([one, *(other for number in met for other in groups[number])])
        for number in met:
            groups[number] = []
            group_of[group_of == number] = len(groups) - 1
        group_of[flags] = len(groups) - 1
    return [group for group in groups if group]


def dependencies(
    subject: Subject, directions: Directions, parameters: Sequence[nn.Parameter]
) -> Iterator[tuple[Seen, NDArray[np.bool_]]]:
    """For each map and bias of a layer on which parameters it depends: flags `(parameters,)`.

    Maps are seen at one random input, through one random combination of the target's entries.
    """
    generator = torch.Generator().manual_seed(4)
    zero = {name: torch.zeros_like(value[:1]) for name, value in subject.features.items()}
    base = named_output(subject, subject.traced(zero))
    values = torch.cat([parameter.detach().flatten() for parameter in parameters])
    for source in ("", *subject.space.names):
        for number, direction in enumerate(directions.incoming if source else directions.incoming[:1]):
            x = zero
            if source:
                shape = (*zero[source].shape[:-1], 1)
                x = zero | {source: torch.randn(shape, generator=generator, dtype=torch.float64) * direction}
            for target, value in named_output(subject, subject.traced(x)).items():
                change = (value - base[target] if source else value) @ directions.outgoing.T
                marked = change * torch.randn(change.shape, generator=generator, dtype=torch.float64)
                marks = marked.flatten(0, -2).sum(0)
                for out, mark in enumerate(marks.sum()[None] if directions.contracted else marks):
                    gradient = gradient_of(mark, parameters)
                    terms, whole = gradient * values, mark.detach()
                    if bool((terms.sum() - whole).abs() > EXACT * (terms.abs().sum() + whole.abs())):
                        raise HiddenError
                    yield Seen(source, target, number * len(marks) + out), (gradient != 0).numpy()


def gradient_of(mark: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The gradient of a number by all parameters, flattened into one vector."""
    if not mark.requires_grad:
        return torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=torch.float64)
    found = torch.autograd.grad(mark, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([one.flatten() for one in found])


def active(subject: Subject, parameters: Sequence[nn.Parameter]) -> tuple[int | None, int | None]:
    """How many parameters act on the linear maps, and how many on the biases: those with a gradient, if it exists."""
    zero = {name: torch.zeros_like(value) for name, value in subject.features.items()}
    counts: list[int | None] = []
    for linear in (True, False):
        try:
            out = subject.traced(subject.features if linear else zero)
            base = subject.traced(zero) if linear else dict.fromkeys(out, 0.0)
            generator = torch.Generator().manual_seed(3)
            marks = [
                ((value - base[name]) * torch.randn(value.shape, generator=generator, dtype=value.dtype)).sum()
                for name, value in out.items()
            ]
            gradient = gradient_of(torch.stack(marks).sum(), parameters)
        except RuntimeError:
            counts.append(None)
            continue
        counts.append(int((gradient.abs() > 1e-12).sum()))
    return counts[0], counts[1]
