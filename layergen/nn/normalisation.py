"""Normalisation of features: over the channels of an entry, and of inputs by the statistics of a training set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.entries import SCALARS, Pieces, learned, tensor_entries
from layergen.nn.moments import Moments, batches_of
from symmetry.kinds.index import Invariant
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["ChannelNorm", "Standardise", "TensorNorm", "fit_all"]


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
    together
        Whether the channels of a tensor have one deviation, the root mean square of theirs. For what is measured at
        probes: where a probe shows nearly the same of every network at first, it may show more when it has moved.

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

    def __init__(self, space: WeightSpace, channels: int, *, together: bool = False) -> None:
        super().__init__()
        self.entries, self.together = tensor_entries(space), together
        self.register_buffer("mean", torch.zeros(len(space), channels))
        self.register_buffer("deviation", torch.ones(len(space), channels))

    @torch.no_grad()
    def fit(self, x: Features | Iterable[Any], *, group: ProcessGroup | None = None) -> Standardise:
        """Set the statistics to those of a training set.

        Parameters
        ----------
        x
            Features of the networks of the set, `{tensor: (batch, *axes, channels)}`, or batches of them, such as a
            `DataLoader` of a zoo gives: every entry of the set counts alike, whatever the batch and the width. A
            channel of a tensor that is constant over the set has deviation one.
        group
            Processes, each of which has a part of the set; every one of them gets the statistics of the whole.

        Returns
        -------
        Standardise
            The module itself.

        Raises
        ------
        ValueError
            If there are no batches.

        Examples
        --------
        >>> module = Standardise(WeightSpace({"b": "h"}, sets={"h": 2}), channels=1)
        >>> module.fit({"b": torch.tensor([[[1.0], [3.0]]])}).mean.item()
        2.0
        >>> module.fit({"b": torch.full((1, width, 1), float(width))} for width in (1, 3)).mean.item()
        2.5
        """
        fit_all(([(self, batch)] for batch in batches_of(x)), group)
        return self

    def set_to(self, moments: Mapping[str, Moments]) -> None:
        """Set the statistics to those of a training set.

        Parameters
        ----------
        moments
            The moments of the set, by tensor.
        """
        for row, (name, entries) in enumerate(self.entries.items()):
            self.mean[row], self.deviation[row] = entries.statistics(moments[name])
            if self.together:
                one = moments[name]
                shifts = one.mean - self.mean[row].to(one.mean)
                pooled = (one.squares / one.count + shifts.square()).mean().sqrt()
                self.deviation[row] = torch.where(pooled > 0, pooled, 1.0)

    def forward(self, x: Features) -> Features:
        rows = zip(self.entries, self.mean, self.deviation, strict=True)
        return {name: (x[name] - mean) / deviation for name, mean, deviation in rows}


def fit_all(seen: Iterable[Sequence[tuple[Standardise, Features]]], group: ProcessGroup | None) -> None:
    """Fit several modules in one pass: `seen` gives for each batch the modules with the features that each takes.

    Raises `ValueError` if there are no batches.
    """
    found: dict[Standardise, dict[str, Moments]] = {}
    for batch in seen:
        for module, x in batch:
            own = {name: Moments.of(x[name].to(module.mean.dtype)) for name in module.entries}
            before = found.get(module, own)
            found[module] = own if before is own else {name: before[name].with_others(own[name]) for name in own}
    if not found:
        raise ValueError("there are no networks to fit the statistics to")
    for module, moments in found.items():
        whole = moments if group is None else {name: one.gathered(group) for name, one in moments.items()}
        module.set_to(whole)


class TensorNorm(nn.Module):
    """Divide channels of each tensor by their root mean square over the tensor's entries, network by network.

    Gradients and momenta differ by orders of magnitude between tensors, networks and steps: a learned optimiser reads
    them so. Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The numbers of the channels to divide; the others stay.
    eps
        A number added to the root mean square, so that a tensor of noughts stays one.

    Raises
    ------
    SpecificationError
        If the symmetry multiplies single entries of a tensor by positive numbers or invertible matrices, whose mean
        squares change with it.

    References
    ----------
    Metz et al., "VeLO: Training versatile learned optimizers by scaling up", arXiv:2211.09760, 2022.

    Examples
    --------
    >>> norm = TensorNorm(WeightSpace({"b": "h"}, sets={"h": 2}), channels=[1])
    >>> divided = norm({"b": torch.tensor([[[3.0, 300.0], [3.0, 400.0]]])})["b"]
    >>> divided[..., 0].tolist(), [round(value, 3) for value in divided[0, :, 1].tolist()]
    ([[3.0, 3.0]], [0.849, 1.131])
    """

    def __init__(self, space: WeightSpace, channels: Iterable[int], eps: float = 1e-12) -> None:
        super().__init__()
        for position, tensor in ((p, piece.tensor) for piece in space.pieces for p in piece.positions):
            if position.index.invariant(position.charge) in (Invariant.DIRECTION, Invariant.CONTRACTION):
                raise SpecificationError(
                    f"the mean square changes with the symmetry of {position.index.name!r}",
                    part=f'tensor "{tensor}"',
                    remedy="divide gradients by a number that is the same for all tensors",
                )
        self.channels, self.eps = sorted(set(channels)), eps

    def forward(self, x: Features) -> Features:
        return {name: self._divided(value) for name, value in x.items()}

    def _divided(self, value: Tensor) -> Tensor:
        dims = tuple(range(1, value.ndim - 1))
        size = value.square().mean(dims, keepdim=True).sqrt() if dims else value.abs()
        chosen = torch.zeros(value.shape[-1], dtype=torch.bool, device=value.device)
        chosen[self.channels] = True
        return torch.where(chosen, value / (size + self.eps), value)
