"""Invariant heads: features of the whole network from those of its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from layergen.linear import InvariantLinear
from layergen.nn.fields import own_length, turned_indices
from layergen.plan.widths import observed_space
from symmetry.maps.equivariant_maps import LIMIT
from symmetry.space.layout import take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["InvariantHead", "SetMax"]

Features = dict[str, Tensor]


class SetMax(nn.Module):
    """For each piece and each value of its free positions the maximum over the others: `(batch, pieces · channels)`.

    The nonlinear companion of the mean pools; invariant, positional indices included. Of entries that a group turns it
    is the maximum of their lengths.
    """

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__()
        self.space, self.turned = space, turned_indices(space)
        self.out_features = channels * sum(piece.free_size for piece in space.pieces)

    def forward(self, x: Features) -> Tensor:
        space = observed_space(self.space, {name: value.shape[1:-1] for name, value in x.items()})
        found = []
        for tensor in space:
            for piece, part in take_apart(tensor.layout, x[tensor.name], lead=1):
                turned = [place + 1 for place, p in enumerate(piece.positions) if p.index.name in self.turned]
                dims = [place + 1 for place in range(len(piece.positions)) if place not in piece.free]
                part = own_length(part, turned)
                found.append((part.amax(dims) if dims else part).flatten(1))
        return torch.cat(found, dim=-1)


class InvariantHead(nn.Module):
    """Mean and, unless `maximum` is false, max pools of all tensors, mixed and read out: `(batch, out_features)`.

    The means go through the derived `InvariantLinear`, the maxima through a linear map of their own.
    """

    def __init__(
        self,
        space: WeightSpace,
        channels: int,
        out_features: int,
        hidden: int = 64,
        *,
        maximum: bool = True,
        limit: int = LIMIT,
    ) -> None:
        super().__init__()
        self.means = InvariantLinear(space, channels, hidden, limit=limit)
        most = SetMax(space, channels)
        self.maxima = nn.Sequential(most, nn.Linear(most.out_features, hidden)) if maximum else None
        self.read_out = nn.Sequential(
            nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, out_features)
        )

    def forward(self, x: Features) -> Tensor:
        pooled = self.means(x)
        if self.maxima is not None:
            pooled = pooled + self.maxima(x)
        return self.read_out(pooled)
