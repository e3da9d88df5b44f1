"""Orbits of the group on (target index, source index) pairs, counted by listing them: for small sizes."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np

from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.maps.projection import permutes_entries
from symmetry.space.elements import generators

__all__ = ["PAIRS", "orbit_count"]

PAIRS = 1_000_000
"""The largest number of index pairs that are listed."""


def orbit_count(maps: EquivariantMaps, target: str, source: str) -> int:
    """The number of orbits of index pairs of a block: its dimension, found by listing.

    Raises `SpecificationError` if there are more than a million pairs, or representation indices.

    >>> from symmetry import WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h h"}, sets={"h": 2}))
    >>> orbit_count(maps, "w", "w")
    8
    """
    if not (permutes_entries(maps.target[target]) and permutes_entries(maps.source[source])):
        raise SpecificationError("orbits are of permutations, and there are representation indices")
    rows, columns = math.prod(maps.target[target].shape), math.prod(maps.source[source].shape)
    if rows * columns > PAIRS:
        raise SpecificationError(f"{target!r} <- {source!r} has {rows * columns:,} index pairs, too many to list")
    graph = nx.empty_graph(rows * columns)
    pairs = np.arange(rows * columns).reshape(rows, columns)
    moves = [(g.on(maps.target), g) for g in generators(maps.source, positional=True)]
    moves += [(g, g.on(maps.source)) for g in generators(maps.target, positional=True)]
    for on_target, on_source in moves:
        moved = pairs[np.ix_(on_target.tensor_index(target), on_source.tensor_index(source))]
        graph.add_edges_from(zip(pairs.ravel().tolist(), moved.ravel().tolist(), strict=True))
    return int(nx.number_connected_components(graph))
