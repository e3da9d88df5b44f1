"""What two specifications of the same tensors disagree about, in words.

Tensors are matched by name and axes leaf by leaf: two specifications agree where the leaves of one are those of the
other under other names. Where one has a family of tensors that the other has tensor by tensor, both are written out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from symmetry.kinds.index import Index
from symmetry.language.axes import Atom, Expression, Product, Sum, print_axes
from symmetry.space.declarations import Tensor
from symmetry.space.elements import group_order
from symmetry.space.families import without_families
from symmetry.space.group import movers
from symmetry.space.layout import expression_size
from symmetry.space.weight_space import WeightSpace

__all__ = ["differences"]

LARGEST = 1e5
"""The largest logarithm of a group's order at which orders are divided exactly."""


@dataclass(frozen=True, slots=True)
class Place:
    """A leaf of a tensor's axes, as two specifications have it: the names of its index, "" for an anonymous one."""

    where: str
    first: Atom
    second: Atom


def differences(first: WeightSpace, second: WeightSpace) -> list[str]:
    """What two specifications disagree about.

    Parameters
    ----------
    first, second
        Weight spaces of the same networks. Names of indices do not matter.

    Returns
    -------
    list[str]
        A sentence for each difference; empty where the two declare the same, up to names and to which tensors are
        written as families over positional indices.

    Examples
    --------
    >>> tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h"}
    >>> right = WeightSpace(tensors, sets={"h": 4}, free={"x": 2, "y": 1})
    >>> wrong = WeightSpace({**tensors, "2.weight": "y k"}, sets={"h": 4, "k": 4}, free={"x": 2, "y": 1})
    >>> print(*differences(right, wrong), sep="\\n")
    'h' of the first is several indices of the second: 'h' (first in 0.weight), 'k' (first in 2.weight)
    the group of the second has 24 times as many elements
    """
    if {tensor.members for tensor in first} != {tensor.members for tensor in second}:
        first, second = without_families(first).space, without_families(second).space
    theirs = {tensor.members: tensor for tensor in second}
    ours = {tensor.members: tensor for tensor in first}
    found = [f"{tensor.name!r} is only in the first" for members, tensor in ours.items() if members not in theirs]
    found += [f"{tensor.name!r} is only in the second" for members, tensor in theirs.items() if members not in ours]
    places: list[Place] = []
    for members, tensor in ours.items():
        if members in theirs:
            found += matched(tensor, theirs[members], first.sizes, second.sizes, places)
    found += kinds_apart(first, second, places)
    found += split_indices(places, "first", "second")
    found += split_indices([Place(one.where, one.second, one.first) for one in places], "second", "first")
    return [*found, *orders_apart(first, second)]


def matched(
    ours: Tensor, theirs: Tensor, sizes: Mapping[str, int], others: Mapping[str, int], places: list[Place]
) -> Iterator[str]:
    """The axes of one tensor compared; leaves that stand for each other are added to `places`."""
    if ours.shape != theirs.shape:
        yield f"{ours.name!r} has shape {ours.shape} in the first and {theirs.shape} in the second"
        return
    for number, (one, other) in enumerate(zip(ours.axes, theirs.axes, strict=True)):
        number -= len(ours.family.numbers)
        where = f"{ours.name}, {f'axis {number}' if number >= 0 else 'its numbers'}"
        pairs = list(leaf_pairs(one, other, sizes, others))
        if None in pairs:
            texts = print_axes([one]), print_axes([other])
            yield f"{where}: '{texts[0]}' in the first and '{texts[1]}' in the second"
        places += [Place(where, *pair) for pair in pairs if pair is not None]


def leaf_pairs(
    one: Expression, other: Expression, sizes: Mapping[str, int], others: Mapping[str, int]
) -> Iterator[tuple[Atom, Atom] | None]:
    """The leaves of two axes that stand for each other; None where the axes are built in another way."""
    if isinstance(one, Atom) and isinstance(other, Atom):
        yield one, other
        return
    parts, rest = children(one), children(other)
    lengths = [expression_size(part, sizes) for part in parts], [expression_size(part, others) for part in rest]
    if type(one) is type(other) and lengths[0] == lengths[1]:
        for part, its in zip(parts, rest, strict=True):
            yield from leaf_pairs(part, its, sizes, others)
    else:
        yield None


def children(axis: Expression) -> tuple[Expression, ...]:
    """The parts of a product or a concatenation; a leaf by itself."""
    return axis.items if isinstance(axis, Product) else axis.terms if isinstance(axis, Sum) else (axis,)


def kinds_apart(first: WeightSpace, second: WeightSpace, places: list[Place]) -> Iterator[str]:
    """Indices of other kinds, with other parents, and occurrences with other charges; each pair of indices once."""
    seen: set[tuple[str, str]] = set()
    for place in places:
        ours, theirs = kind(first, place.first), kind(second, place.second)
        pair = place.first.name or place.where, place.second.name or place.where
        if pair not in seen and ours != theirs:
            yield f"{said(place.first)} ({place.where}) is {ours} in the first, {theirs} in the second"
        if ours == theirs and place.first.charge != place.second.charge:
            charges = f"charge {place.first.charge} in the first and {place.second.charge} in the second"
            yield f"{said(place.first)} ({place.where}) has {charges}"
        seen.add(pair)


def said(atom: Atom) -> str:
    """An index in words."""
    return repr(atom.name) if atom.name else f"an index of {atom.size}"


def kind(space: WeightSpace, atom: Atom) -> str:
    """The kind of an index in words, without its name: what acts on it, and within how many copies."""
    index: Index | None = space.index(atom.name) if atom.name else None
    if index is None or index.free:
        return "free"
    noun = f"{index.noun} ({index.action.symbol})" if index.action and not index.embedded else index.noun
    if index.parent is None:
        return noun
    above = [space.index(one.name) for one in space.lineage(index)[:-1]]
    return f"{noun} nested in {' in '.join(f'{one.noun} {one.size}' for one in reversed(above))}"


def split_indices(places: list[Place], here: str, there: str) -> Iterator[str]:
    """Indices that are one in the specification `here`, the first of each place, and several in the one `there`.

    Free indices of one size are no difference: nothing acts on them.
    """
    partners: dict[str, dict[str, str]] = {}
    for place in places:
        if place.first.name and place.second.name:
            partners.setdefault(place.first.name, {}).setdefault(place.second.name, place.where.partition(",")[0])
    for name, found in partners.items():
        if len(found) > 1:
            shown = ", ".join(f"{other!r} (first in {tensor})" for other, tensor in found.items())
            yield f"{name!r} of the {here} is several indices of the {there}: {shown}"


def orders_apart(first: WeightSpace, second: WeightSpace) -> Iterator[str]:
    """How much larger the group of one of the spaces is."""
    logarithms = [
        sum(action.log_order(copies) for action, copies in movers(space, positional=False).values())
        for space in (first, second)
    ]
    if logarithms[0] == logarithms[1]:
        return
    larger = "first" if logarithms[0] > logarithms[1] else "second"
    if not math.isfinite(max(logarithms)):
        if not math.isfinite(min(logarithms)):
            return
        yield f"the group of the {larger} has infinitely many elements, the other's has not"
    elif max(logarithms) < LARGEST:
        factor = Fraction(group_order(first), group_order(second))
        factor = max(factor, 1 / factor)
        if factor == 1:
            return
        digits = math.log10(factor.numerator) - math.log10(factor.denominator)
        whole = f"{factor.numerator:,}" if factor.denominator == 1 and digits < 15 else f"10^{digits:,.1f}"
        yield f"the group of the {larger} has {whole} times as many elements"
    elif abs(logarithms[0] - logarithms[1]) > 1e-6 * max(logarithms):
        digits = abs(logarithms[0] - logarithms[1]) / math.log(10)
        yield f"the group of the {larger} has 10^{digits:,.0f} times as many elements"
