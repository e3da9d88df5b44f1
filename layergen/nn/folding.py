"""Free axes as channels: what no group acts on need not be an axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from layergen.features import Features, joined, observed
from layergen.nn.entries import SCALARS, learned, piece_entries
from symmetry.language.axes import Atom, Expression, atoms, print_axes, substitute
from symmetry.space.layout import Piece, take_apart
from symmetry.space.weight_space import WeightSpace, resized

__all__ = ["FreeLinear", "folded"]


def folded(space: WeightSpace) -> WeightSpace:
    """A weight space whose free axes have length 1, for features whose channels hold what was along them.

    A derived layer has a weight for each pair of free values, and one for each pair of channels: it treats values of
    free axes as channels. A 3 × 3 kernel thus multiplies channels by 9; folded, it is nine of the numbers that the
    channels are made of.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    WeightSpace
        The same tensors. Tensors whose concatenated axes would merge stay as they are.

    Examples
    --------
    >>> folded(WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 9})).shapes
    {'w': (4, 1), 'b': (4,)}
    """
    short = with_axes(space, {t.name: [without_free(space, axis) for axis in t.own_axes] for t in space})
    return with_axes(
        space, {t.name: (short[t.name] if len(short[t.name].pieces) == len(t.pieces) else t).own_axes for t in space}
    )


def with_axes(space: WeightSpace, axes: Mapping[str, Sequence[Expression]]) -> WeightSpace:
    """The space with other axes of its tensors, over the indices that these use; the axes of families stay."""
    used = {atom.name for name, expressions in axes.items() for atom in atoms(*space[name].family.axes, *expressions)}
    _, sections = space.declarations({})
    kept = {section: {n: d for n, d in table.items() if n in used} for section, table in sections.items()}
    return WeightSpace({name: print_axes(expressions) for name, expressions in axes.items()}, **kept)


def without_free(space: WeightSpace, axis: Expression) -> Expression:
    """An axis with length 1 in place of every free index."""
    return substitute(axis, lambda atom: Atom("", 1) if not atom.name or space.index(atom.name).free else atom)


class FreeLinear(nn.Module):
    """Mix the channels and the free values of each piece of each tensor by a matrix of its own.

    Takes features `{tensor: (batch, *axes, in_channels)}` of `space`, gives features `{tensor: (batch, *axes,
    out_channels)}` of `folded(space)`, the module's attribute `space`. Vectors, entries that the symmetry multiplies by
    a matrix or a sign, are not shifted.

    Parameters
    ----------
    space
        The weight space of the features taken.
    in_channels
        The number of channels of the features taken.
    out_channels
        The number of channels of the features given.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 9})
    >>> x = {"w": torch.randn(5, 4, 9, 1), "b": torch.randn(5, 4, 1)}
    >>> FreeLinear(space, 1, 8)(x)["w"].shape
    torch.Size([5, 4, 1, 8])
    """

    def __init__(self, space: WeightSpace, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.own, self.space = space, folded(space)
        self.entries = [piece_entries(piece) for piece in space.pieces]
        self.weights = nn.ParameterList()
        for piece, short in zip(space.pieces, self.space.pieces, strict=True):
            inputs = in_channels * piece.free_size // short.free_size
            self.weights.append(nn.Parameter(torch.randn(inputs, out_channels) / math.sqrt(inputs)))
        self.biases = nn.ParameterList(
            learned(torch.zeros(out_channels), used=entries is SCALARS) for entries in self.entries
        )

    def forward(self, x: Features) -> Features:
        space, short = observed(self.own, x), self.space
        if space is not self.own:
            sizes = {index.name: space.sizes[index.name] for index in short.indices}
            short = resized(short, tuple(sizes.items()))
        rows = iter(zip(self.entries, self.weights, self.biases, strict=True))

        def mixed(piece: Piece, values: Tensor, like: Piece) -> Tensor:
            """The values of a piece, `(batch, *positions, channels)`, mixed; free positions have length 1 after it."""
            entries, weight, bias = next(rows)
            if piece.shape != like.shape:
                free = [1 + place for place in piece.free]
                kept = [dim for dim in range(values.ndim - 1) if dim not in free]
                values = values.permute(*kept, *free, -1).flatten(len(kept)).reshape(values.shape[0], *like.shape, -1)
            return entries.shift(values @ weight, bias)

        return {
            tensor.name: joined(
                short[tensor.name].layout,
                iter(
                    [
                        mixed(piece, values, like)
                        for (piece, values), like in zip(
                            take_apart(tensor.layout, x[tensor.name], lead=1), short[tensor.name].pieces, strict=True
                        )
                    ]
                ),
            )
            for tensor in space
        }
