"""Which cores some maps have: the sets that a diagram can carry from source to target.

A core is named by its sets, each as often as the diagram has a block of it with positions on both sides. Which sets
those can be is found root by root (see `symmetry.maps.totals`), on the partitions that a diagram may have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice, product
from typing import TYPE_CHECKING

from symmetry.language.errors import SpecificationError
from symmetry.maps.counting import block_count
from symmetry.maps.diagrams import joint_positions
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.partitions import forest_partitions, joint_rule
from symmetry.maps.totals import NOTHING, roots
from symmetry.space.layout import Piece

if TYPE_CHECKING:
    from symmetry.maps.equivariant_maps import EquivariantMaps

__all__ = ["check_core", "core_sets", "every_core", "has_core"]

MOST = 200_000
"""The most partitions of the positions of one set that are gone through."""
LISTED = 20
"""How many cores a message lists."""

CoreSets = tuple[str, ...]
"""The sets of a core, sorted, each as often as it is kept."""


def core_sets(core: str) -> CoreSets:
    """The sets of a core that is written as `"h2 h1"`, in whatever order."""
    return tuple(sorted(core.split()))


def check_core(maps: EquivariantMaps, core: str) -> None:
    """Raise `SpecificationError`, with a list of the cores, unless the maps have the core that is written so."""
    if not has_core(maps, core_sets(core)):
        cores = [f"({' '.join(sets)})" for sets in islice(every_core(maps), LISTED + 1)]
        listed = ", ".join(cores[:LISTED]) + (", …" if len(cores) > LISTED else "")
        raise SpecificationError(f"there is no core ({core}) to bound the rank of", remedy=f"cores: {listed}")


def has_core(maps: EquivariantMaps, core: CoreSets) -> bool:
    """Whether some diagram of the maps carries these sets from source to target.

    The scalar core, without sets, is there always: the equivariant biases come from it.

    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h h k", "b": "k"}, sets={"h": 1, "k": 3}))
    >>> has_core(maps, ("h", "k")), has_core(maps, ("h", "h")), has_core(maps, ("k",))
    (True, False, True)
    """
    written = [tensor for tensor in maps.target if any(holds(piece, core) for piece in targets(tensor))]
    read = [tensor for tensor in maps.source if any(holds(piece, core) for piece in sources(tensor))]
    return not core or any(
        core in pair_cores(target, source)
        for above, below in product(written, read)
        if maps.includes(above, below)
        for target, source in product(targets(above), sources(below))
        if holds(target, core) and holds(source, core)
    )


def holds(piece: Piece, core: CoreSets) -> bool:
    """Whether a piece has as many positions of each set as a core keeps."""
    return Counter(core) <= Counter(position.index.name for position in piece.positions)


def every_core(maps: EquivariantMaps) -> Iterator[CoreSets]:
    """The cores of some maps, each once: the scalar one, then in the order of the blocks, small ones first."""
    seen: set[CoreSets] = {()}
    yield ()
    for block in maps.blocks:
        for target, source in block.piece_pairs:
            for core in sorted(pair_cores(target, source), key=lambda core: (len(core), core)):
                if core not in seen:
                    seen.add(core)
                    yield core


def pair_cores(target: Piece, source: Piece) -> set[CoreSets]:
    """The cores of the diagrams between two pieces."""
    above, below = dict(roots(target)), dict(roots(source))
    options = [root_cores(above.get(name, NOTHING), below.get(name, NOTHING)) for name in above.keys() | below.keys()]
    return {tuple(sorted(chain(*chosen))) for chosen in product(*options)}


@lru_cache(maxsize=10_000)
def root_cores(target: Piece, source: Piece) -> frozenset[CoreSets]:
    """What of one root the diagrams over its positions on either side carry.

    Raises `SpecificationError` where there are too many to go through.
    """
    count, split = block_count((target, source)), len(target.positions)
    if count > MOST:
        raise SpecificationError(
            f"the cores of {count:,} diagrams over one set are too many to go through", remedy="leave out the rank"
        )
    positions = joint_positions(target, source)
    found = forest_partitions(positions, joint_rule(positions, split)) if count else ()
    return frozenset(
        tuple(sorted(positions[block[0]].index.name for block in blocks if block[0] < split <= block[-1]))
        for blocks in found
    )
