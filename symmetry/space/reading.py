"""The sizes of sets, read from the shapes of tensors, so that one layer serves every width."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from symmetry.language.axes import Atom, Expression, atoms, concatenation, factors, product, terms
from symmetry.language.errors import SpecificationError
from symmetry.space.layout import Piece, expression_size

if TYPE_CHECKING:
    from symmetry.space.weight_space import WeightSpace

__all__ = ["Reading", "check_observed", "observed_sizes", "orders", "positions_by_set", "readings"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule for the size of a set: (length of an axis − rest) / factor.

    Parameters
    ----------
    name
        Name of the set.
    tensor, axis
        The axis: name of a tensor and number of one of its axes.
    factor
        The size by which the set's size is multiplied on the axis.
    rest
        Summands of the axis without the set.
    """

    name: str
    tensor: str
    axis: int
    factor: Expression
    rest: tuple[Expression, ...]


def positions_by_set(pieces: Iterable[Piece]) -> dict[str, int]:
    """For each set the largest number of positions that one piece has of it."""
    most: dict[str, int] = {}
    for piece in pieces:
        for name, times in Counter(piece.positions[place].index.name for place in piece.joined).items():
            most[name] = max(most.get(name, 0), times)
    return most


def orders(source: WeightSpace, target: WeightSpace) -> dict[str, int]:
    """The order of each set: the size from which on the number of diagrams between two spaces does not depend on it."""
    read, written = positions_by_set(source.pieces), positions_by_set(target.pieces)
    joined = {index.name: index for space in (source, target) for index in space.indices if index.joined}
    return {name: index.order(read.get(name, 0) + written.get(name, 0)) for name, index in joined.items()}


def readings(source: WeightSpace, target: WeightSpace) -> tuple[list[Reading], dict[str, str]]:
    """The rules by which maps between two spaces read the sizes of the sets from their input.

    A set stays at its declared size where that is smaller than its order, where no tensor of the source is over it, or
    where the axes over it leave it open: in `(head dk)` alone, one of the two sets stays and the other is read.

    Parameters
    ----------
    source, target
        The spaces that the maps go from and to.

    Returns
    -------
    tuple[list[Reading], dict[str, str]]
        The rules, each of which needs only sizes that rules before it read, and the sets that stay, each with the
        reason.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"w": "(gate h) k", "b": "h", "c": "k"}, sets={"h": 8, "k": 1}, free={"gate": 4})
    >>> found, stay = readings(space, space)
    >>> [(reading.name, reading.tensor, reading.axis) for reading in found]
    [('h', 'b', 0)]
    >>> print(stay["k"])
    its declared size is below its order, 2, from which on sizes are read
    """
    order, sizes = orders(source, target), source.sizes | target.sizes
    small = {name for name in order if sizes[name] < order[name]}
    found, opened = resolve(source, {name for name in sizes if name not in order} | small, list(order))
    shown = {atom.name for tensor in source for atom in atoms(*tensor.axes)}
    reasons = {}
    for name in order:
        if name in small:
            reasons[name] = f"its declared size is below its order, {order[name]}, from which on sizes are read"
        elif name in opened:
            reasons[name] = "left open by the axes over it" if name in shown else "on no axis of the input"
    return found, reasons


def resolve(space: WeightSpace, known: set[str], names: list[str]) -> tuple[list[Reading], list[str]]:
    """Rules for the sets whose sizes are not known, and the sets to fix so that the others can be read.

    Where the axes leave several sets open, the set is fixed that lets most others be read.
    """
    found = follow(space, known)
    fixed: list[str] = []
    while left := [name for name in names if name not in known | {reading.name for reading in found} | set(fixed)]:
        options = [(name, follow(space, known | {reading.name for reading in found} | {*fixed, name})) for name in left]
        name, more = max(reversed(options), key=lambda option: len(option[1]))
        fixed.append(name)
        found += more
    return found, fixed


def follow(space: WeightSpace, known: set[str]) -> list[Reading]:
    """Rules for the sets that can be read, one after the other, from the sizes that are known.

    Each set is read from the first axis that determines it; axes over one index alone come before the others.
    """
    axes = [(tensor.name, axis, expression) for tensor in space for axis, expression in enumerate(tensor.axes)]
    queue, waiting = deque(sorted(axes, key=lambda one: not isinstance(one[2], Atom))), list[Any]()
    found, known = list[Reading](), set(known)
    while queue:
        tensor, axis, expression = queue.popleft()
        solved = solve(expression, known)
        if solved is not None:
            found.append(Reading(solved[0], tensor, axis, solved[1], solved[2]))
            known.add(solved[0])
            queue.extendleft(reversed(waiting))
            waiting.clear()
        elif unknown_names(expression, known):
            waiting.append((tensor, axis, expression))
    return found


def solve(expression: Expression, known: set[str]) -> tuple[str, Expression, tuple[Expression, ...]] | None:
    """The one unknown set of an axis, its factor, and the summands without it; None unless the axis is linear in it."""
    unknown = unknown_names(expression, known)
    if len(unknown) != 1:
        return None
    counted = []
    for term in terms(expression):
        open_items = [item for item in factors(term) if unknown_names(item, known)]
        if len(open_items) > 1 or any(not isinstance(item, Atom) for item in open_items):
            return None
        if open_items:
            counted.append(product(item for item in factors(term) if item is not open_items[0]))
    rest = tuple(term for term in terms(expression) if not unknown_names(term, known))
    return unknown.pop(), concatenation(counted), rest


def unknown_names(expression: Expression, known: set[str]) -> set[str]:
    """The names in an expression that are not among the known ones."""
    return {atom.name for atom in atoms(expression)} - known - {""}


@lru_cache(maxsize=256)
def own_readings(space: WeightSpace) -> tuple[list[Reading], dict[str, str]]:
    """The rules, and the sets that stay, of maps from a space to itself."""
    return readings(space, space)


def observed_sizes(space: WeightSpace, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The sizes of a space's indices, read from the shapes of its tensors; unreadable ones are as declared."""
    sizes = space.sizes
    for reading in own_readings(space)[0]:
        rest = sum(expression_size(term, sizes) for term in reading.rest)
        for length in shapes[reading.tensor][reading.axis : reading.axis + 1]:  # none where axes are missing
            sizes[reading.name] = (length - rest) // expression_size(reading.factor, sizes)
    return sizes


def check_observed(space: WeightSpace, seen: WeightSpace, shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise `SpecificationError` unless arrays have the shapes of `seen`, the space at the sizes read from them."""
    wrong = [tensor for tensor in seen if tuple(shapes[tensor.name]) != tensor.shape]
    if wrong:
        faults = [f"{tensor.name!r} has axes {tuple(shapes[tensor.name])}, expected {tensor.shape}" for tensor in wrong]
        stays = [f"{name!r} stays {space.sizes[name]}: {why}" for name, why in own_readings(space)[1].items()]
        raise SpecificationError("; ".join(faults), remedy="; ".join(stays) or "all axes of a set have one length")
