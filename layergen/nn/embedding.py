"""Modules that make channels of weights: per-tensor linear maps, Fourier features, embeddings of positional indices."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from layergen.features import Features, joined, observed
from layergen.nn.entries import SCALARS, Entries, Pieces, learned, tensor_entries
from symmetry.language.axes import atoms
from symmetry.space.layout import Piece
from symmetry.space.weight_space import WeightSpace

__all__ = ["FourierFeatures", "PerTensorLinear", "PositionalEmbedding"]


class PerTensorLinear(nn.Module):
    """Mix the channels of each tensor by a matrix of its own, `x @ A + b`: no tensor sees another.

    Tensors of vectors, entries that the symmetry multiplies by a matrix or a sign, have no `b`. Takes features
    `{tensor: (batch, *axes, in_channels)}`, gives `{tensor: (batch, *axes, out_channels)}`.

    Parameters
    ----------
    space
        The weight space of the features.
    in_channels
        The number of channels of the features taken.
    out_channels
        The number of channels of the features given.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})
    >>> PerTensorLinear(space, 1, 8)({"w": torch.randn(5, 4, 2, 1), "b": torch.randn(5, 4, 1)})["b"].shape
    torch.Size([5, 4, 8])
    """

    def __init__(self, space: WeightSpace, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.space, self.entries = space, tensor_entries(space)
        self.weight = nn.Parameter(torch.randn(len(space), in_channels, out_channels) / math.sqrt(in_channels))
        self.bias = learned(torch.zeros(len(space), out_channels), used=SCALARS in self.entries.values())

    def forward(self, x: Features) -> Features:
        rows = zip(self.entries.items(), self.weight, self.bias, strict=True)
        return {name: entries.shift(x[name] @ weight, bias) for (name, entries), weight, bias in rows}


class FourierFeatures(nn.Module):
    """Put beside each entry the cosines and sines of random multiples of it.

    Channels grow from `in_channels` to `out_channels = in_channels · (1 + 2 · count)`: the entries, then the cosines,
    then the sines. The frequencies are normal and fixed: a buffer, not a parameter. Vectors, entries that the symmetry
    multiplies by a matrix or a sign, are multiplied by the cosines and sines of multiples of their length. Takes
    features `{tensor: (batch, *axes, in_channels)}`, gives `{tensor: (batch, *axes, out_channels)}`.

    Parameters
    ----------
    in_channels
        The number of channels of the features taken.
    count
        The number of frequencies; with 0 the features stay as they are.
    scale
        The standard deviation of the frequencies, in periods per unit of the entries.
    space
        The weight space of the features; without it no entries are taken for vectors.

    References
    ----------
    Tancik et al. (2020), "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
    NeurIPS: the Gaussian mapping.

    Examples
    --------
    >>> module = FourierFeatures(1, count=8)
    >>> module({"b": torch.randn(5, 4, 1)})["b"].shape, module.out_channels
    (torch.Size([5, 4, 17]), 17)
    """

    frequencies: Tensor

    def __init__(self, in_channels: int, count: int, scale: float = 1.0, space: WeightSpace | None = None) -> None:
        super().__init__()
        self.pieces, self.scale = Pieces(space), scale
        self.out_channels = in_channels * (1 + 2 * count)
        self.register_buffer("frequencies", scale * torch.randn(count))

    def forward(self, x: Features) -> Features:
        return self.pieces.map(self._expand, x)

    def _expand(self, name: str, entries: Entries, values: Tensor) -> Tensor:
        """The Fourier features of a piece's values, axes `(batch, *positions, channels)`."""

        def waves(values: Tensor) -> Tensor:
            phases = 2 * math.pi * (entries.argument(values) * self.frequencies)
            return torch.cat([phases.cos(), phases.sin()], dim=-3)

        return torch.cat([values, entries.apply(values[..., None, :, None], waves, waves).flatten(-3)], dim=-1)


class PositionalEmbedding(nn.Module):
    """Add a learned vector for each value of each positional index to every entry over that value.

    The vectors tell positions apart: a metanetwork with this module is not equivariant to permuting them. Of an index
    that numbers the members of a family, such as layers, there may be more or fewer values than in `space`: their
    vectors lie on the line from one learned vector to the next, the first and the last at its ends. Tensors with
    entries that the symmetry multiplies by a matrix or a sign are multiplied by one plus the vector. Takes and gives
    features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.

    Raises
    ------
    ValueError
        When called, if an index that numbers no family has more or fewer positions in the features than in `space`.

    Examples
    --------
    >>> space = WeightSpace({"w": "h p", "b": "h"}, sets={"h": 4}, positional={"p": 3})
    >>> out = PositionalEmbedding(space, 8)({"w": torch.zeros(5, 4, 3, 8), "b": torch.zeros(5, 4, 8)})
    >>> out["w"][0, 0].unique(dim=0).shape, out["b"].any().item()
    (torch.Size([3, 8]), False)
    >>> deep = WeightSpace({"{layer}.bias": "h"}, sets={"h": 4}, positional={"layer": 2})
    >>> vectors = PositionalEmbedding(deep, 8)({"{layer}.bias": torch.zeros(1, 3, 4, 8)})["{layer}.bias"][0, :, 0]
    >>> torch.allclose(vectors[1], (vectors[0] + vectors[2]) / 2)
    True
    """

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__()
        self.space, self.entries = space, tensor_entries(space)
        self.indices = tuple(index for index in space.indices if index.embedded)
        self.over = {piece.tensor for piece in space.pieces for p in piece.positions if p.index in self.indices}
        self.numbered = {atom.name for tensor in space for atom in atoms(*tensor.family.axes)}
        self.tables = nn.ParameterList(nn.Parameter(torch.randn(index.size, channels)) for index in self.indices)

    def forward(self, x: Features) -> Features:
        if not self.indices:
            return x
        space = observed(self.space, x)
        for index in self.indices:
            if (size := space.index(index.name).size) != index.size and index.name not in self.numbered:
                raise ValueError(f"there are {size} positions {index.name!r}, embeddings for {index.size}")
        rows = zip(self.indices, self.tables, strict=True)
        tables = {index.name: at_size(table, space.index(index.name).size) for index, table in rows}

        def embedded(name: str, value: Tensor) -> Tensor:
            """A tensor's values with the embeddings of their positions."""
            layout, pieces = space[name].layout, space[name].pieces
            vectors = joined(layout, (self._piece_vectors(piece, tables) for piece in pieces))
            return self.entries[name].apply(value, lambda x: x + vectors, lambda _: 1 + vectors)

        return {name: embedded(name, value) if name in self.over else value for name, value in x.items()}

    def _piece_vectors(self, piece: Piece, tables: Mapping[str, Tensor]) -> Tensor:
        """The sum of the vectors of a piece's positions, axes `(1, *positions, channels)`, from those of each index."""
        total = torch.zeros_like(self.tables[0][0])
        for place, position in enumerate(piece.positions, start=1):
            if (table := tables.get(position.index.name)) is not None:
                total = total + table.unflatten(0, (-1, *[1] * (len(piece.positions) - place)))
        return total.expand(1, *piece.shape, -1)


def at_size(table: Tensor, size: int) -> Tensor:
    """Vectors, `(value, channels)`, for another number of values: on the lines between those of the table."""
    if size == len(table):
        return table
    return nn.functional.interpolate(table.T[None], size, mode="linear", align_corners=True)[0].T
