"""The numbers of parameters of layers: a warning where they are many, which names the index that is to blame."""

from __future__ import annotations

import warnings

from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.weight_space import WeightSpace

__all__ = ["LARGE", "ManyParametersWarning", "costliest_index", "warn_of_many"]

LARGE = 50_000_000
"""The number of parameters from which on there is a warning; 200 MB in single precision, and as much for each gradient
and each moment of an optimiser."""


class ManyParametersWarning(UserWarning):
    """A layer or network has so many parameters that it is slow to train and will hardly generalise."""


def warn_of_many(count: int, maps: EquivariantMaps, what: str) -> None:
    """Warn if there are too many parameters, with the index that costs most and what can be done.

    Parameters
    ----------
    count
        The number of parameters.
    maps
        The maps that have most of them.
    what
        What has the parameters, in words.

    Examples
    --------
    >>> space = WeightSpace({"w": "token d"}, sets={"d": 64}, free={"token": 10_000})
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_many(800_000_000, EquivariantMaps(space), "this layer")
    >>> print(caught[0].message)
    this layer has 800,000,000 parameters (3.2 GB in float32), 100 % of them because the free index 'token' has 10,000
    values; declare 'token' in [positional], where values share parameters, or give terms="local" or rank=…
    """
    if count <= LARGE:
        return
    memory = f"{count * 4 / 1e9:.1f} GB in float32"
    text, remedy = f"{what} has {count:,} parameters ({memory})", 'give terms="local" or rank=…'
    if (found := costliest_index(maps)) is not None:
        name, size, share = found
        text += f", {share:.0%} of them because the free index {name!r} has {size:,}\nvalues".replace("%", " %")
        remedy = f"declare {name!r} in [positional], where values share parameters, or {remedy}"
    warnings.warn(f"{text}; {remedy}", ManyParametersWarning, stacklevel=3)


def costliest_index(maps: EquivariantMaps) -> tuple[str, int, float] | None:
    """The free index with the largest part in a dimension.

    Parameters
    ----------
    maps
        Equivariant maps.

    Returns
    -------
    tuple of str, int and float, or None
        Its name and size, and the share of the dimension that goes away where it has one value. None where no free
        index that has a name and more than one value is there.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 9})
    >>> costliest_index(EquivariantMaps(space))
    ('x', 9, 0.96)
    """
    whole, sizes = maps.dimension, maps.source.sizes | maps.target.sizes
    joined = {index.name for space in (maps.source, maps.target) for index in space.indices if index.joined}
    acting = {index.name for space in (maps.source, maps.target) for index in space.indices if index.acting is not None}
    shares = {}
    for name in (name for name, size in sizes.items() if size > 1 and name not in joined | acting):
        source, target = (at_one(space, name) for space in (maps.source, maps.target))
        left = EquivariantMaps(source, target, terms=maps.terms, rank=dict(maps.ranks)).dimension
        shares[name] = round(1 - left / whole, 4) if whole else 0.0
    if not shares:
        return None
    name = max(shares, key=lambda name: shares[name])
    return name, sizes[name], shares[name]


def at_one(space: WeightSpace, name: str) -> WeightSpace:
    """A space in which an index has one value, where it has the index."""
    return space.resized({name: 1}) if name in space.sizes else space
