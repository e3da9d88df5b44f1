"""Tensors over representation indices: what may be done to their entries, and what takes its place.

A function of single entries commutes with a group's action only where every element permutes the entries. Elsewhere
entries are scaled, by functions of their length along the representation: those are left alone by the group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from layergen.plan.widths import observed_space, resized
from symmetry.axes import Atom, Expression, Product, Sum, print_axes
from symmetry.errors import SpecificationError
from symmetry.indices import KINDS, RepresentationIndex
from symmetry.layout import take_apart
from symmetry.weight_space import Tensor as Declared
from symmetry.weight_space import WeightSpace

__all__ = [
    "Gated",
    "Lengths",
    "NormPointwise",
    "by_piece",
    "check_pointwise",
    "observed",
    "own_length",
    "turned_indices",
    "turned_tensors",
    "with_lengths",
]

Features = dict[str, Tensor]
ByDims = Callable[..., Tensor]
"""A function of pieces, axes `(batch, *positions, channels)`, and last of the dimensions that a group turns."""

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


def with_lengths(space: WeightSpace) -> tuple[WeightSpace, dict[str, str]]:
    """The space with a tensor beside each that a group turns, for its lengths; and the names of those.

    A tensor of lengths has the same axes, 1 in place of what is turned: equivariant maps take it to every tensor over
    its sets, where none takes the turned tensor itself.

    >>> with_lengths(WeightSpace({"b": "h"}, sets={"h": 3}))[1]
    {}
    """
    turned, names = turned_indices(space), {name: f"{name} length" for name in turned_tensors(space)}
    if not names:
        return space, {}
    tensors = {tensor.name: print_axes(tensor.axes) for tensor in space}
    tensors |= {beside: print_axes(tuple(flat(a, turned) for a in space[name].axes)) for name, beside in names.items()}
    sections: dict[str, dict[str, object]] = {kind.section: {} for kind in KINDS}
    for index in space.indices:
        sections[index.section][index.name] = index.of_size(index.size)
    return WeightSpace(tensors, **sections), names  # type: ignore[arg-type]


def flat(axis: Expression, turned: Collection[str]) -> Expression:
    """An axis with 1 in place of the indices that are turned."""
    match axis:
        case Atom():
            return Atom("", 1) if axis.name in turned else axis
        case Product():
            return Product(tuple(flat(item, turned) for item in axis.items))  # type: ignore[misc]
        case Sum():
            return Sum(tuple(flat(term, turned) for term in axis.terms))  # type: ignore[misc]


class Lengths(nn.Module):
    """Add to features the lengths of what a group turns, under the names that `with_lengths` gives."""

    def __init__(self, space: WeightSpace) -> None:
        super().__init__()
        self.turned = turned_indices(space)
        self.space, self.names = with_lengths(space)
        self.own = space

    def forward(self, x: Features) -> Features:
        if not self.names:
            return x
        seen, wide = observed(self.own, x), self.space
        if seen is not self.own:
            wide = resized(wide, tuple((index.name, index.size) for index in seen.indices))
        found = dict(x)
        for name, beside in self.names.items():
            found[beside] = by_piece(self.turned, own_length, wide[beside], (wide[name], x[name]))
        return found


def own_length(part: Tensor, dims: Sequence[int]) -> Tensor:
    """The length of a piece along what is turned; a piece of which nothing is, is its own."""
    return length(part, dims).to(part.dtype) if dims else part


class Scaling(nn.Module):
    """A function of entries where that is equivariant, a learned scaling by lengths where it is not."""

    def __init__(self, space: WeightSpace, channels: int, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.space, self.function = space, function
        self.turned, self.tensors = turned_indices(space), turned_tensors(space)
        self.scale = nn.Parameter(torch.ones(len(self.tensors), channels))
        self.shift = nn.Parameter(torch.zeros(len(self.tensors), channels))

    def forward(self, x: Features) -> Features:
        found = {name: value if name in self.tensors else self.function(value) for name, value in x.items()}
        if self.tensors:
            space = observed(self.space, x)
            for name, scale, shift in zip(self.tensors, self.scale, self.shift, strict=True):
                scaled = self.scaled(scale, shift)
                found[name] = by_piece(self.turned, scaled, space[name], (space[name], x[name]))
        return found

    def scaled(self, scale: Tensor, shift: Tensor) -> ByDims:
        """What happens to a piece of a tensor with such parameters."""

        def act(part: Tensor, dims: list[int]) -> Tensor:
            if not dims:
                return self.function(part)
            return part * self.factor(length(part, dims), scale, shift).to(part.dtype)

        return act

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """What entries of some lengths are multiplied with."""
        raise NotImplementedError


class NormPointwise(Scaling):
    """Entries that a group turns get the length `function(scale · length + shift)`, the others `function` of theirs.

    The norm nonlinearity of Worrall et al. (2017).
    """

    def factor(self, lengths: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return self.function(scale * lengths + shift) / lengths


class Gated(Scaling):
    """Entries that a group turns times `sigmoid(scale · length + shift)`, the others through `function`.

    The gates of Weiler et al. (2018), each from its own field's length. Without representation indices it is
    `Pointwise(function)`. Where `space` has tensors of lengths, named by `lengths` as `with_lengths` gives them, these
    are the gates in place of the field's own, and what they become takes up the lengths: through them other tensors
    decide how much of a field passes, and hear of it.
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
        if self.lengths:  # the gates, made by a layer with biases, need none
            self.register_parameter("shift", None)

    def forward(self, x: Features) -> Features:
        if not self.lengths:
            return super().forward(x)
        space = observed(self.space, x)
        beside = {*self.lengths.values(), *self.lengths}
        found = {name: value if name in beside else self.function(value) for name, value in x.items()}
        for number, (name, gate) in enumerate(self.lengths.items()):
            fields, gates = (space[name], x[name]), (space[gate], x[gate])
            found[name] = by_piece(self.turned, self.passed, space[name], fields, gates)
            found[gate] = by_piece(self.turned, self.heard(self.scale[number]), space[gate], fields, gates)
        return found

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
