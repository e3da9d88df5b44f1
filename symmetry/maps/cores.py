"""The cores of equivariant maps: the indices that a diagram carries from source to target.

A core is named by its sets, each repeated for every block of it that has positions on both sides. The cores of a pair
of pieces are combined from the cores of each root index (see `symmetry.maps.totals`), whose diagrams are listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice, product
from typing import TYPE_CHECKING

from symmetry.language.errors import SpecificationError
from symmetry.maps.counting import block_count
from symmetry.maps.diagrams import arrangements, joint_positions
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.relations import carried
from symmetry.maps.totals import NOTHING, roots
from symmetry.space.layout import Piece

if TYPE_CHECKING:
    from symmetry.maps.equivariant_maps import EquivariantMaps

__all__ = ["check_core", "core_sets", "every_core", "has_core"]

MOST = 200_000
"""The largest number of partitions of one root index that are listed."""
LISTED = 20
"""The largest number of cores in a message."""

CoreSets = tuple[str, ...]
"""The sets of a core, sorted, each repeated for every block of it in the core."""


def core_sets(core: str) -> CoreSets:
    """The sets of a core that is written as `"h2 h1"`, sorted."""
    return tuple(sorted(core.split()))


def check_core(maps: EquivariantMaps, core: str) -> None:
    """Raise `SpecificationError`, with a list of the cores, unless some diagram of the maps has the core."""
    if not has_core(maps, core_sets(core)):
        cores = [f"({' '.join(sets)})" for sets in islice(every_core(maps), LISTED + 1)]
        listed = ", ".join(cores[:LISTED]) + (", …" if len(cores) > LISTED else "")
        raise SpecificationError(f"there is no core ({core}) to bound the rank of", remedy=f"cores: {listed}")


def has_core(maps: EquivariantMaps, core: CoreSets) -> bool:
    """Whether some diagram of the maps has a core.

    The scalar core, without sets, always counts: the equivariant biases have it.

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
    """Whether a piece has as many positions of each set as a core."""
    return Counter(core) <= Counter(position.index.name for position in piece.positions)


def every_core(maps: EquivariantMaps) -> Iterator[CoreSets]:
    """The cores of some maps, each once: the scalar core, then in the order of the blocks, small cores first."""
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
    """The cores of the diagrams over the positions of one root index on both sides.

    Raises `SpecificationError` where there are too many diagrams to list.
    """
    count, split = block_count((target, source)), len(target.positions)
    if count > MOST:
        raise SpecificationError(
            f"the cores of {count:,} diagrams over one set are too many to go through", remedy="leave out the rank"
        )
    positions = joint_positions(target, source)
    found = arrangements(positions, split) if count else ()
    return frozenset(
        tuple(sorted(positions[place].index.name for place in carried(positions, split, blocks, steps)))
        for blocks, steps in found
    )
