"""Modules that treat every entry alike."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from layergen.nn.fields import check_pointwise, turned_tensors
from symmetry.space.weight_space import WeightSpace

__all__ = ["Dropout", "Pointwise", "Residual"]

Features = dict[str, Tensor]


class Pointwise(nn.Module):
    """Apply a function to every tensor of the features; elementwise ones are equivariant to permutations.

    With a `space`, raises `SpecificationError` if one of its indices is acted on by a group that does not permute its
    values: use `Gated` or `NormPointwise` there.

    >>> import torch
    >>> Pointwise(nn.ReLU())({"b": torch.tensor([[[-1.0], [2.0]]])})["b"].flatten().tolist()
    [0.0, 2.0]
    """

    def __init__(self, function: Callable[[Tensor], Tensor], space: WeightSpace | None = None) -> None:
        super().__init__()
        if space is not None:
            check_pointwise(space, "a pointwise function")
        self.function = function

    def forward(self, x: Features) -> Features:
        return {name: self.function(value) for name, value in x.items()}


class Dropout(nn.Module):
    """Zero each entry of each channel with probability `p` while training.

    Of tensors of `space` that a group turns, whole channels.
    """

    def __init__(self, p: float = 0.1, space: WeightSpace | None = None) -> None:
        super().__init__()
        self.entries = nn.Dropout(p)
        self.turned = () if space is None else turned_tensors(space)

    def forward(self, x: Features) -> Features:
        return {name: self.channels(value) if name in self.turned else self.entries(value) for name, value in x.items()}

    def channels(self, value: Tensor) -> Tensor:
        """A tensor with whole channels set to zero."""
        kept = self.entries(value.new_ones(value.shape[0], value.shape[-1]))
        return value * kept.reshape(value.shape[0], *[1] * (value.ndim - 2), -1)


class Residual(nn.Module):
    """`x + inner(x)`, for an inner module that keeps the channels."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Features) -> Features:
        update = self.inner(x)
        return {name: value + update[name] for name, value in x.items()}
