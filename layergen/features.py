"""Features, which layers take and give: the tensors of some networks, the sizes they show, and their pieces."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from symmetry.language.families import parse_name
from symmetry.space.layout import Layout, Leaf, Split, Unflatten
from symmetry.space.weight_space import WeightSpace

__all__ = ["Features", "joined", "members_of", "observed"]

Features = dict[str, Tensor]
"""The tensors of some networks by name, each `(batch, *axes, channels)`: `channels` numbers an entry."""


def observed(space: WeightSpace, x: Features) -> WeightSpace:
    """A space at the sizes that some features have.

    Parameters
    ----------
    space
        The weight space of the features.
    x
        Features, `{tensor: (batch, *axes, channels)}`.

    Returns
    -------
    WeightSpace
        The same declarations with the features' sizes, or `space` itself where these are the declared ones. A set
        whose size the shapes leave open keeps its declared size.

    Raises
    ------
    SpecificationError
        If no sizes of the indices give the features' shapes.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x"}, sets={"h": 8}, free={"x": 2})
    >>> observed(space, {"w": torch.zeros(5, 3, 2, 1)}).sizes
    {'h': 3, 'x': 2}
    """
    return space.observed({name: value.shape[1:-1] for name, value in x.items()})


def members_of(name: str, value: Tensor, lead: int = 0) -> dict[str, Tensor]:
    """The tensors by the names that a `state_dict` has for them, from one that may stand for a family of them.

    Parameters
    ----------
    name
        The name of a tensor of a weight space.
    value
        The tensor, `(…, *axes, …)`.
    lead
        The number of dimensions before the axes.

    Returns
    -------
    dict of Tensor
        For each member of a family its part, without the axes of the family; else the tensor itself.

    Examples
    --------
    >>> list(members_of("blocks.{layer+1}.bias", torch.zeros(2, 8)))
    ['blocks.1.bias', 'blocks.2.bias']
    >>> members_of("blocks.{layer}.bias", torch.zeros(5, 2, 8, 1), lead=1)["blocks.0.bias"].shape
    torch.Size([5, 8, 1])
    """
    family = parse_name(name)
    stacked = len(family.numbers)
    lengths = value.shape[lead : lead + stacked]
    parts = value.flatten(lead, lead + stacked - 1).unbind(lead) if stacked else (value,)
    return dict(zip(family.members(lengths), parts, strict=True))


def joined(layout: Layout, pieces: Iterator[Tensor]) -> Tensor:
    """The tensor that some pieces make up; the inverse of `symmetry.space.layout.take_apart`.

    Parameters
    ----------
    layout
        How the axes of the tensor are split into pieces and flattened.
    pieces
        The pieces in order, each `(batch, *positions, channels)`.

    Returns
    -------
    Tensor
        The tensor, `(batch, *axes, channels)`.

    Examples
    --------
    >>> space = WeightSpace({"w": "(h + 1)"}, sets={"h": 2})
    >>> joined(space["w"].layout, iter([torch.zeros(5, 2, 4), torch.ones(5, 1, 4)])).shape
    torch.Size([5, 3, 4])
    """
    match layout:
        case Leaf():
            return next(pieces)
        case Unflatten():
            below, dim = joined(layout.below, pieces), layout.dim + 1
            before, after = below.shape[:dim], below.shape[dim + len(layout.sizes) :]
            return below.reshape(*before, below.shape[dim : dim + len(layout.sizes)].numel(), *after)
        case Split():
            return torch.cat([joined(branch, pieces) for branch in layout.branches], dim=layout.dim + 1)
