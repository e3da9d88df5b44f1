"""Many networks trained at once, each with a recipe of its own: numbers drawn for each, Adam with a rate for each."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Adam", "evenly", "like"]


def evenly(networks: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Numbers for each network, even in their logarithms.

    >>> drawn = evenly(100, 0.01, 1, torch.Generator().manual_seed(0))
    >>> drawn.shape, bool((drawn >= 0.01).all()), bool((drawn <= 1).all())
    (torch.Size([100]), True, True)
    """
    return low * (high / low) ** torch.rand(networks, generator=generator)


class Adam:
    """Adam for many networks at once, with a learning rate for each."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights, self.count = weights, 0
        self.moments = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in weights.items()}

    @torch.no_grad()
    def step(self, rate: Tensor) -> None:
        """One step with the rates `(network,)`; gradients are used up."""
        self.count += 1
        for name, value in self.weights.items():
            first, second = self.moments[name]
            assert value.grad is not None
            first.lerp_(value.grad, 0.1)
            second.lerp_(value.grad.square(), 0.001)
            root = (second / (1 - 0.999**self.count)).sqrt() + 1e-8
            value -= like(rate, value) * first / (1 - 0.9**self.count) / root
            value.grad = None


def like(numbers: Tensor, value: Tensor) -> Tensor:
    """Numbers for each network, with as many axes as a value."""
    return numbers.reshape(-1, *[1] * (value.ndim - 1))
