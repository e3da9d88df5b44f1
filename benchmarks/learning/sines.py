"""J: INRs of sines, asked where they begin elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from math import pi
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.inrs import evaluated, fit_inrs, siren_space
from benchmarks.learning.kept import kept
from benchmarks.learning.methods import Method
from benchmarks.learning.tasks import Part, Task, sines
from benchmarks.learning.training import Outcome
from layergen import Features

__all__ = ["HELD", "LINES", "amplitudes", "drawn_sines", "fitted", "fitted_sine", "moved_sines", "standardised"]

WIDTHS, HELD, SPREAD = (1, 32, 32, 1), 250, 1.5
"""The INRs, how many are held out, and what the initial weights of those that begin elsewhere are multiplied by."""


def moved_sines(networks: int = 2_000, steps: int = 500) -> Task:
    """J: as A, but the test networks were fitted from initial weights that are half as large again."""
    task = sines(networks, steps)
    test = standardised(drawn_sines("sines-moved", HELD, steps, seed=1, spread=SPREAD), networks)
    return replace(task, title="J: a and b of INRs that begin elsewhere", test=test)


def drawn_sines(name: str, networks: int, steps: int, seed: int, **options: Any) -> Part:
    """INRs of `a sin(b x)` of their own, with a and b; `name` begins the name of their file in the cache."""
    drawn, line = amplitudes(networks, seed), torch.linspace(-1, 1, 64)[:, None]
    features = kept(f"{name}-{networks}-{steps}", lambda: fitted(drawn, line, steps, seed, **options))
    return Part({tensor: features[tensor] for tensor in siren_space(WIDTHS, signs=False).names}, drawn)


def amplitudes(networks: int, seed: int) -> Tensor:
    """The numbers a and b of some signals, uniform from 0 to 10."""
    return 10 * torch.rand(networks, 2, generator=torch.Generator().manual_seed(seed))


def fitted(drawn: Tensor, line: Tensor, steps: int, seed: int, **options: Any) -> Features:
    """INRs of signals of these a and b, from initial weights of this seed."""
    signals = drawn[:, :1, None] * (drawn[:, 1:, None] * pi * line).sin()
    return fit_inrs(line, signals, WIDTHS, steps=steps, seed=seed, **options)[0]


def standardised(part: Part, networks: int) -> Part:
    """The same with a and b standardised as those of the networks of A."""
    drawn = amplitudes(networks, seed=0)
    return Part(part.features, (part.targets - drawn.mean(0)) / drawn.std(0))


def fitted_sine(values: Tensor, line: Tensor) -> Tensor:
    """By least squares a and b, `(network, 2)`, of signals `(network, point)` that are nearly `a sin(b π line)`.

    Of each b on a fine grid from 0 to 10 the best a is known; the best pair is taken.
    """
    grid = torch.linspace(0.005, 10, 2_000, dtype=torch.float64)
    waves = (grid[:, None] * pi * line.double()).sin()
    products, squares = values.double() @ waves.mT, waves.square().sum(1)
    best = (products.square() / squares).argmax(1)
    return torch.stack([products.gather(1, best[:, None])[:, 0] / squares[best], grid[best]], 1).float()


def fit_of_sines(task: Task, _: float, **options: Any) -> Outcome:
    """What can be told of the outputs by who knows their form: the fit, and a line from it to the targets."""
    start = time.process_time()
    line, found = task.examples[:, 0], []
    for part in (task.train, task.validation, task.test):
        state = {name: value[..., 0] for name, value in part.features.items()}
        values = evaluated([state[name] for name in task.space.names], task.examples)[..., 0]
        found.append(torch.cat([fitted_sine(values, line), torch.ones(len(part), 1)], 1))
    coefficients = torch.linalg.lstsq(found[0], task.train.targets).solution
    parts = zip(found[1:], (task.validation, task.test), strict=True)
    scores = [task.score.of(rows @ coefficients, part.targets) for rows, part in parts]
    return Outcome(scores[0], scores[1], 1, time.process_time() - start)


def of_a_line(task: Task) -> bool:
    """Whether networks show signals over a line, and a and b are asked."""
    return task.examples.shape[-1] == 1 and task.loss is nn.functional.mse_loss


LINES: dict[str, Method] = {
    "sine": Method("a fit of `a sin(b x)` to the outputs", fit_of_sines, ({}, {}, {}), of_a_line)
}
"""What is possible where the form of the answer is known."""
