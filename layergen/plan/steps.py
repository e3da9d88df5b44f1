"""The plan of a layer: a handful of typed steps, each carrying the half-diagram it came from.

pool      read a piece on the diagonals that a side identifies, average over the blocks it does not keep
mix       for one core, the concatenated pools times one matrix gives every spread over that core
spread    repeat over the blocks that are not kept, embed in the diagonals, add into the target
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.maps.relations import Steps
from symmetry.maps.sides import Core, Side

__all__ = ["Mix", "Plan", "Pool", "Run", "Spread", "by_mix", "unordered"]


def unordered(side: Side) -> Side:
    """The side with its kept blocks in the order of their numbers: what is pooled once for all orders."""
    return Side(side.piece, side.blocks, tuple(sorted(side.kept)))


@dataclass(frozen=True, slots=True)
class Pool:
    """Compute the pooled feature of `side`, axes `(batch, *kept blocks, free values · channels)`.

    From the pooled feature of `origin` (same blocks, more of them kept), or where that is None from the piece.
    """

    side: Side
    origin: Side | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """One dense product over a core: every pool of `pools` feeds every spread of `spreads`.

    Pools come with their kept blocks in the order of the core. A mix without pools has a bias only. With a `rank` the
    matrix is the product of two, through that many channels. All pools are read once for each of `steps`: as they are,
    and where the core has an ordered index also moved to the next value and to the one before.
    """

    core: Core
    pools: tuple[Side, ...]
    spreads: tuple[Side, ...]
    rank: int | None = None
    steps: tuple[Steps, ...] = ((),)

    @property
    def width(self) -> int:
        """Columns of the pools side by side an input channel: their free values."""
        return sum(side.piece.free_size for side in self.pools)

    @property
    def rows(self) -> int:
        """Rows of the matrix an input channel: the pools' free values, for each of the steps."""
        return len(self.steps) * self.width

    @property
    def columns(self) -> int:
        """Columns of the matrix an output channel: the spreads' free values."""
        return sum(side.piece.free_size for side in self.spreads)

    @property
    def biased(self) -> bool:
        """Whether the core is the scalar one, whose spreads are the equivariant biases."""
        return not self.core.sets


@dataclass(frozen=True, slots=True)
class Spread:
    """Add the value of `side` into that of `into` (same blocks, more of them kept), repeating over the others.

    `into` is None for the side that keeps every block: it goes to the piece, on its diagonals.
    """

    side: Side
    into: Side | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """`count` sides of the mix `small`, from `start`, that belong to as many of the mix `large`, from `first`.

    Pools: they are means of those over the places `dropped` of the larger core. Spreads: they are repeated over these
    places and added into those. `order` gives the smaller core's places among those that stay.
    """

    small: int
    start: int
    count: int
    large: int
    first: int
    dropped: tuple[int, ...]
    order: tuple[int, ...]

    def continues(self, start: int, large: int, first: int, dropped: tuple[int, ...], order: tuple[int, ...]) -> bool:
        """Whether a further side, so linked, prolongs the run."""
        follows = (self.start + self.count, self.first + self.count) == (start, first)
        return follows and (self.large, self.dropped, self.order) == (large, dropped, order)


def by_mix(runs: Iterable[Run], end: str) -> dict[int, list[Run]]:
    """Runs by the mix at one end, `small` or `large`."""
    found: defaultdict[int, list[Run]] = defaultdict(list)
    for run in runs:
        found[getattr(run, end)].append(run)
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """A layer: pools in an order in which each origin comes before its use, mixes, spreads likewise.

    `reductions` are pools that are computed from those of another mix, many at once; `additions` are spreads that are
    added into those of another mix. Neither is among `pools` and `spreads`.
    """

    maps: EquivariantMaps
    pools: tuple[Pool, ...]
    mixes: tuple[Mix, ...]
    spreads: tuple[Spread, ...]
    reductions: tuple[Run, ...] = ()
    additions: tuple[Run, ...] = ()

    @property
    def dimension(self) -> int:
        """Weights a channel pair."""
        return sum(mix.rows * mix.columns for mix in self.mixes)

    @property
    def bias_dimension(self) -> int:
        """Biases an output channel."""
        return sum(mix.columns for mix in self.mixes if mix.biased)
