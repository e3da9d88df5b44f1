"""Invariants of a whole network, pooled from the features of its weights: maxima, attention, values left in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.pools import Attention, Distribution, Maximum, Mean, PiecePools, has_invariants, moved
from symmetry.space.layout import Piece
from symmetry.space.weight_space import WeightSpace

__all__ = ["FixedValues", "SetAttention", "SetMax", "SetStatistics", "outputs"]


class SetPool(nn.Module):
    """Pool over positions of each piece of each tensor, and flatten what is left: `(batch, out_features)`.

    Where no piece has anything to pool, as vectors have no statistics, there are no features.
    """

    def __init__(
        self, space: WeightSpace, channels: int, make: Callable[[Piece], Iterable[nn.Module]], sizes: Iterable[int]
    ) -> None:
        super().__init__()
        self.space, self.out_features = space, channels * sum(sizes)
        self.pools = PiecePools(space, make)

    def forward(self, x: Features) -> Tensor:
        first = next(iter(x.values()))
        nothing = first.new_zeros(len(first), 0)
        return torch.cat([nothing, *(pooled.flatten(1) for pooled in self.pools(x))], dim=-1)


class SetMax(SetPool):
    """Take the maximum over all positions but the free ones, for each piece of each tensor and each free value.

    Beside the means of an `InvariantLinear`, this is the nonlinear pool. It is invariant, to permuting positional
    indices too. Of vectors, entries that the symmetry multiplies by a matrix or a sign, the lengths are compared. Takes
    features `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`, where `out_features` is `channels`
    times the number of free values of all pieces.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.

    References
    ----------
    Zaheer et al. (2017), "Deep Sets", NeurIPS: sums and maxima over sets as invariant pools.

    Examples
    --------
    >>> module = SetMax(WeightSpace({"w": "x h"}, sets={"h": 3}, free={"x": 2}), channels=1)
    >>> module({"w": torch.arange(6.0).reshape(1, 2, 3, 1)}), module.out_features
    (tensor([[2., 5.]]), 2)
    """

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__(
            space,
            channels,
            lambda piece: [Maximum(piece, moved(piece), channels)],
            (piece.free_size for piece in space.pieces),
        )


class SetAttention(SetPool):
    """Take means over all positions but the free ones by attention, for each piece of each tensor and each free value.

    Learned queries, several heads for each piece and free value, are multiplied with the entries; the softmax over all
    positions gives the weights of the mean. It is invariant, to permuting positional indices too. Of vectors, entries
    that the symmetry multiplies by a matrix, a sign or a scale, invariants take the entries' place, as queries and
    means of the entries themselves would change; pieces whose entries have none, over indices on which all invertible
    matrices act, are left out, and entries of pieces over free indices alone are given as they are. Takes features
    `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`, where `out_features` is `channels` times the
    number of free values of the pieces.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.
    heads
        The number of heads, which divides `channels`; by default the largest of 1, 2 and 4 that does.

    Raises
    ------
    ValueError
        If `heads` does not divide `channels`, or if the symmetry leaves nothing of any tensor's entries alone.

    References
    ----------
    Lee, Lee, Kim, Kosiorek, Choi and Teh (2019), "Set Transformer", ICML, section 3.2: pooling by multihead attention,
    here of one query for each head and without the perceptron, which the head has.

    Examples
    --------
    >>> space = WeightSpace({"w": "x h", "b": "h"}, sets={"h": 3}, free={"x": 2})
    >>> module = SetAttention(space, channels=8, heads=2)
    >>> module({"w": torch.randn(5, 2, 3, 8), "b": torch.randn(5, 3, 8)}).shape
    torch.Size([5, 24])
    """

    def __init__(self, space: WeightSpace, channels: int, heads: int | None = None) -> None:
        read = [piece for piece in space.pieces if has_invariants(piece)]
        if not read:
            raise ValueError(
                f"attention reads nothing of {', '.join(map(str, space))}: single entries have no invariants"
            )

        def of(piece: Piece) -> Iterator[nn.Module]:
            if has_invariants(piece):
                places = moved(piece)  # one entry needs no weights
                yield Attention(piece, places, channels, heads) if places else Maximum(piece, places, channels)

        super().__init__(space, channels, of, (piece.free_size for piece in read))


class FixedValues(SetPool):
    """Take the entries of tensors one by one, for each value of the free and the positional indices.

    The group of a space leaves these indices alone, so that no entry of the outputs' biases, and none of any tensor
    over them alone, is exchanged with another: each is an invariant of its own. Over other positions of the chosen
    tensors the mean is taken, and of vectors, entries that the symmetry multiplies by a matrix, a sign or a scale, that
    of their invariants. It is not invariant to permuting positional indices, whose values it tells apart. Takes
    features `{tensor: (batch, *axes, channels)}`, gives `(batch, out_features)`, where `out_features` is `channels`
    times the number of combinations of values.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.
    tensors
        Names of the tensors to read; by default all without sets and without indices on which O(n) or GL(n) acts.

    Raises
    ------
    SpecificationError
        If the space has no tensor of a name.
    ValueError
        If there is no tensor to read; and when called, if a positional index has more or fewer values than in `space`.

    References
    ----------
    Kofinas et al. (2024), "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR:
    the features of the output neurons, concatenated.

    Examples
    --------
    >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 3}, positional={"y": 2})
    >>> module = FixedValues(space, channels=1)
    >>> module({"w": torch.randn(1, 2, 3, 1), "b": torch.tensor([[[4.0], [5.0]]])})
    tensor([[4., 5.]])
    """

    def __init__(self, space: WeightSpace, channels: int, tensors: Collection[str] | None = None) -> None:
        names = outputs(space) if tensors is None else {space[name].name for name in tensors}
        read = [piece for piece in space.pieces if piece.tensor in names and has_invariants(piece)]
        if not read:
            raise ValueError(f"no values to read in {sorted(names)}: single entries have no invariants")
        super().__init__(
            space,
            channels,
            lambda piece: [Mean(piece, hidden(piece), channels)] if piece in read else [],
            (math.prod(piece.positions[place].index.size for place in fixed(piece)) for piece in read),
        )

    def forward(self, x: Features) -> Tensor:
        values = super().forward(x)
        if (size := values.shape[-1]) != self.out_features:
            raise ValueError(f"{size} values of channels at free and positional indices, declared {self.out_features}")
        return values


class SetStatistics(SetPool):
    """Take mean, deviation and quantiles of the entries of each piece of each tensor.

    These are what one tries first on networks, with gradient boosting. They are invariant, to permuting any index too.
    Of vectors, entries that the symmetry multiplies by a matrix, a sign or a scale, invariants take the entries' place;
    pieces whose entries have none are left out. Takes features `{tensor: (batch, *axes, channels)}`, gives `(batch,
    out_features)`, where `out_features` is nine times `channels` times the number of pieces.

    Parameters
    ----------
    space
        The weight space of the features.
    channels
        The number of channels of the features.
    together
        Whether there is one distribution of all channels of a tensor, in place of one for each.

    References
    ----------
    Unterthiner et al. (2020), "Predicting Neural Network Accuracy from Weights": statistics of each layer's weights.

    Examples
    --------
    >>> module = SetStatistics(WeightSpace({"b": "h"}, sets={"h": 3}), channels=1)
    >>> module({"b": torch.tensor([[[3.0], [1.0], [2.0]]])})[0, [0, 2, 5, 8]]
    tensor([2., 1., 2., 3.])
    """

    def __init__(self, space: WeightSpace, channels: int, *, together: bool = False) -> None:
        numbers = Distribution.numbers * (1 if together else channels)
        read = [piece for piece in space.pieces if has_invariants(piece)]
        super().__init__(
            space,
            1,
            lambda piece: [Distribution(together=together)] if has_invariants(piece) else [],
            [numbers] * len(read),
        )


def fixed(piece: Piece) -> list[int]:
    """The positions of a piece whose values the group does not move."""
    indices = enumerate(position.index for position in piece.positions)
    return [place for place, index in indices if index.free or index.embedded]


def hidden(piece: Piece) -> list[int]:
    """The positions of a piece whose values the group moves."""
    return [place for place in range(len(piece.positions)) if place not in fixed(piece)]


def outputs(space: WeightSpace) -> set[str]:
    """Names of the tensors without sets and without indices on which O(n) or GL(n) acts, such as the outputs' biases.

    They may have indices of representations, as outputs have. Raises `ValueError` if there are none.
    """
    within = {piece.tensor for piece in space.pieces for p in hidden(piece) if piece.positions[p].index.joined}
    if within.issuperset(space.names):
        names = ", ".join(map(str, space))
        raise ValueError(f"no tensor of {names} is without sets: take means over the sets, or name the tensors to read")
    return set(space.names) - within
