"""Companions: tensors beside those that a group's representation turns, on which functions of entries are allowed.

What a kind of index leaves alone of an entry says how entries may be scaled; a representation offers more. The regular
representation of a finite group permutes its values, so a tensor over it admits every function of its entries, and
equivariant linear maps lead there from any other representation of the group, and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from layergen.features import Features, observed
from layergen.nn.entries import Pieces
from symmetry.groups.groups import find_group
from symmetry.kinds.index import Invariant
from symmetry.kinds.representation import RepresentationIndex
from symmetry.language.axes import Atom, Expression, Product, Sum, print_axes
from symmetry.language.names import fresh_name
from symmetry.space.weight_space import WeightSpace, resized

__all__ = ["Companions", "with_companions"]

LARGEST = 60
"""The most elements of a group whose regular representation is among the features: those of the icosahedral one."""


def with_companions(space: WeightSpace) -> tuple[WeightSpace, dict[str, str], dict[str, str]]:
    """The space with a companion beside each tensor that a group turns, on which functions of entries are allowed.

    Where the groups are finite and of at most 60 elements, the companion has their regular representations in place of
    the indices that they turn; elsewhere its axes have length 1 there, for lengths. Equivariant maps lead from a
    companion of either sort to every tensor over its sets.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    tuple of WeightSpace, dict and dict
        The space with the companions, or `space` itself if it needs none; the names of the companions over regular
        representations, by tensor; the names of those for lengths, by tensor.

    Examples
    --------
    >>> xy = {"group": "C4", "representation": "standard"}
    >>> wide, regular, lengths = with_companions(WeightSpace({"w": "h xy"}, sets={"h": 3}, representations={"xy": xy}))
    >>> regular, lengths, wide["w regular"].shape
    ({'w': 'w regular'}, {}, (3, 4))
    >>> with_companions(WeightSpace({"b": "h"}, sets={"h": 3}))[1:]
    ({}, {})
    """
    turned, (tensors, sections) = turning_groups(space), space.declarations({})
    regular, lengths = dict[str, str](), dict[str, str]()
    for tensor in space:
        positions = [position for piece in tensor.pieces for position in piece.positions]
        groups = dict.fromkeys(turned[p.index.name] for p in positions if p.index.name in turned)
        small = all(group.finite and len(group.elements) <= LARGEST for group in map(find_group, groups))
        signed = any(p.index.invariant(p.charge) is Invariant.MAGNITUDE for p in positions)
        if groups and (small or not signed):  # lengths have no sign
            (regular if small else lengths)[tensor.name] = beside = f"{tensor.name} {'regular' if small else 'length'}"
            stands = {group: regular_name(group, space) for group in groups if small}
            tensors[beside] = print_axes(replaced(tensor.axes, turned, stands))
            declared = {name: {"group": group, "representation": "regular"} for group, name in stands.items()}
            sections[RepresentationIndex.section] |= declared
    return WeightSpace(tensors, **sections) if regular or lengths else space, regular, lengths


def turning_groups(space: WeightSpace) -> dict[str, str]:
    """The group of each representation index whose values it does not only permute."""
    acted = {index.name: index.acting for index in space.indices if index.invariant() is not Invariant.ENTRY}
    return {name: acting.group.name for name, acting in acted.items() if acting is not None}


def regular_name(group: str, space: WeightSpace) -> str:
    """A name that no index of a space has, for the regular representation of a group."""
    return fresh_name(f"{group}_regular", {index.name for index in space.indices})


def replaced(
    axes: Sequence[Expression], turned: Mapping[str, str], stands: Mapping[str, str]
) -> tuple[Expression, ...]:
    """Axes with `stands[group]` in place of the first index that a group turns, and 1 in place of its others."""
    seen: set[str] = set()

    def of(axis: Expression) -> Expression:
        if isinstance(axis, Atom):
            group = turned.get(axis.name)
            if group is None:
                return axis
            first = group in stands and group not in seen
            seen.add(group)
            return Atom(stands[group]) if first else Atom("", 1)
        if isinstance(axis, Product):
            return Product(tuple(map(of, axis.items)))
        before, terms = set(seen), []
        for term in axis.terms:  # each is in a piece of its own
            seen.clear()
            seen.update(before)
            terms.append(of(term))
        return Sum(tuple(terms))

    return tuple(map(of, axes))


class Companions(nn.Module):
    """Add to features the companions that `with_companions` names: zeros, and the lengths of what a group turns.

    Takes features of `space`, `{tensor: (batch, *axes, channels)}`, and gives them with those of the companions.

    Parameters
    ----------
    space
        The weight space of the features. The module's own `space` is that with the companions, `regular` and `lengths`
        name them by tensor.

    Examples
    --------
    >>> import torch
    >>> xyz = {"group": "SO(3)", "representation": "standard"}
    >>> companions = Companions(WeightSpace({"w": "h xyz"}, sets={"h": 3}, representations={"xyz": xyz}))
    >>> companions({"w": torch.ones(5, 3, 3, 2)})["w length"].shape
    torch.Size([5, 3, 1, 2])
    """

    def __init__(self, space: WeightSpace) -> None:
        super().__init__()
        self.own, self.pieces = space, Pieces(space)
        self.space, self.regular, self.lengths = with_companions(space)

    def forward(self, x: Features) -> Features:
        if self.space is self.own:
            return x
        seen = observed(self.own, x)
        wide = self.space if seen is self.own else resized(self.space, tuple(seen.sizes.items()))
        found = dict(x)
        for name, beside in self.regular.items():
            found[beside] = x[name].new_zeros(x[name].shape[0], *wide[beside].shape, x[name].shape[-1])
        lengths = self.pieces.map(
            lambda _, e, part: e.argument(part).to(part.dtype), x, [(name,) for name in self.lengths]
        )
        return found | {self.lengths[name]: value for name, value in lengths.items()}
