"""Modules that treat every entry alike: functions, gates, dropout, residual connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.entries import SCALARS, Entries, Function, Pieces, learned, tensor_entries
from symmetry.kinds.index import Invariant
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["Dropout", "Gated", "NormPointwise", "Pointwise", "Residual"]


class Pointwise(nn.Module):
    """Apply a function to every tensor of the features; elementwise functions are equivariant to permutations.

    Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    function
        An elementwise function, such as `torch.relu`.
    space
        The weight space of the features; with it the module checks that functions of single entries are equivariant.

    Raises
    ------
    SpecificationError
        If the symmetry does more to the entries over an index of `space` than permute them. Use `Gated` or
        `NormPointwise` there.

    Examples
    --------
    >>> Pointwise(nn.ReLU())({"b": torch.tensor([[[-1.0], [2.0]]])})["b"].flatten().tolist()
    [0.0, 2.0]
    """

    def __init__(self, function: Function, space: WeightSpace | None = None) -> None:
        super().__init__()
        if space is not None:
            check_pointwise(space)
        self.function = function

    def forward(self, x: Features) -> Features:
        return {name: self.function(value) for name, value in x.items()}


def check_pointwise(space: WeightSpace) -> None:
    """Raise `SpecificationError` if an index of a space forbids functions of single entries."""
    for tensor, place in ((piece.tensor, position) for piece in space.pieces for position in piece.positions):
        index, invariant = place.index, place.index.invariant(place.charge)
        if invariant is not Invariant.ENTRY:
            raise SpecificationError(
                f"a pointwise function is not equivariant over the index {index.name!r} = {index.declaration()}: "
                f"its symmetry leaves alone {invariant.value} only",
                part=f'tensor "{tensor}"',
                remedy="use layergen.nn.Gated or NormPointwise",
            )


class Scaling(nn.Module, ABC):
    """A function of the entries where that is equivariant, a learned scaling by their length elsewhere.

    Tensors that have companions (`lengths`) are scaled by those; with `hears` these use the parameter `scale`.
    """

    shift: Tensor

    def __init__(
        self, space: WeightSpace, channels: int, function: Function, lengths: Mapping[str, str] = {}, hears: bool = True
    ) -> None:
        super().__init__()
        self.pieces, self.function, self.lengths, self.hears = Pieces(space), function, dict(lengths), hears
        scaled = [name for name, entries in tensor_entries(space).items() if entries != SCALARS]
        self.rows, own = {name: row for row, name in enumerate(scaled)}, not set(scaled) <= set(lengths)
        self.scale = learned(torch.ones(len(scaled), channels), used=own or bool(hears and lengths))
        self.register_parameter("shift", nn.Parameter(torch.zeros(len(scaled), channels)) if own else None)

    def forward(self, x: Features) -> Features:
        return self.pieces.map(self.scaled, x)

    def scaled(self, name: str, entries: Entries, part: Tensor) -> Tensor:
        """A piece of the tensor `name`, through the function or scaled."""

        def factor(part: Tensor) -> Tensor:
            row, lengths = self.rows[name], entries.argument(part)
            return self.factor(lengths, self.scale[row] * lengths + self.shift[row])

        return entries.apply(part, self.function, factor)

    @abstractmethod
    def factor(self, lengths: Tensor, scaled: Tensor) -> Tensor:
        """The factor of entries of some lengths, given also `scale · length + shift`."""


class NormPointwise(Scaling):
    """Give vectors the length `function(scale · length + shift)`, and pass other entries through `function`.

    The norm nonlinearity of Worrall et al. (2017). Vectors are the entries that the symmetry turns or gives another
    sign; of signs the length is the absolute value. Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features: a vector has a scale and a shift for each tensor and channel.
    function
        An elementwise function.

    References
    ----------
    Worrall, Garbin, Turmukhambetov and Brostow (2017), "Harmonic Networks: Deep Translation and Rotation
    Equivariance", CVPR.

    Examples
    --------
    >>> xy = {"group": "C4", "representation": "standard"}
    >>> space = WeightSpace({"w": "h xy"}, sets={"h": 3}, representations={"xy": xy})
    >>> NormPointwise(space, 2, torch.tanh)({"w": torch.randn(5, 3, 2, 2)})["w"].shape
    torch.Size([5, 3, 2, 2])
    """

    def __init__(self, space: WeightSpace, channels: int, function: Function) -> None:
        super().__init__(space, channels, function)

    def factor(self, lengths: Tensor, scaled: Tensor) -> Tensor:
        return self.function(scaled) / lengths


class Gated(Scaling):
    """Multiply vectors by `sigmoid(scale · length + shift)`, and pass other entries through `function`.

    The gates of Weiler et al. (2018), each made of its own vector's length; over sets, free and positional indices
    the module is `Pointwise(function)`. Where the features have a companion of lengths beside a tensor (`Companions`),
    it gates the tensor in place of the tensor's own length, and then takes up the length: through companions other
    tensors decide how much of a vector passes, and hear of its length. Takes and gives features,
    `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features, companions included.
    channels
        The number of channels of the features: a vector has a scale and a shift for each tensor and channel.
    function
        An elementwise function for entries that are no vectors, and for companions.
    lengths
        For each tensor that has one the name of its companion of lengths, as `with_companions` gives them.
    hears
        Whether companions take up the lengths. Without it `function` of the companion alone is given.

    References
    ----------
    Weiler, Geiger, Welling, Boomsma and Cohen (2018), "3D Steerable CNNs: Learning Rotationally Equivariant Features
    in Volumetric Data", NeurIPS.

    Examples
    --------
    >>> xy = {"group": "C4", "representation": "standard"}
    >>> space = WeightSpace({"w": "h xy", "b": "h"}, sets={"h": 3}, representations={"xy": xy})
    >>> x = {"w": torch.randn(5, 3, 2, 2), "b": torch.randn(5, 3, 2)}
    >>> out = Gated(space, 2, torch.relu)(x)
    >>> bool((out["w"] / x["w"] < 1).all()), bool((out["b"] >= 0).all())
    (True, True)
    """

    def forward(self, x: Features) -> Features:
        paired, pairs = {*self.lengths, *self.lengths.values()}, self.lengths.items()
        own = self.pieces.map(self.scaled, x, [(name,) for name in x if name not in paired])
        heard = self.pieces.map(self.heard, x, pairs)
        return own | self.pieces.map(self.passed, x, pairs) | {gate: heard[field] for field, gate in pairs}

    def passed(self, name: str, entries: Entries, part: Tensor, gate: Tensor) -> Tensor:
        """A piece through its companion's gates."""
        return entries.apply(part, self.function, lambda _: torch.sigmoid(gate))

    def heard(self, name: str, entries: Entries, part: Tensor, gate: Tensor) -> Tensor:
        """A piece of a companion, which takes up the lengths."""
        if self.hears:
            gate = gate + self.scale[self.rows[name]] * entries.argument(part).to(part.dtype)
        return self.function(gate)

    def factor(self, lengths: Tensor, scaled: Tensor) -> Tensor:
        return torch.sigmoid(scaled)


class Dropout(nn.Module):
    """Set entries of channels to nought with probability `p` while training, and divide the others by `1 - p`.

    Each entry has its own fate; in tensors that the symmetry turns along an axis all entries of a channel share theirs.
    Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    p
        The probability, from 0 to 1.
    space
        The weight space of the features; without it every entry has its own fate.

    Raises
    ------
    ValueError
        If `p` is not between 0 and 1.

    Examples
    --------
    >>> sorted(set(Dropout(0.5)({"b": torch.ones(2, 100, 1)})["b"].flatten().tolist()))
    [0.0, 2.0]
    """

    def __init__(self, p: float = 0.1, space: WeightSpace | None = None) -> None:
        super().__init__()
        self.dropout = nn.Dropout(p)
        self.entries = {} if space is None else tensor_entries(space)

    def forward(self, x: Features) -> Features:
        return {name: self.entries.get(name, SCALARS).drop(value, self.dropout) for name, value in x.items()}


class Residual(nn.Module):
    """Add its input to a module's output: `x + inner(x)`, of the tensors that `inner` gives.

    Parameters
    ----------
    inner
        A module on features, `{tensor: (batch, *axes, channels)}`, that keeps the channels.

    Examples
    --------
    >>> Residual(Pointwise(torch.square))({"b": torch.tensor([[[3.0]]])})["b"].item()
    12.0
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Features) -> Features:
        return {name: x[name] + update for name, update in self.inner(x).items()}
