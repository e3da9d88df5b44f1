"""Restrictions of a network's derived layers: which blocks they have, the ranks of their cores, how large they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symmetry.maps.cores import core_sets, has_core
from symmetry.maps.equivariant_maps import LIMIT, Block, EquivariantMaps, Terms
from symmetry.space.weight_space import WeightSpace

__all__ = ["UNRESTRICTED", "Restrictions", "leading"]


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What every derived layer of a network is made with.

    Parameters
    ----------
    terms
        The blocks of the layers, as in `symmetry.EquivariantMaps`.
    ranks
        Bounds on ranks by core; a layer without the core goes without the bound.
    limit
        The most diagrams of a layer.
    """

    terms: Terms
    ranks: tuple[tuple[str, int], ...]
    limit: int

    def of(self, source: WeightSpace, target: WeightSpace) -> dict[str, Any]:
        """The options of a layer between two spaces, as `layergen.EquivariantLinear` takes them."""
        maps = EquivariantMaps(source, target, terms=self.terms)
        fit = {core: bound for core, bound in self.ranks if has_core(maps, core_sets(core))}
        return {"terms": self.terms, "rank": fit, "limit": self.limit}


UNRESTRICTED = Restrictions("all", (), LIMIT)
"""All maps, at full rank."""


def leading(maps: EquivariantMaps) -> set[str]:
    """Names of the source's tensors from which some of the maps lead.

    Parameters
    ----------
    maps
        The maps between two spaces.

    Returns
    -------
    set of str
        Names, of tensors from which a block of dimension one or more leads to a tensor of the target.

    Examples
    --------
    >>> xy = {"group": "C4", "representation": "standard"}
    >>> space = WeightSpace({"w": "h xy", "b": "h"}, sets={"h": 3}, representations={"xy": xy})
    >>> leading(EquivariantMaps(space, space.only(["b"])))
    {'b'}
    """
    return {s.name for s in maps.source if any(maps.includes(t, s) and Block(t, s).dimension for t in maps.target)}
