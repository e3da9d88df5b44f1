"""Nonlinear aggregation: a derived layer that also reads pools over one axis, the largest entry or attention's mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import nn

from layergen.features import Features
from layergen.linear import EquivariantLinear
from layergen.nn.pools import POOLS, PiecePools, has_invariants, moved
from layergen.nn.probes import beside
from layergen.nn.restrictions import UNRESTRICTED, Restrictions, leading
from symmetry.kinds.index import Invariant
from symmetry.language.axes import Atom, print_axes
from symmetry.language.families import literal_name
from symmetry.language.names import fresh_name
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.layout import Piece, Position
from symmetry.space.moving import chain
from symmetry.space.weight_space import WeightSpace

__all__ = ["Aggregation", "AxisPools"]


class AxisPools(nn.Module):
    """Pool each piece of each tensor over one of its axes, for every set and every positional index.

    A pool is a tensor over the axes that are left: the maxima over `h1` of a weight `h2 h1` are a tensor over `h2`,
    called `"weight over h1"`. With a set go the sets that are nested in it. Free indices are not pooled over. Of
    vectors, entries that the symmetry multiplies by a matrix, a sign or a scale, their invariants are pooled, so that
    the charges of a pool are neutral and its vectors are gone; entries without invariants, over indices on which all
    invertible matrices act, are left out, as only their companions (`Companions`) have any. Takes features of `space`,
    `{tensor: (batch, *axes, channels)}`, gives the pools alike.

    Parameters
    ----------
    space
        The weight space of the features. The module's attribute `space` is the weight space with the pools.
    channels
        The number of channels of the features.
    kind
        "max" or "attention".
    names
        Names of the pools that are wanted; by default all.

    Raises
    ------
    ValueError
        If there is no such `kind`.

    Examples
    --------
    >>> import torch
    >>> pools = AxisPools(WeightSpace({"w": "h x"}, sets={"h": 3}, free={"x": 2}), channels=1)
    >>> pools({"w": torch.arange(6.0).reshape(1, 3, 2, 1)})["w over h"].flatten().tolist()
    [4.0, 5.0]
    """

    def __init__(
        self, space: WeightSpace, channels: int, kind: str = "max", names: Collection[str] | None = None
    ) -> None:
        super().__init__()
        if kind not in POOLS:
            raise ValueError(f"an aggregation of kind {kind!r}: give one of {', '.join(map(repr, POOLS))}")
        pools = {name: pool for name, pool in axis_pools(space).items() if names is None or name in names}
        self.names, self.space = tuple(pools), with_pools(space, pools)

        def of(piece: Piece) -> Iterator[nn.Module]:
            return (POOLS[kind](piece, places, channels) for other, places in pools.values() if other == piece)

        self.pools = PiecePools(space, of)

    def forward(self, x: Features) -> Features:
        return dict(zip(self.names, self.pools(x), strict=True))


class Aggregation(nn.Module):
    """Apply a derived layer that reads, beside the features, their maxima or attention's means over one axis at a time.

    The pools (`AxisPools`) stand beside the layer's own means: each is a tensor over the axes that it leaves, and every
    equivariant linear map leads from it to the tensors. Takes and gives features, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features taken.
    channels
        The number of channels of the features taken and given.
    kind
        "max", the largest value of each channel, or "attention", a mean by weights that are the softmax of products
        with learned queries, several heads for each pool.
    target
        The weight space of the features given; by default `space`.
    restrictions
        What the derived layer is made with; by default it has no restrictions. A predicate is asked about the pools
        too, which are called "tensor over index".

    Raises
    ------
    ValueError
        If there is no such `kind`.

    References
    ----------
    Navon et al. (2023), "Equivariant Architectures for Learning in Deep Weight Spaces", ICML: maxima in place of means
    over rows and columns. Zhou et al. (2023), "Neural Functional Transformers", NeurIPS: attention over rows and
    columns. Lee et al. (2019), "Set Transformer", ICML, section 3.2: pooling by attention of learned queries.

    Examples
    --------
    >>> import torch
    >>> space = WeightSpace({"w": "h2 h1", "b": "h2"}, sets={"h1": 4, "h2": 3})
    >>> module = Aggregation(space, channels=8, kind="attention")
    >>> module({"w": torch.randn(5, 3, 4, 8), "b": torch.randn(5, 3, 8)})["b"].shape
    torch.Size([5, 3, 8])
    >>> module.pools.names
    ('w over h2', 'w over h1', 'b over h2')
    """

    def __init__(
        self,
        space: WeightSpace,
        channels: int,
        kind: str = "max",
        *,
        target: WeightSpace | None = None,
        restrictions: Restrictions = UNRESTRICTED,
    ) -> None:
        super().__init__()
        target, every = space if target is None else target, with_pools(space, axis_pools(space))
        heard = leading(EquivariantMaps(every, target, terms=restrictions.terms))
        self.in_channels = channels
        self.pools = AxisPools(space, channels, kind, heard)
        wide = self.pools.space
        self.linear = EquivariantLinear(wide, channels, channels, target=target, **restrictions.of(wide, target))

    def forward(self, x: Features) -> Features:
        found: Features = self.linear(x | self.pools(x))
        return found


def axis_pools(space: WeightSpace) -> dict[str, tuple[Piece, tuple[int, ...]]]:
    """By name, each piece with the positions of each pool: one position, and those of the sets nested in it."""
    found: dict[str, tuple[Piece, tuple[int, ...]]] = {}
    for piece in filter(has_invariants, space.pieces):
        for place in moved(piece):
            places = tuple(other for other in range(len(piece.positions)) if place in chain(piece, other))
            wish = literal_name(f"{piece.tensor} over {piece.positions[place].index.name}")
            found[fresh_name(wish, {*space.names, *found})] = piece, places
    return found


def with_pools(space: WeightSpace, pools: Mapping[str, tuple[Piece, Collection[int]]]) -> WeightSpace:
    """A space with pools as further tensors, over the axes that they leave."""
    return beside(space, {name: kept_axes(*pool) for name, pool in pools.items()})


def kept_axes(piece: Piece, places: Collection[int]) -> str:
    """The axes of a pool of a piece's invariants over some positions."""
    kept = {*moved(piece), *piece.free}.difference(places)
    return print_axes(tuple(neutral_atom(piece.positions[place]) for place in sorted(kept)))


def neutral_atom(position: Position) -> Atom:
    """A position of a piece as an axis of a tensor of its invariants."""
    index, charge = position.index, position.charge
    if not index.name:
        return Atom("", index.size)
    if index.neutral is not None and index.invariant(charge) is not Invariant.ENTRY:
        charge = index.neutral
    return Atom(index.name, charge=charge)
