"""From weights to channels: per-tensor linear maps, Fourier features, embeddings of positional indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen.nn.fields import by_piece, observed, own_length, turned_indices, turned_tensors
from layergen.plan.widths import observed_space
from symmetry.kinds.indices import PositionalIndex
from symmetry.space.layout import piece_values
from symmetry.space.weight_space import WeightSpace

__all__ = ["FourierFeatures", "PerTensorLinear", "PositionalEmbedding"]

Features = dict[str, Tensor]


class PerTensorLinear(nn.Module):
    """Mix the channels of each tensor by a matrix of its own, `x @ A + b`: no tensor sees another.

    Tensors that a group turns have no `b`.
    """

    def __init__(self, space: WeightSpace, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.names, self.turned = space.names, turned_tensors(space)
        self.weight = nn.Parameter(torch.randn(len(space), in_channels, out_channels) / math.sqrt(in_channels))
        self.bias = nn.Parameter(torch.zeros(len(space), out_channels))

    def forward(self, x: Features) -> Features:
        return {
            name: x[name] @ weight if name in self.turned else x[name] @ weight + bias
            for name, weight, bias in zip(self.names, self.weight, self.bias, strict=True)
        }


class FourierFeatures(nn.Module):
    """Gaussian Fourier features: each entry beside the cosines and sines of `count` random multiples of it.

    Channels grow from `in_channels` to `in_channels · (1 + 2 · count)` (Tancik et al. 2020). The frequencies are
    normal with deviation `scale` and fixed: a buffer, not a parameter. Of tensors of `space` that a group turns, the
    entries times the cosines and sines of multiples of their length.
    """

    frequencies: Tensor

    def __init__(self, in_channels: int, count: int, scale: float = 1.0, space: WeightSpace | None = None) -> None:
        super().__init__()
        self.space = space
        self.turned = frozenset() if space is None else turned_indices(space)
        self.tensors = () if space is None else turned_tensors(space)
        self.out_channels = in_channels * (1 + 2 * count)
        self.register_buffer("frequencies", scale * torch.randn(count))

    def forward(self, x: Features) -> Features:
        found = {name: self.expand(value) for name, value in x.items() if name not in self.tensors}
        if self.space is not None and self.tensors:
            space = observed(self.space, x)
            for name in self.tensors:
                found[name] = by_piece(self.turned, self.expand, space[name], (space[name], x[name]))
        return found

    def expand(self, value: Tensor, dims: Sequence[int] = ()) -> Tensor:
        """One tensor's features, axes `(batch, *axes, channels)`; along `dims` a group turns them."""
        argument = own_length(value, dims)
        phases = 2 * math.pi * (argument.unsqueeze(-1) * self.frequencies).flatten(-2)
        waves = torch.cat([phases.cos(), phases.sin()], dim=-1)
        if dims:
            waves = waves * value.repeat_interleave(len(self.frequencies), dim=-1).tile(2)
        return torch.cat([value, waves], dim=-1)


class PositionalEmbedding(nn.Module):
    """Add a learned vector for each value of each positional index to every entry over that value.

    This is what tells positions apart: with it a metanetwork is not equivariant to permuting them. Tensors that a
    group turns are multiplied with one more than it.
    """

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__()
        self.space, self.turned = space, turned_tensors(space)
        self.indices = tuple(index for index in space.indices if isinstance(index, PositionalIndex))
        tables = [nn.Parameter(torch.randn(index.size, channels)) for index in self.indices]
        self.tables = nn.ParameterList(tables)

    def forward(self, x: Features) -> Features:
        if not self.indices:
            return x
        space = observed_space(self.space, {name: value.shape[1:-1] for name, value in x.items()})
        for index in self.indices:
            if space.index(index.name).size != index.size:
                raise ValueError(
                    f"there are {space.index(index.name).size} positions {index.name!r}, embeddings for {index.size}"
                )
        added = {name: self.embedding(space, name) for name in x}
        return {n: value * (1 + added[n]) if n in self.turned else value + added[n] for n, value in x.items()}

    def embedding(self, space: WeightSpace, name: str) -> Tensor | float:
        """The sum of the embeddings of a tensor's positions, axes `(*axes, channels)`; 0.0 without positions."""
        total: Tensor | float = 0.0
        for index, table in zip(self.indices, self.tables, strict=True):
            padded = nn.functional.pad(table, (0, 0, 0, 1))
            for places in positional_places(space, name, index.name):
                total = total + padded[torch.from_numpy(places).to(table.device)]
        return total


@lru_cache(maxsize=256)
def positional_places(space: WeightSpace, name: str, index: str) -> tuple[NDArray[np.intp], ...]:
    """For each occurrence of a positional index the value it has at every entry of a tensor, shape `axes`.

    Entries of pieces without that occurrence have the index's size, one beyond its last value.
    """
    tensor = space[name]
    found: list[NDArray[np.intp]] = []
    for piece in tensor.pieces:
        flat = piece_values(tensor.layout, tensor.shape, piece)
        grid = np.indices(piece.shape).reshape(len(piece.shape), math.prod(piece.shape))
        occurrences = [place for place, position in enumerate(piece.positions) if position.index.name == index]
        for number, place in enumerate(occurrences):
            if number == len(found):
                found.append(np.full(math.prod(tensor.shape), space.index(index).size))
            found[number][flat] = grid[place]
    return tuple(places.reshape(tensor.shape) for places in found)
