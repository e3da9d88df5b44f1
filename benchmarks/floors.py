"""What no layer of the kind can do without: the floor with the free values, and the floor run as fast as ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layergen import Features
from layergen.nn import PerTensorLinear
from symmetry import WeightSpace
from symmetry.space.weight_space import Tensor as Declared

__all__ = ["FreeMixing", "SwiftFloor"]


@dataclass(frozen=True, slots=True)
class Order:
    """How to bring the free axes of a tensor behind the permuted ones: its places in that order, sizes of the free."""

    places: tuple[int, ...]
    free: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Declared) -> Order:
        """A tensor of several pieces is left as it is."""
        if len(tensor.pieces) > 1 or not tensor.pieces[0].free:
            return cls(tuple(range(len(tensor.shape))), ())
        piece = tensor.pieces[0]
        return cls(piece.joined + piece.free, tuple(piece.positions[place].index.size for place in piece.free))


class FreeMixing(nn.Module):
    """Mix the channels of each tensor and its free values (a kernel's nine, say) by a matrix of its own.

    `PerTensorLinear` mixes channels only. Where there are free values an equivariant layer has weights for every
    pair of them, so that its largest products are these; no tensor sees another here either.
    """

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_channels: int,
        product: Callable[[Tensor, Tensor], Tensor] = torch.matmul,
    ) -> None:
        super().__init__()
        self.product = product
        self.orders = {tensor.name: Order.of(tensor) for tensor in space}
        self.out_channels = out_channels
        sizes = [math.prod(order.free) for order in self.orders.values()]
        self.weights = nn.ParameterList(torch.randn(n * in_channels, n * out_channels) for n in sizes)
        self.biases = nn.ParameterList(torch.zeros(n * out_channels) for n in sizes)

    def forward(self, x: Features) -> Features:
        return {
            name: self.mixed(x[name], order, weight, bias)
            for (name, order), weight, bias in zip(self.orders.items(), self.weights, self.biases, strict=True)
        }

    def mixed(self, value: Tensor, order: Order, weight: Tensor, bias: Tensor) -> Tensor:
        """One tensor, axes `(batch, *axes, channels)`."""
        if not order.free:
            return self.product(value, weight) + bias
        value = value.permute(0, *(place + 1 for place in order.places), -1)
        value = self.product(value.flatten(value.ndim - len(order.free) - 1), weight) + bias
        value = value.unflatten(-1, [*order.free, self.out_channels])
        back = (order.places.index(place) + 1 for place in range(len(order.places)))
        return value.permute(0, *back, -1)


class SwiftFloor(PerTensorLinear):
    """The floor with the layers' own product in place of `@`: what of a ratio is the product's speed alone."""

    def __init__(
        self, space: WeightSpace, in_channels: int, out_channels: int, product: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        super().__init__(space, in_channels, out_channels)
        self.product = product

    def forward(self, x: Features) -> Features:
        return {
            name: self.product(x[name], weight) + bias
            for name, weight, bias in zip(self.entries, self.weight, self.bias, strict=True)
        }
