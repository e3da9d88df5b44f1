"""Modules that treat all entries of a tensor alike: functions, gates, dropout, residual connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from layergen.features import Features
from layergen.nn.entries import SCALARS, Entries, Function, Pieces, learned, tensor_entries
from symmetry.kinds.index import Invariant
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["Dropout", "Gated", "NormPointwise", "Pointwise", "Residual"]


class Pointwise(nn.Module):
    """Apply a function to every tensor of the features.

    Elementwise functions are equivariant to permutations. Takes and gives features,
    `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    function
        An elementwise function, such as `torch.relu`.
    space
        The weight space of the features; where it is given, the module checks that elementwise functions are
        equivariant.

    Raises
    ------
    SpecificationError
        If the symmetry does more to the entries over an index of `space` than permute them; `Gated` and
        `NormPointwise` are for such spaces.

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
    """Apply a function to entries where that is equivariant, and scale vectors by a learned function of their length.

    Vectors of tensors that have companions (`lengths`) are scaled by these instead; with `hears` the companions take up
    the lengths, times the parameter `scale`.
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
        return self.pieces.map(self._scaled, x)

    def _scaled(self, name: str, entries: Entries, values: Tensor) -> Tensor:
        """The values of a piece of the tensor `name`, through the function or scaled."""

        def factor(values: Tensor) -> Tensor:
            row, lengths = self.rows[name], entries.argument(values)
            return self._factor(lengths, self.scale[row] * lengths + self.shift[row])

        return entries.apply(values, self.function, factor)

    @abstractmethod
    def _factor(self, lengths: Tensor, scaled: Tensor) -> Tensor:
        """The factor of vectors of some lengths; `scaled` is `scale · length + shift`."""


class NormPointwise(Scaling):
    """Give vectors the length `function(scale · length + shift)`, and pass other entries through `function`.

    The norm nonlinearity of Worrall et al. (2017). Vectors are entries that the symmetry multiplies by a matrix or a
    sign; their length is the root mean square of their components, and under signs the absolute value. Vectors under
    GL have no length that the symmetry leaves alone, and stay as they are. Takes and gives features,
    `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features; scale and shift are learned for each tensor of vectors and each channel.
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

    def _factor(self, lengths: Tensor, scaled: Tensor) -> Tensor:
        """The factor that gives vectors the length `function(scaled)`, and one where no length is known."""
        known = lengths != 0
        return torch.where(known, self.function(scaled) / torch.where(known, lengths, 1.0), 1.0)


class Gated(Scaling):
    """Multiply vectors by `sigmoid(scale · length + shift)`, and pass other entries through `function`.

    The gates of Weiler et al. (2018), each of its own vector's length. Vectors are entries that the symmetry multiplies
    by a matrix or a sign; over sets, free and positional indices there are none, and the module is
    `Pointwise(function)`. Where a tensor has a companion of lengths (`Companions`), the companion gates it in place of
    its own length, and then takes up the length: through companions other tensors decide how much of a vector passes,
    and learn of its length. Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features, companions included.
    channels
        The number of channels of the features; scale and shift are learned for each tensor of vectors and each channel.
    function
        An elementwise function for entries that are no vectors, and for companions.
    lengths
        The names of companions of lengths by tensor, as `with_companions` gives them.
    hears
        Whether companions take up the lengths of their tensor's vectors before `function` is applied to them.

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
        own = self.pieces.map(self._scaled, x, [(name,) for name in x if name not in paired])
        heard = self.pieces.map(self._heard, x, pairs)
        return own | self.pieces.map(self._passed, x, pairs) | {gate: heard[field] for field, gate in pairs}

    def _passed(self, name: str, entries: Entries, values: Tensor, gate: Tensor) -> Tensor:
        """The values of a piece, gated by the values of its companion."""
        return entries.apply(values, self.function, lambda _: torch.sigmoid(gate))

    def _heard(self, name: str, entries: Entries, values: Tensor, gate: Tensor) -> Tensor:
        """The values of a companion's piece, with the lengths of the vectors of its tensor taken up."""
        if self.hears:
            gate = gate + self.scale[self.rows[name]] * entries.argument(values).to(values.dtype)
        return self.function(gate)

    def _factor(self, lengths: Tensor, scaled: Tensor) -> Tensor:
        """The gates of vectors."""
        return torch.sigmoid(scaled)


class Dropout(nn.Module):
    """Set entries of channels to nought with probability `p` while training, and divide the others by `1 - p`.

    Each entry is drawn by itself; in tensors over which the symmetry multiplies vectors by matrices, all entries of one
    channel of one network are kept or dropped together. Takes and gives features,
    `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    p
        The probability, from 0 to 1.
    space
        The weight space of the features; without it every entry is drawn by itself.

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
    """Add its input to a module's output, `x + inner(x)`, for the tensors that `inner` gives.

    Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    inner
        A module on features, `{tensor: (batch, *axes, channels)}`, that keeps the channels.
    checkpoint
        Whether `inner` is run again for the gradients, in place of keeping what it computes on the way.

    References
    ----------
    Chen, Xu, Zhang and Guestrin (2016), "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, section 4.

    Examples
    --------
    >>> Residual(Pointwise(torch.square))({"b": torch.tensor([[[3.0]]])})["b"].item()
    12.0
    """

    def __init__(self, inner: nn.Module, checkpoint: bool = False) -> None:
        super().__init__()
        self.inner, self.checkpoint = inner, checkpoint

    def forward(self, x: Features) -> Features:
        again = self.checkpoint and torch.is_grad_enabled()
        updates = checkpoint(self.inner, x, use_reentrant=False) if again else self.inner(x)
        return {name: x[name] + update for name, update in updates.items()}
