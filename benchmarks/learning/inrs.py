"""Implicit neural representations (INRs): small networks with sine activations, each fitted to a signal of its own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log10, pi, sqrt

import torch
from torch import Tensor, nn

from layergen import Features
from symmetry import WeightSpace

__all__ = ["FREQUENCY", "Siren", "evaluated", "fit_inrs", "grid", "siren_space"]

FREQUENCY, RATE = 30.0, 3e-3
"""What each layer's output is multiplied by before the sine; the rate of learning at first."""


class Siren(nn.Module):
    """A perceptron with sines, of `(batch, in)` coordinates to `(batch, out)` values.

    Sitzmann et al. (2020), "Implicit Neural Representations with Periodic Activation Functions", NeurIPS.

    >>> Siren((2, 32, 32, 1))(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Values at some coordinates."""
        *hidden, last = self.layers
        for layer in hidden:
            x = (FREQUENCY * layer(x)).sin()
        values: Tensor = last(x)
        return values


def siren_space(widths: tuple[int, ...], *, signs: bool) -> WeightSpace:
    """The weight space of a `Siren`: hidden neurons are permuted and, the sine being odd, may change their signs."""
    indices = ["x", *(f"h{layer}" for layer in range(1, len(widths) - 1)), "y"]
    tensors = {}
    for layer, (before, after) in enumerate(pairwise(indices)):
        charge = "" if before == "x" or not signs else "^-1"
        tensors[f"layers.{layer}.weight"] = f"{after} {before}{charge}"
        tensors[f"layers.{layer}.bias"] = after
    sets = {f"h{n}": {"size": size, "scaled": "sign"} if signs else size for n, size in enumerate(widths[1:-1], 1)}
    return WeightSpace(tensors, sets=sets, free={"x": widths[0], "y": widths[-1]})


def grid(side: int) -> Tensor:
    """The places of a picture's pixels, from -1 to 1: `(pixel, 2)`, row by row.

    >>> grid(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    line = torch.linspace(-1, 1, side)
    return torch.cartesian_prod(line, line)


def fit_inrs(
    coordinates: Tensor,
    values: Tensor,
    widths: tuple[int, ...],
    *,
    steps: int,
    seed: int,
    points: int | None = None,
    together: int = 250,
    spread: float = 1.0,
    advance: Callable[[int], object] = lambda _: None,
) -> tuple[Features, float]:
    """Fit an INR to each of some signals by Adam, each from initial weights of its own.

    Parameters
    ----------
    coordinates
        Where the signals are known, `(point, in)`, the same for all.
    values
        The signals `(network, point, out)`.
    widths
        The sizes of the layers of values, from `in` to `out`.
    steps
        The number of steps of Adam.
    seed
        The seed of initial weights and points.
    points
        How many points, drawn at random, a step takes; all if None.
    together
        How many networks are fitted at a time.
    spread
        What initial weights are multiplied by.
    advance
        Called with the number of networks that have been fitted.

    Returns
    -------
    dict of Tensor
        The weights, features `{tensor: (network, *axes, 1)}` of `siren_space`.
    float
        The mean over networks of the peak signal-to-noise ratio in decibels, the peak being a range of 1.
    """
    generator = torch.Generator().manual_seed(seed)
    parts, ratios = [], []
    for signals in values.split(together):
        weights = initial_weights(widths, len(signals), generator, spread)
        optimiser = torch.optim.Adam(weights, lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            some = slice(None) if points is None else torch.randperm(len(coordinates), generator=generator)[:points]
            errors = (evaluated(weights, coordinates[some]) - signals[:, some]).square().mean((1, 2))
            optimiser.zero_grad()
            errors.sum().backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            errors = (evaluated(weights, coordinates) - signals).square().mean((1, 2))
        ratios += [-10 * log10(error) for error in errors.clamp_min(1e-10).tolist()]
        parts.append([weight.detach() for weight in weights])
        advance(len(signals))
    names = siren_space(widths, signs=False).names
    stacked = [torch.cat(several)[..., None] for several in zip(*parts, strict=True)]
    return dict(zip(names, stacked, strict=True)), sum(ratios) / len(ratios)


def initial_weights(
    widths: tuple[int, ...], networks: int, generator: torch.Generator, spread: float = 1.0
) -> list[Tensor]:
    """Weights and biases `(network, *axes)`, layer by layer, as the paper of `Siren` draws them (section 3.2).

    Weights are multiplied by `spread`.
    """
    weights = []
    for layer, (before, after) in enumerate(pairwise(widths)):
        bound = 1 / before if layer == 0 else sqrt(6 / before) / FREQUENCY
        phase = pi / FREQUENCY if layer == 0 else 1 / sqrt(before) / FREQUENCY
        for shape, most in (((after, before), bound), ((after,), phase)):
            drawn = torch.rand(networks, *shape, generator=generator)
            weights.append(((2 * drawn - 1) * most * (spread if len(shape) > 1 else 1)).requires_grad_())
    return weights


def evaluated(weights: list[Tensor], coordinates: Tensor) -> Tensor:
    """The values `(network, point, out)` of networks of weights `(network, *axes)` at coordinates `(point, in)`."""
    *hidden, last = zip(weights[::2], weights[1::2], strict=True)
    value = coordinates.expand(len(weights[0]), -1, -1)
    for weight, bias in hidden:
        value = (FREQUENCY * torch.baddbmm(bias[:, None], value, weight.mT)).sin()
    return torch.baddbmm(last[1][:, None], value, last[0].mT)
