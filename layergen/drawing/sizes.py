"""The sizes at which a block matrix is drawn: sets and free indices are cut down until every entry can be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping

from symmetry.kinds.index import Index
from symmetry.language.axes import Atom, print_axes, substitute
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.reading import orders
from symmetry.space.weight_space import WeightSpace

__all__ = ["ANONYMOUS", "MOST", "drawn_maps", "index_sizes"]

MOST = 320
"""The most entries on either side of a drawn matrix."""
COMFORTABLE = 100
"""The most entries on either side at which sets are drawn with four elements; with more entries they have three."""
ANONYMOUS = ""
"""The name under which the sizes of all anonymous indices are bounded together."""


def drawn_maps(maps: EquivariantMaps) -> EquivariantMaps:
    """The maps at sizes small enough to draw, without restrictions, each set at its order or above if there is room.

    Raises `SpecificationError` if there are too many entries even with a single value of every index.
    """
    order = orders(maps.source, maps.target)
    first = {ANONYMOUS: 3}
    comfortable = {ANONYMOUS: 2}
    for index in indices(maps):
        least = order.get(index.name, 0)
        first[index.name] = min(index.size, max(4, least) if index.joined else 3)
        comfortable[index.name] = min(index.size, max(3, least) if index.joined else 2)
    sizes = reduced(maps, first, comfortable, COMFORTABLE)
    sizes = reduced(maps, sizes, dict.fromkeys(sizes, 1), MOST)
    small = cut(maps, sizes)
    if entries(small) > MOST:
        raise SpecificationError(
            f"the matrix has {entries(small):,} rows or columns even with one element in every set, "
            f"more than the {MOST} that can be drawn",
            remedy="draw one block instead: --block TARGET SOURCE",
        )
    return small


def reduced(maps: EquivariantMaps, sizes: dict[str, int], least: Mapping[str, int], most: int) -> dict[str, int]:
    """Sizes at which no side has more than `most` entries: the largest sizes are taken down by one, again and again."""
    while entries(cut(maps, sizes)) > most:
        open_sizes = [size for name, size in sizes.items() if size > least[name]]
        if not open_sizes:
            break
        largest = max(open_sizes)
        sizes = {n: size - 1 if size == largest and size > least[n] else size for n, size in sizes.items()}
    return sizes


def indices(maps: EquivariantMaps) -> list[Index]:
    """The indices of both sides, each once."""
    return list({index.name: index for space in (maps.source, maps.target) for index in space.indices}.values())


def index_sizes(maps: EquivariantMaps) -> dict[str, int]:
    """The size of every named index of both sides, and the largest of the anonymous ones under the empty name."""
    unnamed = [
        position.index.size
        for space in (maps.source, maps.target)
        for piece in space.pieces
        for position in piece.positions
        if not position.index.name
    ]
    return maps.sizes | ({ANONYMOUS: max(unnamed)} if unnamed else {})


def entries(maps: EquivariantMaps) -> int:
    """The number of rows or of columns of the matrix, whichever is larger."""
    return max(sum(math.prod(tensor.shape) for tensor in space) for space in (maps.source, maps.target))


def cut(maps: EquivariantMaps, sizes: Mapping[str, int]) -> EquivariantMaps:
    """The maps at other sizes, without restrictions; anonymous indices are bounded by the size under the empty name."""
    source = cut_space(maps.source, sizes)
    return EquivariantMaps(source, source if maps.target == maps.source else cut_space(maps.target, sizes))


def cut_space(space: WeightSpace, sizes: Mapping[str, int]) -> WeightSpace:
    """The weight space at other sizes; anonymous indices are bounded by the size under the empty name."""

    def bounded(atom: Atom) -> Atom:
        return atom if atom.name else Atom("", min(atom.size, sizes[ANONYMOUS]))

    tensors = {tensor.name: print_axes(substitute(axis, bounded) for axis in tensor.own_axes) for tensor in space}
    return WeightSpace(tensors, **space.declarations(sizes)[1])
