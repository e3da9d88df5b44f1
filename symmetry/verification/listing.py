"""The orbits of the group on pairs of a target entry and a source entry, counted by listing the pairs."""

from __future__ import annotations

import math
from itertools import product

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from symmetry.language.errors import SpecificationError
from symmetry.maps.diagrams import joint_positions
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.maps.projection import permutes_entries
from symmetry.space.elements import generators
from symmetry.space.layout import Piece, piece_values
from symmetry.space.weight_space import Tensor
from symmetry.verification.classes import translations

__all__ = ["PAIRS", "orbit_count"]

PAIRS = 1_000_000
"""The largest number of index pairs that are listed."""


def orbit_count(maps: EquivariantMaps, target: str, source: str) -> int:
    """The number of orbits of index pairs, which is the dimension of a block on which groups only permute.

    The pairs of a target entry and a source entry are nodes of a graph, joined where a generator of the group (of the
    positional indices' too) takes one to the other, and over an ordered index where they are next to each other in a
    class of `symmetry.verification.classes`; orbits are its connected components.

    Parameters
    ----------
    maps
        Maps between the spaces that have the two tensors; the option `terms` plays no role.
    target, source
        Names of a tensor of the target space and of a tensor of the source space.

    Returns
    -------
    int
        The number of orbits, equal to `maps.block(target=target, source=source).dimension`.

    Raises
    ------
    SpecificationError
        If there is no tensor of that name, if one is over a representation index, or if there are more than a million
        index pairs.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h h"}, sets={"h": 2}))
    >>> orbit_count(maps, target="w", source="w")
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
    for written, read in product(maps.target[target].pieces, maps.source[source].pieces):
        own = pairs[np.ix_(entries_of(maps.target[target], written), entries_of(maps.source[source], read))].ravel()
        for origins in translations(Piece("", 0, joint_positions(written, read))):
            graph.add_edges_from(zip(own.tolist(), own[origins].tolist(), strict=True))
    return int(nx.number_connected_components(graph))


def entries_of(tensor: Tensor, piece: Piece) -> NDArray[np.intp]:
    """The numbers of a piece's entries in its tensor, flattened row-major."""
    return piece_values(tensor.layout, tensor.shape, piece)
