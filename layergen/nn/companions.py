"""Companions: tensors beside those whose entries a group multiplies, on which functions of single entries are allowed.

On a tensor over a representation whose matrices are no permutations, only the length of the entries may enter
functions. A companion offers more. The regular representation of a finite group permutes its values, so that a tensor
over it admits every function of its entries, and equivariant linear maps lead there from any other representation of
the group, and back. Elsewhere a companion holds invariants: it has the tensor's axes with neutral charges, and length 1
in place of vectors. Products of the tensor's entries with others that transform against them lead there
(`layergen.nn.contraction`), and gates back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from layergen.features import Features, observed
from layergen.nn.entries import Pieces
from symmetry.groups.groups import find_group
from symmetry.kinds.index import Invariant
from symmetry.kinds.representation import RepresentationIndex
from symmetry.language.axes import Atom, Expression, Product, Sum, print_axes, substitute
from symmetry.language.families import literal_name
from symmetry.language.names import fresh_name
from symmetry.space.weight_space import WeightSpace, resized

__all__ = ["Companions", "with_companions"]

LARGEST = 60
"""The most elements that a group may have for its regular representation to be used, as many as the icosahedral one."""


def with_companions(space: WeightSpace) -> tuple[WeightSpace, dict[str, str], dict[str, str]]:
    """The space with companions, tensors beside those on which a group does more than permute entries.

    Functions of single entries are allowed on companions. Where the groups are finite and have at most 60 elements, a
    companion has their regular representations in place of the indices on which they act; elsewhere it is for lengths
    and other invariants: its axes have length 1 in place of these indices and of vectors, and neutral charges.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    tuple of WeightSpace, dict and dict
        The space with the companions, or `space` itself if it needs none; the names of the companions over regular
        representations, by tensor; the names of the companions for lengths, by tensor.

    Examples
    --------
    >>> xy = {"group": "C4", "representation": "standard"}
    >>> wide, regular, lengths = with_companions(WeightSpace({"w": "h xy"}, sets={"h": 3}, representations={"xy": xy}))
    >>> regular, lengths, wide["w regular"].shape
    ({'w': 'w regular'}, {}, (3, 4))
    >>> with_companions(WeightSpace({"b": "h"}, sets={"h": 3}))[1:]
    ({}, {})
    """
    acted, (tensors, sections) = acting_groups(space), space.declarations({})
    regular, lengths = dict[str, str](), dict[str, str]()
    for tensor in space:
        positions = [position for piece in tensor.pieces for position in piece.positions]
        groups = dict.fromkeys(acted[p.index.name] for p in positions if p.index.name in acted)
        small = all(group.finite and len(group.elements) <= LARGEST for group in map(find_group, groups))
        beyond = any(p.index.acting is None and p.index.invariant(p.charge) is not Invariant.ENTRY for p in positions)
        if not groups and not beyond:
            continue
        small = small and not beyond  # linear maps do not lead to them from what changes its sign or its scale
        (regular if small else lengths)[tensor.name] = beside = named_beside(tensor.name, small)
        stands = {group: regular_name(group, space) for group in groups if small}
        tensors[beside] = print_axes(replaced(neutral_axes(space, tensor.axes), acted, stands))
        declared = {name: {"group": group, "representation": "regular"} for group, name in stands.items()}
        sections[RepresentationIndex.section] |= declared
    return WeightSpace(tensors, **sections) if regular or lengths else space, regular, lengths


def named_beside(name: str, regular: bool) -> str:
    """A name for the companion of a tensor; that of a family has all of its axes written out."""
    return literal_name(f"{name} {'regular' if regular else 'length'}")


def neutral_axes(space: WeightSpace, axes: Sequence[Expression]) -> tuple[Expression, ...]:
    """Axes with neutral charges; an index without a neutral charge, on which no representation acts, becomes 1."""

    def of(atom: Atom) -> Atom:
        index = space.index(atom.name) if atom.name else None
        if index is None or index.acting is not None or index.invariant(atom.charge) is Invariant.ENTRY:
            return atom
        return Atom("", 1) if index.neutral is None else replace(atom, charge=index.neutral)

    return tuple(substitute(axis, of) for axis in axes)


def acting_groups(space: WeightSpace) -> dict[str, str]:
    """By name, the group of each representation index on which it does more than permute the values."""
    actings = {index.name: index.acting for index in space.indices if index.invariant() is not Invariant.ENTRY}
    return {name: acting.group.name for name, acting in actings.items() if acting is not None}


def regular_name(group: str, space: WeightSpace) -> str:
    """A name for a group's regular representation that no index of a space has."""
    return fresh_name(f"{group}_regular", {index.name for index in space.indices})


def replaced(axes: Sequence[Expression], acted: Mapping[str, str], stands: Mapping[str, str]) -> tuple[Expression, ...]:
    """Axes in which `stands[group]` takes the place of the first index of a group, and 1 that of its further indices.

    `acted` names the group of an index; indices that it does not name stay.
    """
    seen: set[str] = set()

    def of(axis: Expression) -> Expression:
        if isinstance(axis, Atom):
            group = acted.get(axis.name)
            if group is None:
                return axis
            first = group in stands and group not in seen
            seen.add(group)
            return Atom(stands[group]) if first else Atom("", 1)
        if isinstance(axis, Product):
            return Product(tuple(map(of, axis.items)))
        before, terms = set(seen), []
        for term in axis.terms:  # each summand is in a piece of its own
            seen.clear()
            seen.update(before)
            terms.append(of(term))
        return Sum(tuple(terms))

    return tuple(map(of, axes))


class Companions(nn.Module):
    """Add to features the companions that `with_companions` declares.

    Companions over regular representations begin as zeros, companions for lengths with the lengths of the entries of
    their tensor. Takes features of `space`, `{tensor: (batch, *axes, channels)}`, and gives them together with the
    companions.

    Parameters
    ----------
    space
        The weight space of the features. The module's attribute `space` is the weight space with the companions; its
        attributes `regular` and `lengths` name the companions by tensor.

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
            lambda _, e, values: e.argument(values).to(values.dtype), x, [(name,) for name in self.lengths]
        )
        return found | {self.lengths[name]: value for name, value in lengths.items()}
