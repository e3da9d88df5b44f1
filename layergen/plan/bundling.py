"""Passes that treat the features of a whole core at once.

A smaller core's pools are means of a larger core's, and a smaller core's spreads are added into a larger core's. Where
they stand in a row in both, one operation does it for all of them: columns are ordered so that they do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from layergen.plan.steps import Mix, Plan, Run, unordered
from symmetry.maps.sides import Side

__all__ = ["bundle_pools", "bundle_spreads"]

Link = tuple[int, int, tuple[int, ...], tuple[int, ...]]
"""Where a side comes from or goes to: mix, place in it, the core's places dropped, the order of those that stay."""


def bundle_pools(plan: Plan) -> Plan:
    """Average a larger core's concatenated pools in one operation, instead of each by itself.

    A pool that several mixes read, or one mix in several orders, is computed once by itself; so is a pool that such a
    one is made from.
    """
    times = Counter(unordered(side) for mix in plan.mixes for side in mix.pools)
    links = {
        pool.side: pool.origin
        for pool in plan.pools
        if pool.origin is not None and times[pool.side] == 1 and times[pool.origin]
    }
    while alone := {pool.origin for pool in plan.pools if pool.side not in links and pool.origin in links}:
        links = {side: origin for side, origin in links.items() if side not in alone}
    mixes, runs = bundled(plan.mixes, "pools", links)
    kept = tuple(pool for pool in plan.pools if pool.side not in links)
    return replace(plan, mixes=mixes, pools=kept, reductions=runs)


def bundle_spreads(plan: Plan) -> Plan:
    """Add a smaller core's product into a larger core's in one operation, before either is taken apart."""
    mixed = {unordered(side) for mix in plan.mixes for side in mix.spreads}
    links = {step.side: step.into for step in plan.spreads if step.into in mixed and step.into is not None}
    mixes, runs = bundled(plan.mixes, "spreads", links)
    kept = tuple(step for step in plan.spreads if step.side not in links)
    return replace(plan, mixes=mixes, spreads=kept, additions=runs)


def bundled(before: tuple[Mix, ...], part: str, links: Mapping[Side, Side]) -> tuple[tuple[Mix, ...], tuple[Run, ...]]:
    """The mixes with the linked ones of their pools, or spreads, in the order of what they are linked to; the runs."""
    mixes = list(before)
    places: dict[Side, tuple[int, int]] = {}
    runs: list[Run] = []
    for number in reversed(range(len(mixes))):
        sides: tuple[Side, ...] = getattr(mixes[number], part)
        found = {
            side: link(side, places[links[unordered(side)]], mixes, part) for side in sides if unordered(side) in links
        }
        sides = tuple(sorted(sides, key=lambda side: (0, *found[side]) if side in found else (1,)))
        mixes[number] = replace(mixes[number], **{part: sides})  # type: ignore[arg-type]
        places |= {unordered(side): (number, place) for place, side in reversed(list(enumerate(sides)))}
        runs += rows(number, sides, found)
    return tuple(mixes), tuple(runs)


def link(side: Side, at: tuple[int, int], mixes: list[Mix], part: str) -> Link:
    """How `side` is reached from, or goes to, the larger side at a place of a mix."""
    number, place = at
    large: Side = getattr(mixes[number], part)[place]
    dropped = tuple(spot for spot, block in enumerate(large.kept) if block not in side.kept)
    stays = [block for block in large.kept if block in side.kept]
    return number, place, dropped, tuple(stays.index(block) for block in side.kept)


def rows(number: int, sides: tuple[Side, ...], links: Mapping[Side, Link]) -> list[Run]:
    """The longest runs of sides whose links stand in a row too."""
    found: list[Run] = []
    for start, side in enumerate(sides):
        if side not in links:
            continue
        large, first, dropped, order = links[side]
        last = found[-1] if found else None
        if last and last.continues(start, large, first, dropped, order):
            found[-1] = replace(last, count=last.count + 1)
        else:
            found.append(Run(number, start, 1, large, first, dropped, order))
    return found
