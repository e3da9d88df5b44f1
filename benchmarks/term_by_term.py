"""What one gets by reading the diagrams literally: each is evaluated alone, and the results are added up.

A diagram (its free values merged into the channels) pools its source from the full tensor, multiplies by a small
matrix of its own, and is spread over and added into the full target. This is how universal neural functionals are
evaluated (Zhou et al. 2024), and what the planned layer is to be faster than. It is the same map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from layergen import EquivariantLinear, Features
from layergen.plan.lowering import lower
from layergen.plan.passes import optimised
from layergen.plan.steps import Plan
from symmetry.maps.sides import Side
from symmetry.space.layout import Layout, Leaf, Piece, Unflatten, take_apart

__all__ = ["TermByTerm"]


class TermByTerm(nn.Module):
    """The equivariant linear maps of a plan, one product a diagram. Features in and out are dictionaries."""

    def __init__(self, plan: Plan, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.maps, self.mixes, self.out_channels = plan.maps, plan.mixes, out_channels
        self.terms = [(pool, spread) for mix in self.mixes for pool in mix.pools for spread in mix.spreads]
        self.constants = [spread for mix in self.mixes if mix.biased for spread in mix.spreads]
        sizes = [(pool.piece.free_size, spread.piece.free_size) for pool, spread in self.terms]
        self.weights = nn.ParameterList(torch.randn(n * in_channels, c * out_channels) for n, c in sizes)
        self.biases = nn.ParameterList(torch.zeros(side.piece.free_size * out_channels) for side in self.constants)

    @classmethod
    def like(cls, layer: EquivariantLinear) -> TermByTerm:
        """The same map as `layer`: its matrices, cut up. Raises `ValueError` if they are not those of its plan."""
        n, c = cast(tuple[int, int], (layer.in_channels, layer.out_channels))
        made = cls(optimised(lower(layer.maps)), n, c)
        matrices = {name: value.detach() for name, value in layer.named_parameters()}
        bias = matrices.pop("bias")
        expected = [(mix.rows * n, mix.columns * c) for mix in made.mixes if mix.pools]
        if [tuple(value.shape) for value in matrices.values()] != expected:
            raise ValueError("the layer's matrices are not one a mix of its plan, in order")
        cut = iter(matrices.values())
        blocks = [block for mix in made.mixes if mix.pools for block in blocks_of(next(cut), mix.pools, mix.spreads)]
        made.weights = nn.ParameterList(block.clone() for block in blocks)
        lengths = [value.numel() for value in made.biases]
        made.biases = nn.ParameterList(part.clone() for part in bias.split(lengths))
        return made

    def forward(self, x: Features) -> Features:
        pieces = {
            piece: value for tensor in self.maps.source for piece, value in take_apart(tensor.layout, x[tensor.name], 1)
        }
        first = next(iter(x.values()))
        totals = {piece: first.new_zeros(self.shape(piece, len(first))) for piece in self.maps.target.pieces}
        for (pool, spread), weight in zip(self.terms, self.weights, strict=True):
            add(totals[spread.piece], spread, pooled(pieces[pool.piece], pool) @ weight)
        for spread, bias in zip(self.constants, self.biases, strict=True):
            add(totals[spread.piece], spread, bias)
        return {tensor.name: put_together(tensor.layout, totals, self.out_channels) for tensor in self.maps.target}

    def shape(self, piece: Piece, batch: int) -> tuple[int, ...]:
        """The shape of a target piece's total: free values are merged with the channels."""
        sizes = (piece.positions[place].index.size for place in piece.joined)
        return (batch, *sizes, piece.free_size * self.out_channels)


def blocks_of(matrix: Tensor, pools: Sequence[Side], spreads: Sequence[Side]) -> list[Tensor]:
    """The blocks of a core's matrix, one for each pair of a pool and a spread."""
    rows, columns = (sum(side.piece.free_size for side in sides) for sides in (pools, spreads))
    heights = [matrix.shape[0] // rows * side.piece.free_size for side in pools]
    widths = [matrix.shape[1] // columns * side.piece.free_size for side in spreads]
    return [block for row in matrix.split(heights) for block in row.split(widths, dim=1)]


def diagonals(value: Tensor, side: Side) -> Tensor:
    """The entries on which each block's positions agree: `(batch, *positions, …)` to `(batch, *blocks, …)`, a view."""
    dims = list(side.piece.joined)
    for block in side.blocks:
        for place in block[1:]:
            first, second = dims.index(block[0]), dims.index(place)
            value = value.diagonal(dim1=first + 1, dim2=second + 1).movedim(-1, first + 1)
            del dims[second]
    return value


def pooled(value: Tensor, side: Side) -> Tensor:
    """A piece, shape `(batch, *positions, in)`, read by a side: `(batch, *kept blocks, free values · in)`."""
    piece = side.piece
    order = (*piece.joined, *piece.free)
    value = value.permute(0, *(place + 1 for place in order), -1).flatten(len(piece.joined) + 1)
    value = diagonals(value, side)
    if side.dropped:
        value = value.mean([number + 1 for number in side.dropped])
    left = sorted(side.kept)
    return value.permute(0, *(left.index(number) + 1 for number in side.kept), -1)


def add(total: Tensor, side: Side, value: Tensor) -> None:
    """Add `(batch, *kept blocks, free values · out)` into a target piece, repeated over the other blocks."""
    if value.ndim > 1:
        left = sorted(side.kept)
        value = value.permute(0, *(side.kept.index(number) + 1 for number in left), -1)
        marks = [slice(None) if number in side.kept else None for number in range(len(side.blocks))]
        value = value[:, *marks]
    diagonals(total, side).add_(value)


def put_together(layout: Layout, pieces: dict[Piece, Tensor], channels: int) -> Tensor:
    """The tensor laid out so, `(batch, *axes, channels)`, from its pieces, free values merged with the channels."""
    match layout:
        case Leaf(piece):
            order = (*piece.joined, *piece.free)
            free = [piece.positions[place].index.size for place in piece.free]
            value = pieces[piece].unflatten(-1, [*free, channels])
            return value.permute(0, *(order.index(place) + 1 for place in range(len(order))), -1)
        case Unflatten(dim, factors, _, below):
            value = put_together(below, pieces, channels)
            return value.flatten(dim + 1, dim + len(factors)) if factors else value.unsqueeze(dim + 1)
        case _:
            branches = [put_together(branch, pieces, channels) for branch in layout.branches]
            return torch.cat(branches, dim=layout.dim + 1)
