"""To which sizes of its sets the layer of a specification is bound, and why."""

from __future__ import annotations

from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.reading import orders, readings

__all__ = ["fixed_sizes"]


def fixed_sizes(maps: EquivariantMaps) -> dict[str, str]:
    """The sets whose declared size is the only one that a layer takes, with the reason; no row where there is none.

    A layer takes every other size of a set, if it is no less than the order of the set.
    """
    order, (_, fixed) = orders(maps.source, maps.target), readings(maps.source, maps.target)
    sizes = maps.sizes
    reasons = {name: f"below its order, {order[name]}" for name in fixed if sizes[name] < order[name]}
    texts = [f"{name} = {sizes[name]} ({reasons.get(name, 'its axes do not show it')})" for name in fixed]
    return {"fixed": ", ".join(texts)} if texts else {}
