"""From equivariant maps to a plan: one mix a core, or a few where a set is too small for some pairs.

A diagram is a pair (spread, pool) over one core, so each core's diagrams are all pairs of its sides; only where
a set has fewer elements than the pair has blocks does the diagram not exist. Spreads that lack the same pairs
share a mix, so every mix is a full product and the parameters are exactly the diagrams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

from layergen.plan.steps import Mix, Plan, Pool, Spread, unordered
from symmetry.kinds.index import Index
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps, check_limit
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.relations import Steps, steps_of
from symmetry.maps.sides import Core, Side, sides
from symmetry.space.layout import Piece
from symmetry.space.reading import positions_by_set

__all__ = ["lower"]


def lower(maps: EquivariantMaps, *, limit: int = LIMIT) -> Plan:
    """The plain plan of a layer: every pool read from its piece, every spread written to its piece.

    Cores come from the smallest to the largest: what is largest is then computed last and differentiated first, so
    that automatic differentiation adds the small gradients into the large one in place.

    Raises `SpecificationError` if the maps have more than `limit` diagrams (free values left open).
    """
    check_limit(maps.diagram_count, limit, "the layer")
    pools = by_core(sources(*maps.source), positions_by_set(targets(*maps.target)), limit, ordered=True)
    spreads = by_core(targets(*maps.target), positions_by_set(sources(*maps.source)), limit, ordered=False)
    included = included_sources(maps)
    mixes = [
        mix
        for core in sorted(spreads, key=lambda core: (len(core.sets), core.sets, str(core.parents), core.charges))
        for mix in core_mixes(maps, core, pools.get(core, []), spreads[core], included)
    ]
    pooled = dict.fromkeys(unordered(side) for mix in mixes for side in mix.pools)
    spread = dict.fromkeys(unordered(side) for mix in mixes for side in mix.spreads)
    whole = dict.fromkeys(everything_kept(side) for side in spread)
    return Plan(
        maps,
        tuple(Pool(side) for side in sorted(pooled, key=lambda side: -len(side.kept))),
        tuple(mixes),
        tuple(
            Spread(side, None if side in whole else everything_kept(side))
            for side in sorted(spread | whole, key=lambda side: len(side.kept))
        ),
    )


def everything_kept(side: Side) -> Side:
    """The side with the same blocks that keeps them all."""
    return Side(side.piece, side.blocks, tuple(range(len(side.blocks))))


def by_core(pieces: Iterable[Piece], most: Mapping[str, int], limit: int, *, ordered: bool) -> dict[Core, list[Side]]:
    """Every side of some pieces, by its core. Raises `SpecificationError` for more than `limit` sides."""
    found: dict[Core, list[Side]] = {}
    every = (side for piece in pieces for side in sides(piece, most, ordered=ordered))
    for number, side in enumerate(every, start=1):
        if number > limit:
            raise SpecificationError(
                f"the layer has more than {limit:,} pools or spreads, the limit",
                remedy="to plan it all the same, raise it",
            )
        found.setdefault(side.core, []).append(side)
    return found


def core_mixes(
    maps: EquivariantMaps, core: Core, pools: list[Side], spreads: list[Side], included: Mapping[str, frozenset[str]]
) -> list[Mix]:
    """The mixes of one core: spreads that may be fed by the same pools go together."""
    rooms = [(pool, pool.room()) for pool in pools]
    ranks = {tuple(sorted(name.split())): bound for name, bound in maps.ranks}
    indices = {index.name: index for space in (maps.source, maps.target) for index in space.indices}
    together: dict[tuple[tuple[Side, ...], tuple[Steps, ...]], list[Side]] = {}
    for spread in spreads:
        left, names = room_left(core, spread, indices), included[spread.piece.tensor]
        alike: dict[tuple[Side, ...], list[Steps]] = {}
        for steps in core_steps(core, indices):
            stepped = {core.sets.index(name) for name, _ in steps}
            fitting = tuple(
                pool
                for pool, room in rooms
                if pool.piece.tensor in names
                and all(count <= left(key) for key, count in room.items() if key[1] not in stepped)
            )
            alike.setdefault(fitting, []).append(steps)
        for fitting, every in alike.items():
            together.setdefault((fitting, tuple(every)), []).append(spread)
    rank = ranks.get(tuple(sorted(core.sets)))
    mixes = [
        Mix(core, fitting, tuple(members), rank if fitting else None, steps)
        for (fitting, steps), members in together.items()
    ]
    return [mix for mix in mixes if mix.pools or mix.biased]


def core_steps(core: Core, indices: Mapping[str, Index]) -> Iterator[Steps]:
    """The steps that diagrams over a core may take, none first; an index with others nested in it takes none."""
    parents = {core.sets[parent] for parent in core.parents if parent is not None}
    ordered = [indices[name] for name in core.sets if name in indices and name not in parents]
    ordered = [index for index in ordered if set(index.relations) - {0}]
    for chosen in product(*((0, *(step for step in index.relations if step)) for index in ordered)):
        yield steps_of((index.name, step) for index, step in zip(ordered, chosen, strict=True))


def included_sources(maps: EquivariantMaps) -> dict[str, frozenset[str]]:
    """For each target tensor the names of the source tensors whose block to it is included."""
    if maps.terms == "all":
        return dict.fromkeys(maps.target.names, frozenset(maps.source.names))
    return {
        target.name: frozenset(source.name for source in maps.source if maps.includes(target, source))
        for target in maps.target
    }


def room_left(core: Core, spread: Side, indices: Mapping[str, Index]) -> Callable[[tuple[str, int | None]], int]:
    """How many more blocks each set admits beside those of the core and of the spread, by the parent's place.

    None where two values never are without a relation: two layers are always neighbours.
    """
    used = Counter(spread.room()) + Counter(zip(core.sets, core.parents, strict=True))

    def left(key: tuple[str, int | None]) -> int:
        index = indices[key[0]]
        return (index.size if 0 in index.relations else 1) - used[key]

    return left
