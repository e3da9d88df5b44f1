"""The sizes of sets to which the layer of a specification is bound, and the reasons."""

from __future__ import annotations

from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.reading import orders, readings

__all__ = ["fixed_sizes"]


def fixed_sizes(maps: EquivariantMaps) -> dict[str, str]:
    """A row with the sets whose declared size is the only one that a layer takes, and the reasons; none without them.

    Of another set a layer takes every size that is no less than the set's order.
    """
    order, (_, fixed) = orders(maps.source, maps.target), readings(maps.source, maps.target)
    sizes = maps.sizes
    reasons = {name: f"below its order, {order[name]}" for name in fixed if sizes[name] < order[name]}
    texts = [f"{name} = {sizes[name]} ({reasons.get(name, 'its axes do not show it')})" for name in fixed]
    return {"fixed": ", ".join(texts)} if texts else {}
