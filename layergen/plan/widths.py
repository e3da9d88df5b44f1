"""Which sets' sizes a layer reads from its input, and which it is bound to: see `symmetry.space.reading`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space import reading
from symmetry.space.reading import Reading
from symmetry.space.weight_space import WeightSpace, resized

__all__ = ["Reading", "observed_space", "orders", "readings", "resized"]


def orders(maps: EquivariantMaps) -> dict[str, int]:
    """For each set the size from which the number of diagrams no longer depends on it."""
    return reading.orders(maps.source, maps.target)


def readings(maps: EquivariantMaps) -> tuple[list[Reading], list[str]]:
    """How a layer reads the sets' sizes from its input, in order, and the sets that stay at their declared sizes."""
    found, stay = reading.readings(maps.source, maps.target)
    return found, list(stay)


def observed_space(space: WeightSpace, shapes: Mapping[str, Sequence[int]]) -> WeightSpace:
    """The space with the sizes that some arrays show, `shapes` being those of their axes."""
    return space.observed(shapes)
