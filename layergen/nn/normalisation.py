"""Normalisation of features: over the channels of an entry, and of inputs by the statistics of a training set."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.entries import SCALARS, Pieces, learned, tensor_entries
from symmetry.space.weight_space import WeightSpace

__all__ = ["ChannelNorm", "Standardise"]


class ChannelNorm(nn.Module):
    """Apply layer norm over the channels of every entry, with a scale and a shift for each tensor and channel.

    Vectors, entries that the symmetry multiplies by a matrix or a sign, are divided by the root mean square over their
    components and the channels, and not shifted. Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features; the output has the tensors of this space only.
    channels
        The number of channels of the features.
    eps
        A number added to variances and mean squares, so that the quotients are finite.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer Normalization", arXiv:1607.06450.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 4})
    >>> out = ChannelNorm(space, channels=16)({"b": 5 + 3 * torch.randn(10, 4, 16)})["b"]
    >>> bool((out.mean(-1).abs() < 1e-4).all())
    True
    """

    def __init__(self, space: WeightSpace, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.pieces, self.names, self.eps = Pieces(space), space.names, eps
        shifted = any(SCALARS in entries for entries in self.pieces.entries.values())
        self.scale = nn.Parameter(torch.ones(len(space), channels))
        self.shift = learned(torch.zeros(len(space), channels), used=shifted)

    def forward(self, x: Features) -> Features:
        rows = dict(zip(self.names, zip(self.scale, self.shift, strict=True), strict=True))
        return self.pieces.map(
            lambda name, entries, values: entries.normalise(values, *rows[name], self.eps),
            {name: x[name] for name in self.names},
        )


class Standardise(nn.Module):
    """Shift and scale each tensor by its mean and standard deviation over all entries of a training set.

    Tensors with entries that the symmetry multiplies by a matrix or a sign are not shifted, and scaled by their root
    mean square. Until `fit` has been called the module is the identity. Takes and gives features,
    `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features; each channel has statistics of its own.

    Examples
    --------
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
        self.entries = tensor_entries(space)
        self.register_buffer("mean", torch.zeros(len(space), channels))
        self.register_buffer("deviation", torch.ones(len(space), channels))

    @torch.no_grad()
    def fit(self, x: Features) -> Standardise:
        """Set the statistics to those of a training set.

        Parameters
        ----------
        x
            Features of the networks of the set, `{tensor: (batch, *axes, channels)}`. A channel of a tensor that is
            constant over the set has deviation one.

        Returns
        -------
        Standardise
            The module itself.

        Examples
        --------
        >>> module = Standardise(WeightSpace({"b": "h"}, sets={"h": 2}), channels=1)
        >>> module.fit({"b": torch.tensor([[[1.0], [3.0]]])}).mean.item()
        2.0
        """
        for row, (name, entries) in enumerate(self.entries.items()):
            self.mean[row], self.deviation[row] = entries.statistics(x[name].to(self.mean.dtype))
        return self

    def forward(self, x: Features) -> Features:
        rows = zip(self.entries, self.mean, self.deviation, strict=True)
        return {name: (x[name] - mean) / deviation for name, mean, deviation in rows}
