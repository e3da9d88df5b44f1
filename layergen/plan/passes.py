"""Passes: free functions from plan to plan, one idea each. None changes what the layer computes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from layergen.plan.bundling import bundle_pools, bundle_spreads
from layergen.plan.steps import Mix, Plan
from symmetry.maps.sides import Side

__all__ = ["PASSES", "entries", "optimised", "orient_cores", "share_pools", "share_spreads"]


LENGTH = 64
"""The size that every index other than a free one counts with. Declared sizes play no part: a layer for another width
has its parameters in the same order, so that a `state_dict` goes from one to the other."""


def entries(side: Side) -> int:
    """About how many values a side's feature has, a batch element and channel."""
    return LENGTH ** len(side.kept) * side.piece.free_size


def share_pools(plan: Plan) -> Plan:
    """Pool smaller cores from larger cores' pools: each large tensor is read as seldom as possible."""
    above = smallest_above([pool.side for pool in plan.pools])
    return replace(plan, pools=tuple(replace(pool, origin=above[pool.side]) for pool in plan.pools))


def share_spreads(plan: Plan) -> Plan:
    """Add spreads up where they are smallest, so that each large tensor is written as seldom as possible."""
    above = smallest_above([spread.side for spread in plan.spreads])
    return replace(plan, spreads=tuple(replace(spread, into=above[spread.side]) for spread in plan.spreads))


def smallest_above(sides: Iterable[Side]) -> dict[Side, Side | None]:
    """For each side, of those with the same blocks of which they keep more, one with the fewest entries."""
    alike: defaultdict[tuple[object, ...], list[Side]] = defaultdict(list)
    for side in sides:
        alike[side.piece, side.blocks].append(side)
    found: dict[Side, Side | None] = {}
    for group in alike.values():
        for side in group:
            above = [other for other in group if set(other.kept) > set(side.kept)]
            found[side] = min(above, key=lambda other: (entries(other), other.kept), default=None)
    return found


def orient_cores(plan: Plan) -> Plan:
    """Order each core's indices as its largest features have them, so that those need no transposed copy."""
    return replace(plan, mixes=tuple(oriented(mix) for mix in plan.mixes))


def oriented(mix: Mix) -> Mix:
    """The mix with its core in the order that leaves the most entries where they are."""
    sides = mix.pools + mix.spreads
    gain: Counter[tuple[int, ...]] = Counter({tuple(range(len(mix.core.sets))): 0})
    for side in sides:
        gain[natural_order(side)] += entries(side)
    order = max(gain, key=lambda order: gain[order])
    moved = [replace(side, kept=tuple(side.kept[place] for place in order)) for side in sides]
    core = moved[0].core if moved else mix.core
    return replace(mix, core=core, pools=tuple(moved[: len(mix.pools)]), spreads=tuple(moved[len(mix.pools) :]))


def natural_order(side: Side) -> tuple[int, ...]:
    """The order of the core's places in which the side's blocks stand as in its piece."""
    return tuple(sorted(range(len(side.kept)), key=lambda place: side.kept[place]))


PASSES: tuple[Callable[[Plan], Plan], ...] = (
    orient_cores,
    share_pools,
    bundle_pools,
    share_spreads,
    bundle_spreads,
)


def optimised(plan: Plan, passes: Iterable[Callable[[Plan], Plan]] = PASSES) -> Plan:
    """The plan after some passes, in order."""
    for rewrite in passes:
        plan = rewrite(plan)
    return plan
