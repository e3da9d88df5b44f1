"""Batches of networks of one width, drawn from buckets, shared among processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

__all__ = ["Batches"]


class Batches(Sampler[list[int]]):
    """Numbers of networks batch by batch, every batch from one bucket; a `batch_sampler` for torch's `DataLoader`.

    With several processes each batch is shared among them, as `torch.utils.data.DistributedSampler` shares a data set:
    network k of a batch goes to process k modulo `replicas`, every process takes equally many steps, and shares are
    filled up to one size with networks of the same batch. The batches themselves do not depend on the number of
    processes.

    The attribute `start` is the number of batches at the beginning of an epoch that are passed over.

    Parameters
    ----------
    buckets
        For each bucket the numbers of its networks.
    size
        The number of networks in a batch, over all processes; the last batch of a bucket may have fewer.
    shuffle
        Whether networks and batches come in random order, another in each epoch.
    seed
        The seed of the order; the same in all processes.
    replicas
        The number of processes.
    rank
        The number of this process, from 0.

    Raises
    ------
    ValueError
        If `size` is not positive, or `rank` not below `replicas`.

    Examples
    --------
    >>> batches = Batches([[0, 1, 2], [3, 4]], size=2)
    >>> list(batches), len(batches)
    ([[0, 1], [2], [3, 4]], 3)
    >>> [list(Batches([[0, 1, 2]], size=3, replicas=2, rank=rank)) for rank in range(2)]
    [[[0, 2]], [[1, 0]]]
    """

    def __init__(
        self,
        buckets: Sequence[Sequence[int] | NDArray[np.int64]],
        size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        replicas: int = 1,
        rank: int = 0,
    ) -> None:
        if size < 1:
            raise ValueError(f"size={size!r}: give an integer, at least 1")
        if not 0 <= rank < replicas:
            raise ValueError(f"rank={rank} with replicas={replicas}: give a rank from 0 to {replicas - 1}")
        self.buckets = [np.asarray(bucket, np.int64) for bucket in buckets if len(bucket)]
        self.size, self.shuffle, self.seed, self.replicas, self.rank = size, shuffle, seed, replicas, rank
        self.epoch = self.start = 0

    def __len__(self) -> int:
        """The number of batches of a whole epoch, the same in every process."""
        return sum(-(-len(bucket) // self.size) for bucket in self.buckets)

    def __iter__(self) -> Iterator[list[int]]:
        """This process's share of each batch."""
        for whole in self.whole():
            yield share(whole, self.replicas, self.rank).tolist()

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of an epoch.

        Parameters
        ----------
        epoch
            The number of the epoch, the same in all processes.
        """
        self.epoch = epoch

    def whole(self) -> Iterator[NDArray[np.int64]]:
        """The batches of all processes together, in the same order as this process's shares.

        Yields
        ------
        ndarray
            The numbers of a batch's networks.
        """
        random = np.random.default_rng([self.seed, self.epoch])
        orders = [random.permutation(bucket) if self.shuffle else bucket for bucket in self.buckets]
        starts = [(n, at) for n, order in enumerate(orders) for at in range(0, len(order), self.size)]
        places = random.permutation(len(starts)) if self.shuffle else np.arange(len(starts))
        for place in places[self.start :]:
            number, at = starts[place]
            yield orders[number][at : at + self.size]


def share(whole: NDArray[np.int64], replicas: int, rank: int) -> NDArray[np.int64]:
    """The share of one process in a batch, filled up so that all shares are of one size."""
    count = -(-len(whole) // replicas)
    return np.resize(whole, count * replicas)[rank::replicas]
