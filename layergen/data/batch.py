"""What a zoo gives: one network, or a batch of networks of one width."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from layergen.features import Features

__all__ = ["Batch", "Network"]


class Network(NamedTuple):
    """One network of a zoo.

    Parameters
    ----------
    name
        Its file, relative to the folder.
    state
        Its `state_dict`, `{tensor: (*axes)}`.
    labels
        Its labels by column.

    Examples
    --------
    >>> import torch
    >>> Network("0.pt", {"b": torch.ones(3)}, {"accuracy": 0.5}).state["b"].shape
    torch.Size([3])
    """

    name: str
    state: dict[str, Tensor]
    labels: dict[str, Any]


class Batch(NamedTuple):
    """Networks of one width.

    Parameters
    ----------
    features
        Their weights, `{tensor: (batch, *axes, 1)}`.
    labels
        The columns of labels that hold numbers, each `(batch,)`.
    numbers
        The numbers of the networks in the zoo, `(batch,)`.
    space
        The number of their weight space in the zoo.

    Examples
    --------
    >>> import torch
    >>> batch = Batch({"b": torch.ones(2, 3, 1)}, {"accuracy": torch.ones(2)}, torch.tensor([4, 7]), 0)
    >>> batch.features["b"].shape
    torch.Size([2, 3, 1])
    """

    features: Features
    labels: dict[str, Tensor]
    numbers: Tensor
    space: int
