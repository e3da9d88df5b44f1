"""The processes of a training run: one, or those that `torchrun` has started."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["ALONE", "LostProcess", "Processes", "joined"]

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it gives up."""
SETTLED = 0.2
"""Seconds after which gloo's threads have let go of what they gathered."""


class LostProcess(RuntimeError):
    """Another process of the run has ended or does not answer.

    Examples
    --------
    >>> raise LostProcess("process 0 of 2 has lost another one")
    Traceback (most recent call last):
    ...
    layergen.training.processes.LostProcess: process 0 of 2 has lost another one
    """


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a run, as one of them sees them.

    Parameters
    ----------
    rank
        The number of this process.
    count
        The number of processes.
    device
        Where this process computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and talks to the terminal."""
        return self.rank == 0

    @property
    def group(self) -> Any:
        """The group of all processes; None where there is one process only."""
        return distributed.group.WORLD if self.count > 1 else None

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients are averaged over the processes where there are several."""
        if self.count == 1:
            return module
        return DistributedDataParallel(module, [self.device] if self.device.type == "cuda" else None)

    def together(self, share: Tensor, count: int) -> Tensor:
        """The rows of a batch of all processes, in the order of the batch; gradients flow to this process's share.

        Parameters
        ----------
        share
            This process's rows, `(rows, values)`: those of number `rank` modulo the number of processes, filled up.
        count
            The number of rows of the batch; those that fill up the shares are dropped.

        Returns
        -------
        Tensor
            The rows, `(count, values)`.
        """
        if self.count == 1:
            return share[:count]
        found = [torch.empty_like(share) for _ in range(self.count)]
        distributed.all_gather(found, share.detach().contiguous())
        found[self.rank] = share
        return torch.stack(found, 1).flatten(0, 1)[:count]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            distributed.barrier()

    def gathered(self, value: Any) -> list[Any]:
        """A value of each process."""
        found: list[Any] = [value]
        if self.count > 1:
            found = [None] * self.count
            distributed.all_gather_object(found, value)
        return found


ALONE = Processes(0, 1, torch.device("cpu"))


@contextmanager
def joined(device: torch.device | str | None = None) -> Iterator[Processes]:
    """Join the processes that `torchrun` has started, or those of a group that there is already; else be alone.

    Raises `LostProcess` within the `with` where another process ends: what that one says tells why.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    own = on(device, int(os.environ.get("LOCAL_RANK", "0")))
    if own.type == "cuda":
        torch.cuda.set_device(own)  # what goes between processes goes through the device that is set
    began = count > 1 and not distributed.is_initialized()
    if began:
        distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=PATIENCE)
    several = distributed.is_initialized()
    rank = distributed.get_rank() if several else 0
    count = distributed.get_world_size() if several else 1
    try:
        yield Processes(rank, count, own)
    except RuntimeError as error:
        if count == 1 or not is_loss(error):
            raise
        raise LostProcess(
            f"process {rank} of {count} has lost another one: if it left a message, that tells why"
        ) from error
    finally:
        if began:
            # gloo's threads let go of what they gathered when they have the interpreter's lock, which the end of the
            # group keeps while it waits for them: leave it to them before.
            time.sleep(SETTLED)
            distributed.destroy_process_group()


def on(device: torch.device | str | None, rank: int) -> torch.device:
    """The device that is asked for, else a GPU where there is one, else the processor."""
    if device is not None:
        return torch.device(device)
    return torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")


def is_loss(error: RuntimeError) -> bool:
    """Whether an error tells that another process is gone."""
    told = ("gloo", "connection", "nccl", "peer", "timed out")
    return isinstance(error, distributed.DistError) or any(word in str(error).lower() for word in told)
