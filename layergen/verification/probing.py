"""Inputs whose outputs are the columns of a layer's matrix, and the smallest sizes that show all of its maps."""

from __future__ import annotations

import torch
from torch import Tensor

from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.reading import orders, readings
from symmetry.space.weight_space import WeightSpace

__all__ = ["probe", "smallest"]


def smallest(maps: EquivariantMaps) -> tuple[WeightSpace, WeightSpace, str]:
    """The source space and the target space at the smallest sizes that show every diagram, and a note on these sizes.

    A set is cut down to its order where the layer reads its size from the input; the other sets stay as declared.
    """
    order, (_, fixed) = orders(maps.source, maps.target), readings(maps.source, maps.target)
    sizes = {index.name: index.size for space in (maps.source, maps.target) for index in space.indices}
    cut = {name: max(1, least) for name, least in order.items() if name not in fixed and least < sizes[name]}
    cut = {name: size for name, size in cut.items() if name in {index.name for index in maps.source.indices}}
    note = "at " + ", ".join(f"{name}={size}" for name, size in cut.items()) if cut else ""
    target_cut = {name: size for name, size in cut.items() if name in {index.name for index in maps.target.indices}}
    return maps.source.resized(cut), maps.target.resized(target_cut), note


def probe(space: WeightSpace, name: str, incoming: Tensor, entries: range) -> dict[str, Tensor]:
    """A batch of basis vectors of one tensor's features, with zeros in the other tensors.

    Parameters
    ----------
    space
        The weight space of the features.
    name
        The name of the tensor; where it is empty, the batch is a single input of zeros.
    incoming
        Directions of the input channels, `(directions, channels)`.
    entries
        The numbers of the entries that are probed, the tensor flattened row-major.

    Returns
    -------
    dict of Tensor
        Features `{tensor: (entries · directions, *axes, channels)}`, entries in order and all directions of each.
    """
    count, channels = incoming.shape
    batch = len(entries) * count if name else 1
    x = {t.name: torch.zeros(batch, *t.shape, channels, dtype=torch.float64) for t in space}
    if name:
        rows = x[name].view(len(entries), count, -1, channels)
        for number, entry in enumerate(entries):
            rows[number, :, entry] = incoming
    return x
