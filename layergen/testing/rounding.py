"""How far two outputs are apart, and how far they may be: rounding, as it is and as it is measured."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from layergen.testing.subject import Subject
from symmetry import GroupElement
from symmetry.maps.projection import permutes_entries

__all__ = [
    "DROWNED",
    "ROUNDING",
    "TOLERANCES",
    "allowance",
    "difference",
    "is_nothing",
    "measured_noise",
    "scales",
    "stretches",
]

TOLERANCES = {torch.float64: 1e-10, torch.float32: 2e-5, torch.float16: 8e-2, torch.bfloat16: 2.5e-1}
"""The largest error that counts as rounding, over the root mean square of the output channel."""

ROUNDING = 4
"""How many times what rounding the inputs does to an output may come on top of that."""

DROWNED = 1e-2
"""Where rounding the inputs may account for this share of an output, nothing can be told."""

NOTHING = 64
"""An output of at most this many units in the last place of the largest input is zero up to rounding."""

FAINT = 16
"""An output in half precision of at most this many times its noise may be zero up to rounding."""

SIGNS = 16
"""From how many arrays of random signs is told how an element of the group stretches each entry."""


def measured_noise(subject: Subject, output: dict[str, Tensor]) -> dict[str, Tensor]:
    """What rounding its inputs does to each output channel of a function: the largest change of three roundings."""
    generator = torch.Generator().manual_seed(0)
    noise = {name: torch.zeros(value.shape[1:][-1:], dtype=torch.float64) for name, value in output.items()}
    for _ in range(3):
        rounded = {}
        for name, value in subject.features.items():
            signs = torch.randint(0, 2, value.shape, generator=generator).mul(2).sub(1).to(value)
            rounded[name] = value * (1 + torch.finfo(value.dtype).eps * signs)
        for name, value in subject.output(rounded).items():
            if value.shape == output[name].shape and value.numel():
                noise[name] = torch.maximum(noise[name], over_channels((value - output[name]).abs().amax, value))
    return noise


def stretches(subject: Subject, g: GroupElement) -> dict[str, Tensor]:
    """How an element of the group stretches the entries of outputs, `(*axes, 1)`, where it does more than permute.

    Errors are stretched too: those of a neuron that is multiplied by 8 are 8 times as large.
    """
    if subject.target is None:
        return {}
    generator = torch.Generator().manual_seed(0)
    signs = {
        tensor.name: torch.randint(0, 2, (SIGNS, *tensor.shape, 1), generator=generator).double() * 2 - 1
        for tensor in subject.target
        if not permutes_entries(tensor)
    }
    return {name: value.square().mean(0).sqrt() for name, value in subject.expected(g, signs).items()}


def over_channels(reduce: Callable[..., Tensor], value: Tensor) -> Tensor:
    """A reduction over all dimensions but the last (over all of a vector: one number a network), in float64."""
    return reduce(tuple(range(max(value.ndim - 1, 1)))).double().cpu()


def scales(value: Tensor) -> Tensor:
    """The root mean square of each channel."""
    squares = value.double().square()
    return over_channels(squares.mean, squares).sqrt().clamp_min(torch.finfo(torch.float64).tiny)


def allowance(value: Tensor) -> float:
    """The tolerance of a precision."""
    return TOLERANCES.get(value.dtype, 1e-4)


def is_nothing(subject: Subject, output: Tensor) -> bool:
    """Whether an output is zero up to rounding.

    In half precision units are so large that it also has to be what noise makes of it, where that has been measured.
    """
    if not output.numel():
        return False
    largest, coarse = float(output.abs().max()), allowance(output) > DROWNED
    noise = [float(one.max()) for one in subject.noise.values() if coarse and one.numel()]
    return largest <= min(NOTHING * unit(subject, output), FAINT * max(noise, default=math.inf))


def unit(subject: Subject, output: Tensor) -> float:
    """A unit in the last place of the largest input, in the precision of an output."""
    largest = max((float(value.abs().max()) for value in subject.features.values() if value.numel()), default=1.0)
    return largest * float(torch.finfo(output.dtype if output.is_floating_point() else torch.float64).eps)


def difference(
    subject: Subject,
    name: str,
    expected: Tensor,
    found: Tensor,
    tolerance: float | None,
    scale: Tensor | None = None,
    stretch: Tensor | None = None,
) -> tuple[float, float, tuple[int, ...]]:
    """The largest error over the root mean square of its channel, the error allowed there, and the entry.

    Largest is meant against what is allowed: channels have tolerances of their own. `scale` is given where what is
    expected is only some networks of an output, or an output that was moved; `stretch` is then what moving did to the
    size of each entry.
    """
    scale = scales(expected) if scale is None else scale
    error = (found.to(expected) - expected).abs().double().cpu() / (scale if stretch is None else scale * stretch)
    allowed = torch.full_like(scale, tolerance if tolerance is not None else allowance(expected))
    if tolerance is None:
        rounding = torch.zeros_like(scale) + ROUNDING * subject.noise.get(name, torch.zeros(()))
        if is_nothing(subject, expected):
            rounding = rounding.clamp_min(ROUNDING * unit(subject, expected))
        allowed = allowed + rounding / scale
    worst = (error / allowed.clamp_min(torch.finfo(torch.float64).tiny)).nan_to_num(nan=torch.inf).argmax()
    entry = tuple(int(i) for i in torch.unravel_index(worst, error.shape))
    return float(error[entry]), float(allowed.expand_as(error)[entry]), entry
