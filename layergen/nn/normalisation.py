"""Normalisation of features: over channels, and of the input by statistics of a training set."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from layergen.nn.fields import by_piece, observed, turned_indices, turned_tensors
from symmetry.space.weight_space import WeightSpace

__all__ = ["ChannelNorm", "Standardise"]

Features = dict[str, Tensor]


class ChannelNorm(nn.Module):
    """Layer norm over the channels of every entry, with a scale and a shift for each tensor and channel.

    Where a group turns the entries they are divided by their root mean square over its index and the channels, and
    not shifted.
    """

    def __init__(self, space: WeightSpace, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.space, self.names, self.eps = space, space.names, eps
        self.turned, self.tensors = turned_indices(space), turned_tensors(space)
        self.scale = nn.Parameter(torch.ones(len(space), channels))
        self.shift = nn.Parameter(torch.zeros(len(space), channels))

    def forward(self, x: Features) -> Features:
        space = observed(self.space, x) if self.turned else self.space
        parameters = zip(self.names, self.scale, self.shift, strict=True)
        return {name: self.normal(space, name, x[name], scale, shift) for name, scale, shift in parameters}

    def normal(self, space: WeightSpace, name: str, value: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """One tensor, normalised."""

        def normal(part: Tensor, dims: list[int]) -> Tensor:
            if not dims:
                return nn.functional.layer_norm(part, scale.shape, scale, shift, self.eps)
            return scale * part / (part.square().mean((*dims, -1), keepdim=True) + self.eps).sqrt()

        if name not in self.tensors:
            return normal(value, [])
        return by_piece(self.turned, normal, space[name], (space[name], value))


class Standardise(nn.Module):
    """Shift and scale each tensor by its mean and deviation over a training set, entries pooled together.

    Tensors that a group turns are only scaled, by their root mean square. Until `fit` has been called it is the
    identity.

    >>> space = WeightSpace({"b": "h"}, sets={"h": 4})
    >>> x = {"b": 5 + 3 * torch.randn(100, 4, 1)}
    >>> y = Standardise(space, channels=1).fit(x)(x)["b"]
    >>> abs(float(y.mean())) < 1e-4, abs(float(y.std()) - 1) < 1e-2
    (True, True)
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__()
        self.names, self.turned = space.names, turned_tensors(space)
        self.register_buffer("mean", torch.zeros(len(space), channels))
        self.register_buffer("deviation", torch.ones(len(space), channels))

    @torch.no_grad()
    def fit(self, x: Features) -> Standardise:
        """Take the statistics of `x`, the features of a training set; returns the module.

        A tensor that is constant over the set keeps deviation one.
        """
        for number, name in enumerate(self.names):
            entries = x[name].flatten(0, -2).to(self.mean.dtype)
            if name in self.turned:
                lengths = entries.square().mean(0).sqrt()
                self.deviation[number] = torch.where(lengths > 0, lengths, 1.0)
                continue
            deviation = entries.std(0, correction=0)
            self.mean[number] = entries.mean(0)
            varies = entries.amax(0) > entries.amin(0)
            self.deviation[number] = torch.where(varies, deviation, 1.0)
        return self

    def forward(self, x: Features) -> Features:
        return {
            name: (x[name] - mean) / deviation
            for name, mean, deviation in zip(self.names, self.mean, self.deviation, strict=True)
        }
