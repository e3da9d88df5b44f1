"""Modules that treat every entry alike."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

__all__ = ["Dropout", "Pointwise", "Residual"]

Features = dict[str, Tensor]


class Pointwise(nn.Module):
    """Apply a function to every tensor of the features; elementwise ones are equivariant.

    >>> import torch
    >>> Pointwise(nn.ReLU())({"b": torch.tensor([[[-1.0], [2.0]]])})["b"].flatten().tolist()
    [0.0, 2.0]
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Features) -> Features:
        return {name: self.function(value) for name, value in x.items()}


class Dropout(Pointwise):
    """Zero each entry of each channel with probability `p` while training."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(nn.Dropout(p))


class Residual(nn.Module):
    """`x + inner(x)`, for an inner module that keeps the channels."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Features) -> Features:
        update = self.inner(x)
        return {name: value + update[name] for name, value in x.items()}
