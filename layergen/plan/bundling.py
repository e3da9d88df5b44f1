"""Passes that treat the features of a whole core at once.

A smaller core's pools are means of a larger core's, and a smaller core's spreads are added into a larger core's. Where
they stand in a row in both, one operation does it for all of them: columns are ordered so that they do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from layergen.plan.steps import Mix, Plan, Run, unordered
from symmetry.maps.sides import Side

__all__ = ["bundle_pools", "bundle_spreads"]

Link = tuple[int, int, tuple[int, ...], tuple[int, ...]]
"""Where a side comes from or goes to: mix, place in it, the core's places dropped, the order of those that stay."""


def bundle_pools(plan: Plan) -> Plan:
    """Average a larger core's concatenated pools in one operation, instead of each by itself."""
    links = pool_links(plan)
    mixes = list(plan.mixes)
    places: dict[Side, tuple[int, int]] = {}
    runs: list[Run] = []
    for number in reversed(range(len(mixes))):
        found = {
            side: link(side, places[links[unordered(side)]], mixes, "pools")
            for side in mixes[number].pools
            if unordered(side) in links
        }
        pools = in_rows(mixes[number].pools, found)
        mixes[number] = replace(mixes[number], pools=pools)
        places |= places_of(number, pools)
        runs += rows(number, pools, found)
    kept = tuple(pool for pool in plan.pools if pool.side not in links)
    return replace(plan, mixes=tuple(mixes), pools=kept, reductions=tuple(runs))


def bundle_spreads(plan: Plan) -> Plan:
    """Add a smaller core's product into a larger core's in one operation, before either is taken apart."""
    mixed = {unordered(side) for mix in plan.mixes for side in mix.spreads}
    links = {step.side: step.into for step in plan.spreads if step.into in mixed and step.into is not None}
    mixes = list(plan.mixes)
    places: dict[Side, tuple[int, int]] = {}
    runs: list[Run] = []
    for number in reversed(range(len(mixes))):
        found = {
            side: link(side, places[links[unordered(side)]], mixes, "spreads")
            for side in mixes[number].spreads
            if unordered(side) in links
        }
        spreads = in_rows(mixes[number].spreads, found)
        mixes[number] = replace(mixes[number], spreads=spreads)
        places |= places_of(number, spreads)
        runs += rows(number, spreads, found)
    kept = tuple(step for step in plan.spreads if step.side not in links)
    return replace(plan, mixes=tuple(mixes), spreads=kept, additions=tuple(runs))


def pool_links(plan: Plan) -> dict[Side, Side]:
    """For each pool that can be part of a row, the larger pool that it is a mean of.

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
    return links


def places_of(number: int, sides: tuple[Side, ...]) -> dict[Side, tuple[int, int]]:
    """Where each side, whatever the order of what it keeps, first stands in a mix."""
    return {unordered(side): (number, place) for place, side in reversed(list(enumerate(sides)))}


def link(side: Side, at: tuple[int, int], mixes: list[Mix], part: str) -> Link:
    """How `side` is reached from, or goes to, the larger side at a place of a mix."""
    number, place = at
    large: Side = getattr(mixes[number], part)[place]
    dropped = tuple(spot for spot, block in enumerate(large.kept) if block not in side.kept)
    stays = [block for block in large.kept if block in side.kept]
    return number, place, dropped, tuple(stays.index(block) for block in side.kept)


def in_rows(sides: tuple[Side, ...], links: dict[Side, Link]) -> tuple[Side, ...]:
    """The sides with a link first, in the order of the places linked to."""
    return tuple(sorted(sides, key=lambda side: (0, *links[side]) if side in links else (1,)))


def rows(number: int, sides: tuple[Side, ...], links: dict[Side, Link]) -> list[Run]:
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
