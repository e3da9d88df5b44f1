"""The values of a positional index as neighbours in their order: for specifications that others wrote, or traced."""

from __future__ import annotations

from symmetry.kinds.positional import OrderedIndex, PositionalIndex
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["ordered"]


def ordered(space: WeightSpace, *names: str) -> WeightSpace:
    """The same space in which some positional indices are ordered: maps tell neighbouring values from the others.

    Parameters
    ----------
    space
        A weight space.
    *names
        Names of positional indices, such as the index of a family of layers.

    Returns
    -------
    WeightSpace
        The space with `{ size = …, ordered = true }` as the declaration of these indices.

    Raises
    ------
    SpecificationError
        For a name that is of no positional index.

    Examples
    --------
    >>> space = WeightSpace({"blocks.{layer}.norm": "d"}, sets={"d": 64}, positional={"layer": 12})
    >>> print(ordered(space, "layer"))
    [sets]
    d = 64
    [positional]
    layer = { size = 12, ordered = true }
    [tensors]
    "blocks.{layer}.norm" = "d"
    <BLANKLINE>
    >>> ordered(space, "d")
    Traceback (most recent call last):
        ...
    symmetry.language.errors.SpecificationError: 'd' is a set index
    only the values of positional indices are neighbours in an order: layer
    """
    tensors, sections = space.declarations({})
    for name in names:
        index = space.index(name)
        if not isinstance(index, PositionalIndex):
            known = ", ".join(one.name for one in space.indices if isinstance(one, PositionalIndex)) or "there are none"
            raise SpecificationError(
                f"{name!r} is a {index.noun} index",
                remedy=f"only the values of positional indices are neighbours in an order: {known}",
            )
        sections[index.section][name] = OrderedIndex(name, index.size).of_size(index.size)
    return WeightSpace(tensors, **sections)
