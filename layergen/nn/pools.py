"""Pools over some positions of a piece that are no means: by the maximum, and by attention.

A pool reads what the symmetry leaves alone of the entries (`layergen.nn.entries`), and what it gives lives on the
positions that it leaves. Over all positions that are moved it gives invariants of a network (`layergen.nn.heads`), over
one axis features over the others (`layergen.nn.aggregation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, islice

import torch
from torch import Tensor, nn

from layergen.features import Features, observed
from layergen.nn.entries import SMALLEST, Entries, Opaque, piece_entries, summed
from symmetry.space.layout import Piece, take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["POOLS", "Attention", "Distribution", "Maximum", "PiecePools", "has_invariants", "moved"]

HEADS = 4
"""The most heads of an attention for which no number is given."""
TWENTIETHS = (0, 1, 5, 10, 15, 19, 20)
"""The quantiles of a distribution: so many twentieths of the entries are no larger."""


def moved(piece: Piece) -> tuple[int, ...]:
    """The positions over which the invariants of a piece's entries may be pooled: all but the free and the vectors'."""
    gone = summed(piece)
    return tuple(place for place in range(len(piece.positions)) if place not in piece.free and place + 1 not in gone)


def has_invariants(piece: Piece) -> bool:
    """Whether the symmetry leaves anything of a piece's single entries alone."""
    return not isinstance(piece_entries(piece), Opaque)


class Maximum(nn.Module):
    """Take the largest value of each channel. Takes `(batch, *positions, channels)`, gives `(batch, *kept, channels)`.

    Parameters
    ----------
    piece
        The piece that is pooled.
    places
        Numbers of the positions to pool over; vectors' positions, of which lengths are left, are dropped as well.
    channels
        The number of channels.
    """

    def __init__(self, piece: Piece, places: Collection[int], channels: int) -> None:
        super().__init__()
        self.dims = pooled_dims(piece, places)

    def forward(self, values: Tensor) -> Tensor:
        return values.amax(self.dims) if self.dims else values


class Mean(Maximum):
    """Take the mean of each channel. Takes `(batch, *positions, channels)`, gives `(batch, *kept, channels)`.

    Parameters
    ----------
    piece
        The piece that is pooled.
    places
        Numbers of the positions to pool over; vectors' positions, of which lengths are left, are dropped as well.
    channels
        The number of channels.
    """

    def forward(self, values: Tensor) -> Tensor:
        return values.mean(self.dims) if self.dims else values


class Distribution(nn.Module):
    """Take mean, deviation and quantiles of each channel over all entries: `(batch, numbers, channels)`.

    A quantile is an entry, not a mean of two, so that to repeat every entry changes nothing. Takes `(batch, *positions,
    channels)`.

    Parameters
    ----------
    together
        Whether channels are entries like others: there is one for all of them.
    """

    numbers = 2 + len(TWENTIETHS)

    def __init__(self, *, together: bool = False) -> None:
        super().__init__()
        self.together = together

    def forward(self, values: Tensor) -> Tensor:
        rows = values.reshape(len(values), -1, 1 if self.together else values.shape[-1])
        mean, count = rows.mean(1, keepdim=True), rows.shape[1]
        deviation = ((rows - mean).square().mean(1, keepdim=True) + SMALLEST).sqrt()
        ordered = rows.sort(dim=1).values
        quantiles = [ordered[:, max(0, -(-share * count // 20) - 1), None] for share in TWENTIETHS]
        return torch.cat([mean, deviation, *quantiles], dim=1)


class Attention(nn.Module):
    """Take a mean by weights that each head gives to the entries: the softmax of their products with learned queries.

    Each combination of free values that are left has queries of its own. A head's mean goes through a matrix of the
    head, and the heads are concatenated to `channels` channels. Products with queries stand for those of keys with
    queries, which are no more general, as the queries depend on no input. Takes `(batch, *positions, channels)`, gives
    `(batch, *kept, channels)`.

    Parameters
    ----------
    piece
        The piece that is pooled.
    places
        Numbers of the positions to pool over; vectors' positions, of which lengths are left, are dropped as well.
    channels
        The number of channels.
    heads
        The number of heads, which divides `channels`; by default the largest of 1, 2 and 4 that does.

    Raises
    ------
    ValueError
        If `heads` does not divide `channels`.
    """

    def __init__(self, piece: Piece, places: Collection[int], channels: int, heads: int | None = None) -> None:
        super().__init__()
        heads = math.gcd(channels, HEADS) if heads is None else heads
        if heads < 1 or channels % heads:
            raise ValueError(f"heads={heads} of channels={channels}: give a number of heads that divides the channels")
        self.dims, self.rank = pooled_dims(piece, places), len(piece.positions)
        self.free = [1 + place for place in piece.free if 1 + place not in self.dims]
        sizes = [piece.positions[dim - 1].index.size for dim in self.free]
        self.queries = nn.Parameter(torch.randn(*sizes, channels, heads) / math.sqrt(channels))
        self.values = nn.Parameter(torch.randn(heads, channels, channels // heads) / math.sqrt(channels))

    def forward(self, values: Tensor) -> Tensor:
        kept = [axis for axis in range(self.rank + 1) if axis not in self.dims]
        entry, channel, head, part = range(self.rank + 1, self.rank + 5)
        entries = values.permute(*kept, *self.dims, -1).flatten(len(kept), -2)
        scores = torch.einsum(
            entries, [*kept, entry, channel], self.queries, [*self.free, channel, head], [*kept, head, entry]
        )
        means = scores.softmax(-1) @ entries
        heads = torch.einsum(means, [*kept, head, channel], self.values, [head, channel, part], [*kept, head, part])
        return heads.flatten(-2)


POOLS: dict[str, Callable[[Piece, Collection[int], int], nn.Module]] = {"max": Maximum, "attention": Attention}
"""Pools by the name of their kind."""


def pooled_dims(piece: Piece, places: Collection[int]) -> tuple[int, ...]:
    """The dimensions of `(batch, *positions, channels)` that a pool over some positions does not leave."""
    return tuple(sorted({*summed(piece), *(1 + place for place in places)}))


class PiecePools(nn.Module):
    """Pool the invariants of pieces of features.

    Takes features of a space, `{tensor: (batch, *axes, channels)}`, gives the outputs of the pools one after the other.

    Parameters
    ----------
    space
        The weight space of the features.
    make
        The pools of a piece, as many as one likes: modules that take values `(batch, *positions, channels)`.
    """

    def __init__(self, space: WeightSpace, make: Callable[[Piece], Iterable[nn.Module]]) -> None:
        super().__init__()
        self.space = space
        self.entries: tuple[Entries, ...] = tuple(map(piece_entries, space.pieces))
        made = [list(make(piece)) for piece in space.pieces]
        self.counts, self.pools = [*map(len, made)], nn.ModuleList(chain.from_iterable(made))

    def forward(self, x: Features) -> Iterator[Tensor]:
        space = observed(self.space, x)
        pieces = (values for tensor in space for _, values in take_apart(tensor.layout, x[tensor.name], lead=1))
        pools = iter(self.pools)
        for entries, count, values in zip(self.entries, self.counts, pieces, strict=True):
            if count:
                invariants = entries.argument(values).to(values.dtype)
                yield from (pool(invariants) for pool in islice(pools, count))
