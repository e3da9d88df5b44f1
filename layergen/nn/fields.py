"""Tensors over representation indices: what may be done to their entries, and what takes its place.

A function of single entries commutes with a group's action only where every element permutes the entries. Elsewhere
entries are scaled, by functions of their length along the representation: those are left alone by the group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from layergen.plan.widths import observed_space, resized
from symmetry.groups.groups import find_group
from symmetry.kinds.indices import RepresentationIndex
from symmetry.language.axes import Atom, Expression, Product, Sum, print_axes
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import take_apart
from symmetry.space.weight_space import Tensor as Declared
from symmetry.space.weight_space import WeightSpace

__all__ = [
    "Companions",
    "Gated",
    "NormPointwise",
    "by_piece",
    "check_pointwise",
    "observed",
    "own_length",
    "turned_indices",
    "turned_tensors",
    "with_companions",
]

Features = dict[str, Tensor]
ByDims = Callable[..., Tensor]
"""A function of pieces, axes `(batch, *positions, channels)`, and last of the dimensions that a group turns."""

LARGEST = 60
"""The most elements of a group whose regular representation is among the features: those of the icosahedral one."""
SMALLEST = 1e-12
"""Added to squares of lengths, so that roots have gradients at nought."""


def turned_indices(space: WeightSpace) -> frozenset[str]:
    """The indices on which a group acts otherwise than by permuting their values."""
    acted = (index for index in space.indices if isinstance(index, RepresentationIndex))
    return frozenset(index.name for index in acted if not index.acting.permutes)


def turned_tensors(space: WeightSpace) -> tuple[str, ...]:
    """The tensors on which functions of single entries are not equivariant."""
    turned = turned_indices(space)
    over = (piece.tensor for piece in space.pieces for p in piece.positions if p.index.name in turned)
    return tuple(dict.fromkeys(over))


def check_pointwise(space: WeightSpace, what: str) -> None:
    """Raise `SpecificationError` if an index of a space forbids functions of single entries."""
    for index in space.indices:
        if isinstance(index, RepresentationIndex) and not index.acting.permutes:
            raise SpecificationError(
                f"{what} is not equivariant: {index.group} acts on the index {index.name!r} and does not permute its "
                "values",
                part=f'tensor "{next(t.name for t in space if t.name in turned_tensors(space))}"',
                remedy="use layergen.nn.Gated or NormPointwise; pointwise functions need permutation representations",
            )


def observed(space: WeightSpace, x: Mapping[str, Tensor]) -> WeightSpace:
    """The space with the sizes of some features."""
    return observed_space(space, {name: value.shape[1:-1] for name, value in x.items()})


def by_piece(turned: Collection[str], function: ByDims, into: Declared, *given: tuple[Declared, Tensor]) -> Tensor:
    """A tensor each of whose pieces is a function of those of some tensors, which have pieces alike.

    The first of the tensors says which dimensions are turned, those over the indices `turned`.
    """
    parts = []
    for pieces in zip(*(take_apart(tensor.layout, x, lead=1) for tensor, x in given), strict=True):
        dims = [place + 1 for place, p in enumerate(pieces[0][0].positions) if p.index.name in turned]
        parts.append(function(*(part for _, part in pieces), dims))
    whole = parts[0].new_empty(given[0][1].shape[0], *into.shape, parts[0].shape[-1])
    for part, (_, place) in zip(parts, take_apart(into.layout, whole, lead=1), strict=True):
        place.copy_(part)
    return whole


def length(x: Tensor, dims: Sequence[int]) -> Tensor:
    """The root mean square over some dimensions, which stay with size 1; of halves in single precision.

    Squares leave the range of halves, and so do the slopes of what is divided by a length.
    """
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    return (wide.square().mean(tuple(dims), keepdim=True) + SMALLEST).sqrt()


def with_companions(space: WeightSpace) -> tuple[WeightSpace, dict[str, str], dict[str, str]]:
    """The space with a companion beside each tensor that a group turns, on which functions of entries are allowed.

    Where the group is finite and of at most 60 elements, the companion has its regular representation in place of what
    is turned; else its axes have 1 there, for lengths. Either is taken by equivariant maps to every tensor over its
    sets. The names of the companions come by tensor, the regular ones and then those for lengths.

    >>> with_companions(WeightSpace({"b": "h"}, sets={"h": 3}))[1:]
    ({}, {})
    """
    turned, (tensors, sections) = turned_indices(space), space.declarations({})
    regular, lengths, added = dict[str, str](), dict[str, str](), dict[str, str]()
    for name in turned_tensors(space):
        indices = [p.index for piece in space[name].pieces for p in piece.positions if p.index.name in turned]
        groups = dict.fromkeys(index.group for index in indices if isinstance(index, RepresentationIndex))
        small = all(map(is_small, groups))
        (regular if small else lengths)[name] = beside = f"{name} {'regular' if small else 'length'}"
        stands = {group: regular_name(group, space) for group in groups} if small else {}
        added |= {stands[group]: group for group in stands}
        acting = {index.name: index.group for index in indices if isinstance(index, RepresentationIndex)}
        tensors[beside] = print_axes(replaced(space[name].axes, acting, stands))
    if not added and not lengths:
        return space, {}, {}
    regulars = {name: {"group": group, "representation": "regular"} for name, group in added.items()}
    sections[RepresentationIndex.section] |= regulars
    return WeightSpace(tensors, **sections), regular, lengths


def is_small(group: str) -> bool:
    """Whether a group's regular representation is small enough for features."""
    found = find_group(group)
    return found.finite and len(found.elements) <= LARGEST


def regular_name(group: str, space: WeightSpace) -> str:
    """A name that no index of a space has, for the regular representation of a group."""
    name = f"{group}_regular"
    while any(index.name == name for index in space.indices):
        name += "_"
    return name


def replaced(
    axes: Sequence[Expression], acting: Mapping[str, str], stands: Mapping[str, str]
) -> tuple[Expression, ...]:
    """Axes with what stands for a group in place of the first index that it turns, and 1 in place of the others."""
    seen: set[str] = set()

    def of(axis: Expression) -> Expression:
        if isinstance(axis, Atom):
            group = acting.get(axis.name)
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
    """Add to features the companions that `with_companions` names: zeros, and the lengths of what a group turns."""

    def __init__(self, space: WeightSpace) -> None:
        super().__init__()
        self.turned, self.own = turned_indices(space), space
        self.space, self.regular, self.lengths = with_companions(space)

    def forward(self, x: Features) -> Features:
        if self.space is self.own:
            return x
        seen, wide = observed(self.own, x), self.space
        if seen is not self.own:
            wide = resized(wide, tuple((index.name, index.size) for index in seen.indices))
        found = dict(x)
        for name, beside in self.regular.items():
            found[beside] = x[name].new_zeros(x[name].shape[0], *wide[beside].shape, x[name].shape[-1])
        for name, beside in self.lengths.items():
            found[beside] = by_piece(self.turned, own_length, wide[beside], (wide[name], x[name]))
        return found


def own_length(part: Tensor, dims: Sequence[int]) -> Tensor:
    """The length of a piece along what is turned; a piece of which nothing is, is its own."""
    return length(part, dims).to(part.dtype) if dims else part


class Scaling(nn.Module, ABC):
    """A function of entries where that is equivariant, a learned scaling by lengths where it is not."""

    def __init__(self, space: WeightSpace, channels: int, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.space, self.function = space, function
        self.turned, self.tensors = turned_indices(space), turned_tensors(space)
        self.scale = nn.Parameter(torch.ones(len(self.tensors), channels))
        self.shift = nn.Parameter(torch.zeros(len(self.tensors), channels))

    def forward(self, x: Features) -> Features:
        apart = self.apart()
        found = {n: self.function(value) for n, value in x.items() if n not in self.tensors and n not in apart}
        own = [(number, name) for number, name in enumerate(self.tensors) if name not in apart]
        if own:
            space = observed(self.space, x)
            for number, name in own:
                scaled = self.scaled(self.scale[number], self.shift[number])
                found[name] = by_piece(self.turned, scaled, space[name], (space[name], x[name]))
        return found

    def apart(self) -> Collection[str]:
        """The tensors that are not treated by themselves."""
        return ()

    def scaled(self, scale: Tensor, shift: Tensor) -> ByDims:
        """What happens to a piece of a tensor with such parameters."""

        def act(part: Tensor, dims: list[int]) -> Tensor:
            if not dims:
                return self.function(part)
            return part * self.factor(length(part, dims), scale, shift).to(part.dtype)

        return act

    @abstractmethod
    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """What entries of some lengths are multiplied with."""


class NormPointwise(Scaling):
    """Entries that a group turns get the length `function(scale · length + shift)`, the others `function` of theirs.

    The norm nonlinearity of Worrall et al. (2017).
    """

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return self.function(scale * lengths + shift) / lengths


class Gated(Scaling):
    """Entries that a group turns times `sigmoid(scale · length + shift)`, the others through `function`.

    The gates of Weiler et al. (2018), each from its own field's length. Without representation indices it is
    `Pointwise(function)`. Where `space` has companions for lengths, as `with_companions` names them, these are the
    gates in place of the field's own, and what they become takes up the lengths: through them other tensors decide how
    much of a field passes, and hear of it.
    """

    def __init__(
        self,
        space: WeightSpace,
        channels: int,
        function: Callable[[Tensor], Tensor],
        lengths: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(space, channels, function)
        self.lengths = dict(lengths or {})
        if set(self.tensors) <= set(self.lengths):  # gates that a layer with biases makes need none
            self.register_parameter("shift", None)

    def forward(self, x: Features) -> Features:
        found = super().forward(x)
        if self.lengths:
            space = observed(self.space, x)
            for name, gate in self.lengths.items():
                fields, gates = (space[name], x[name]), (space[gate], x[gate])
                found[name] = by_piece(self.turned, self.passed, space[name], fields, gates)
                heard = self.heard(self.scale[self.tensors.index(name)])
                found[gate] = by_piece(self.turned, heard, space[gate], fields, gates)
        return found

    def apart(self) -> Collection[str]:
        return {*self.lengths, *self.lengths.values()}

    def passed(self, part: Tensor, gate: Tensor, dims: list[int]) -> Tensor:
        """A piece times its gates."""
        return part * torch.sigmoid(gate) if dims else self.function(part)

    def heard(self, scale: Tensor) -> ByDims:
        """What becomes of gates: they take up the lengths."""

        def act(part: Tensor, gate: Tensor, dims: list[int]) -> Tensor:
            return self.function(gate + scale * own_length(part, dims))

        return act

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return torch.sigmoid(scale * lengths + shift)
