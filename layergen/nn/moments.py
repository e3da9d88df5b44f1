"""Moments of numbers that come in parts: batch by batch, in several processes, at several widths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed

from layergen.features import Features

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["Moments", "batches_of"]


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of some entries for each channel, in double precision; every entry counts alike.

    Parameters
    ----------
    count
        The number of entries.
    mean
        Their mean, `(channels,)`.
    squares
        The sum of their squared deviations from the mean, `(channels,)`.
    low, high
        The least and the largest of them, `(channels,)`.
    eps
        The difference between one and the next number of the entries' type.

    References
    ----------
    Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance", The American Statistician 37,
    eq. 2.1: moments of two parts together.

    Examples
    --------
    >>> x = torch.tensor([[1.0], [2.0], [6.0]])
    >>> whole = Moments.of(x[:1]).with_others(Moments.of(x[1:]))
    >>> whole.mean.item(), whole.squares.item()
    (3.0, 14.0)
    """

    count: int
    mean: Tensor
    squares: Tensor
    low: Tensor
    high: Tensor
    eps: float

    @classmethod
    def of(cls, x: Tensor) -> Moments:
        """The moments of entries `(…, channels)` over everything but the channels."""
        rows = x.flatten(0, -2) if x.ndim > 1 else x[None]
        deviation = rows.std(0, correction=0).double()
        low, high = rows.amin(0).double(), rows.amax(0).double()
        squares = deviation.square() * len(rows)
        return cls(len(rows), rows.mean(0).double(), squares, low, high, torch.finfo(x.dtype).eps)

    def with_others(self, others: Moments) -> Moments:
        """The moments of these entries and others together."""
        count = self.count + others.count
        if not self.count or not others.count:
            return self if self.count else others
        apart = others.mean - self.mean
        mean = self.mean + apart * (others.count / count)
        squares = self.squares + others.squares + apart.square() * (self.count * others.count / count)
        low, high = torch.minimum(self.low, others.low), torch.maximum(self.high, others.high)
        return Moments(count, mean, squares, low, high, max(self.eps, others.eps))

    def gathered(self, group: ProcessGroup) -> Moments:
        """The moments of the entries of all processes of a group together, the same numbers in each of them."""
        count = torch.full_like(self.mean, self.count)
        own = torch.stack([count, self.mean, self.squares, self.low, self.high])
        found = [torch.empty_like(own) for _ in range(distributed.get_world_size(group))]
        distributed.all_gather(found, own, group=group)
        first, *others = (Moments(int(p[0, 0]), p[1], p[2], p[3], p[4], self.eps) for p in found)
        for other in others:
            first = first.with_others(other)
        return first


def batches_of(x: Any) -> Iterator[Features]:
    """The features in what `fit` takes: one dictionary of them, several, or batches that have an attribute `features`.

    Parameters
    ----------
    x
        Features `{tensor: (batch, *axes, channels)}`, or an iterable of them.

    Yields
    ------
    dict of Tensor
        Features.
    """
    several: Iterable[Any] = (x,) if isinstance(x, Mapping) else x
    for batch in several:
        yield dict(batch) if isinstance(batch, Mapping) else batch.features
