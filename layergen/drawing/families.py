"""Frames around the sets that are nested in one set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from layergen.drawing.colours import GREY, PALE
from layergen.drawing.rendering import write
from symmetry.kinds.index import Index
from symmetry.language.axes import atoms
from symmetry.space.weight_space import WeightSpace

__all__ = ["draw_frame", "families", "in_families"]


def family(space: WeightSpace, index: Index) -> str:
    """The outermost set that an index is nested in; empty for an index that is not nested."""
    return "" if index.parent is None else space.lineage(index)[0].name


def in_families(space: WeightSpace, indices: Mapping[str, Index], names: Sequence[str]) -> list[str]:
    """Names of indices in their order, but those nested in one set beside each other."""
    firsts = {family(space, indices[name]): place for place, name in reversed(list(enumerate(names)))}
    places = {name: place for place, name in enumerate(names)}

    def order(name: str) -> tuple[int, int]:
        own = family(space, indices[name])
        return (firsts[own] if own else places[name]), places[name]

    return sorted(names, key=order)


def families(
    space: WeightSpace, indices: Mapping[str, Index], columns: Mapping[int, Sequence[str]]
) -> Iterator[tuple[str, list[str]]]:
    """Each set that others of one column are nested in, in words, with the names of these."""
    for names in columns.values():
        for parent in dict.fromkeys(filter(None, (family(space, indices[name]) for name in names))):
            yield counted(space, parent), [name for name in names if family(space, indices[name]) == parent]


def counted(space: WeightSpace, name: str) -> str:
    """An index with its size: `head (4)`, or `layer × 12` for one that numbers the tensors of families."""
    size, numbers = space.index(name).size, {atom.name for tensor in space for atom in atoms(*tensor.family.axes)}
    return f"{name} × {size}" if name in numbers else f"{name} ({size})"


def draw_frame(
    axes: Axes, points: Sequence[tuple[float, float]], half: float, room: float, text: str, size: float
) -> None:
    """Draw a frame around points in a column, half as wide as `half` says, with a text at its right upper corner."""
    x, heights = points[0][0], [y for _, y in points]
    top, bottom = min(heights) - room, max(heights) + room
    frame = FancyBboxPatch((x - half, top), 2 * half, bottom - top, boxstyle="round,pad=0,rounding_size=12", fill=False)
    frame.set(edgecolor=PALE, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    axes.add_patch(frame)
    write(axes, (x + half, top - 10), text, size, GREY, "right")
