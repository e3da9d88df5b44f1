"""Which sets' sizes a layer reads from its input, and which it is bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from layergen.plan.lowering import positions_by_set
from symmetry.language.axes import Atom, Expression, Product, Sum, concatenation, product
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.layout import expression_size
from symmetry.space.weight_space import WeightSpace

__all__ = ["Reading", "observed_space", "orders", "readings", "resized"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The size of a set is (length of axis `axis` of `tensor` - rest) / factor; `rest`, `factor` are expressions."""

    name: str
    tensor: str
    axis: int
    factor: Expression
    rest: tuple[Expression, ...]


def orders(maps: EquivariantMaps) -> dict[str, int]:
    """For each set the size from which the number of diagrams no longer depends on it."""
    sources, targets = positions_by_set(maps.source.pieces), positions_by_set(maps.target.pieces)
    names = [index.name for space in (maps.source, maps.target) for index in space.indices if index.permuted]
    return {name: sources.get(name, 0) + targets.get(name, 0) for name in dict.fromkeys(names)}


def readings(maps: EquivariantMaps) -> tuple[list[Reading], list[str]]:
    """How to read the sets' sizes from the input, in order, and the sets that stay at their declared sizes.

    A set stays where it is smaller than its order, where the source does not show it, or where the axes that show
    it leave it open: in `(head dk)` alone, one of the two stays and the other is read.
    """
    order = orders(maps)
    sizes = {index.name: index.size for space in (maps.source, maps.target) for index in space.indices}
    small = [name for name in order if sizes[name] < order[name]]
    found, more = resolve(maps, {name for name in sizes if name not in order} | set(small), list(order))
    return found, [name for name in order if name in {*small, *more}]


def resolve(maps: EquivariantMaps, known: set[str], names: list[str]) -> tuple[list[Reading], list[str]]:
    """Readings of the sets not known yet, and those to fix so that the others can be read.

    Where the axes leave several open, the one is fixed that lets the most others be read.
    """
    found = follow(maps, known)
    fixed: list[str] = []
    while left := [name for name in names if name not in known | {reading.name for reading in found} | set(fixed)]:
        options = [(name, follow(maps, known | {reading.name for reading in found} | {*fixed, name})) for name in left]
        name, more = max(reversed(options), key=lambda option: len(option[1]))
        fixed.append(name)
        found += more
    return found, fixed


def follow(maps: EquivariantMaps, known: set[str]) -> list[Reading]:
    """The sets that can be read one after the other once some are known."""
    found: list[Reading] = []
    known = set(known)
    while reading := next_reading(maps, known):
        found.append(reading)
        known.add(reading.name)
    return found


def next_reading(maps: EquivariantMaps, known: set[str]) -> Reading | None:
    """The first axis, simplest first, that determines one further set."""
    candidates = [
        (tensor.name, axis, expression) for tensor in maps.source for axis, expression in enumerate(tensor.axes)
    ]
    for tensor, axis, expression in sorted(candidates, key=lambda candidate: not isinstance(candidate[2], Atom)):
        solved = solve(expression, known)
        if solved is not None:
            return Reading(solved[0], tensor, axis, solved[1], solved[2])
    return None


def solve(expression: Expression, known: set[str]) -> tuple[str, Expression, tuple[Expression, ...]] | None:
    """The one unknown set of an axis, its factor and the terms without it; None if it is not linear in one set."""
    terms = expression.terms if isinstance(expression, Sum) else (expression,)
    unknown = unknown_names(expression, known)
    if len(unknown) != 1:
        return None
    factors = []
    for term in terms:
        items = term.items if isinstance(term, Product) else (term,)
        open_items = [item for item in items if unknown_names(item, known)]
        if len(open_items) > 1 or any(not isinstance(item, Atom) for item in open_items):
            return None
        if open_items:
            factors.append(product([item for item in items if item is not open_items[0]]))
    return unknown.pop(), concatenation(factors), tuple(term for term in terms if not unknown_names(term, known))


@lru_cache(maxsize=256)
def source_readings(space: WeightSpace) -> tuple[Reading, ...]:
    """How a space's own sizes are read from its tensors."""
    return tuple(readings(EquivariantMaps(space))[0])


def observed_space(space: WeightSpace, shapes: Mapping[str, Sequence[int]]) -> WeightSpace:
    """The space with the sizes that some arrays show, `shapes` being those of their axes."""
    if all(tuple(shapes[tensor.name]) == tensor.shape for tensor in space):
        return space
    indices = {index.name: index for index in space.indices}
    for reading in source_readings(space):
        rest = sum(expression_size(term, indices) for term in reading.rest)
        size = (shapes[reading.tensor][reading.axis] - rest) // expression_size(reading.factor, indices)
        indices[reading.name] = replace(indices[reading.name], size=size)
    return resized(space, tuple((name, index.size) for name, index in indices.items()))


@lru_cache(maxsize=256)
def resized(space: WeightSpace, sizes: tuple[tuple[str, int], ...]) -> WeightSpace:
    """`space.resized`, remembered."""
    return space.resized(dict(sizes))


def unknown_names(expression: Expression, known: set[str]) -> set[str]:
    """The names in an expression that are not known yet."""
    match expression:
        case Atom():
            return {expression.name} - known - {""}
        case Product():
            return set().union(*(unknown_names(item, known) for item in expression.items))
        case Sum():
            return set().union(*(unknown_names(term, known) for term in expression.terms))
