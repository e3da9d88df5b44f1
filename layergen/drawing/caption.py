"""The caption of a block matrix: the sizes at which it is drawn, and the meaning of colours and numbers."""

from __future__ import annotations

from layergen.drawing.sizes import ANONYMOUS, index_sizes
from symmetry.maps.equivariant_maps import EquivariantMaps, readable

__all__ = ["caption"]

NAMED = 5
"""The most indices of one size that are named."""


def caption(maps: EquivariantMaps, small: EquivariantMaps) -> str:
    """The caption of a picture of `maps` that is drawn at the sizes of `small`."""
    sizes, declared = index_sizes(small), index_sizes(maps)
    groups: dict[tuple[int, int], list[str]] = {}
    for name, size in sizes.items():
        if name != ANONYMOUS:
            groups.setdefault((size, declared[name]), []).append(name)
    if sizes.get(ANONYMOUS) != declared.get(ANONYMOUS):
        groups.setdefault((sizes[ANONYMOUS], declared[ANONYMOUS]), []).append("axes without a name")
    cuts = [f"{listed(names)} = {size}{cut_from(size, whole)}" for (size, whole), names in groups.items()]
    drawn = f" Drawn at {', '.join(cuts)}." if cuts else ""
    total = f"{readable(small.dimension)} in all"
    if small.dimension != maps.dimension:
        total += f" at these sizes, {readable(maps.dimension)} at the declared ones"
    return (
        f"Rows are the entries of the target, columns those of the source; entries of a block that share a parameter "
        f"have one colour. The numbers count the parameters of each block: {total}.{drawn}"
    )


def listed(names: list[str]) -> str:
    """Some names, or the first of them and the number of the others."""
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return " = ".join(names)


def cut_from(size: int, whole: int) -> str:
    """The declared size in words, where a smaller one is drawn."""
    return f" (of {readable(whole)})" if size < whole else ""
