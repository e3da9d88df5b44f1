"""Charges through views, what puts values together and takes them apart, and what works along dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from layergen.tracing.charges.entries import HOMOGENEOUS, LINEAR
from layergen.tracing.charges.equations import Equations, Number
from layergen.tracing.charges.occurrences import Leaves, moving, of_one
from layergen.tracing.charges.table import rule
from layergen.tracing.unknowns import Atom, join, size_of
from layergen.tracing.values import Step, Value
from symmetry.language import axes
from symmetry.language.axes import terms

__all__: list[str] = []


def dims_of(step: Step, value: Value) -> set[int]:
    """The dimensions along which an operator works: those that it is given, or all."""
    dims = step.named.get("dim", step.named.get("dims"))
    given = [dims] if isinstance(dims, int) else list(dims or range(len(value.axes)))
    return {dim % max(len(value.axes), 1) for dim in given}


def same(equations: Equations, first: Sequence[Leaves], second: Sequence[Leaves]) -> None:
    """The same entries in the same order, with other brackets."""
    equations.alike(tuple(chain(*first)), tuple(chain(*second)))


def all_along(equations: Equations, value: Value) -> list[Leaves]:
    """The unknowns along each axis of a value."""
    return [equations.along(value, dim) for dim in range(len(value.axes))]


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_copy", "_reshape_alias")
def view(equations: Equations, step: Step) -> None:
    """The same entries in the same order."""
    same(equations, all_along(equations, step.arguments[0]), all_along(equations, step.results[0]))


@rule("permute", "movedim", "transpose", "swapaxes", "t", "numpy_T", "mT", "adjoint")
def permuted(equations: Equations, step: Step) -> None:
    """Dimensions in another order: of those of one index each the order says which is which."""
    x, result = step.arguments[0], step.results[0]
    rank = len(x.axes)
    order = [*range(rank)]
    if step.name == "permute":
        order = [place % rank for place in step.named["dims"]]
    elif step.name in ("transpose", "swapaxes"):
        first, second = (step.named[name] for name in ("dim0", "dim1"))
        order[first], order[second] = order[second], order[first]
    elif step.name != "movedim":
        order = [*order[:-2], *order[-2:][::-1]]
    for dim, place in enumerate(order):
        equations.alike(equations.along(x, place), equations.along(result, dim))


@rule("expand", "expand_as", "broadcast_to")
def expanded(equations: Equations, step: Step) -> None:
    """Repeated along new dimensions, on which nothing acts."""
    equations.equal(equations.aligned(step.results[0]), equations.aligned(step.arguments[0]))


@rule("repeat", "repeat_interleave")
def repeated(equations: Equations, step: Step) -> None:
    """Copies, which nothing tells apart and nothing acts on: before the entries, or interleaved after them."""
    old, new = equations.aligned(step.arguments[0]), equations.aligned(step.results[0])
    for letter, leaves in new.items():
        kept = old.get(letter, ())
        more = len(leaves) - len(kept)
        start = 0 if step.name == "repeat_interleave" else more
        copies = leaves[:start] + leaves[start + len(kept) :]
        equations.still(copies)
        equations.alike(kept, leaves[start : start + len(kept)])


@rule("cat", "concat", "concatenate")
def concatenated(equations: Equations, step: Step) -> None:
    """One after the other along a dimension, aligned in the others."""
    values = [value for value in step.arguments if value.axes and 0 not in value.shape]
    result = step.results[0]
    dim = step.named.get("dim", 0) % len(result.axes)
    same(equations, [equations.along(value, dim) for value in values], [equations.along(result, dim)])
    for place in set(range(len(result.axes))) - {dim}:
        equations.alike(*(equations.along(value, place) for value in [result, *values]))


@rule("stack")
def stacked(equations: Equations, step: Step) -> None:
    """Values along a new dimension: members of families, or equal ones."""
    result = step.results[0]
    dim = step.named.get("dim", 0) % len(result.axes)
    for place in set(range(len(result.axes))) - {dim}:
        given = [equations.along(value, place - (place > dim)) for value in step.arguments]
        made = equations.along(result, place)
        if len(made) == sum(map(len, given)):
            same(equations, given, [made])
        else:
            equations.alike(made, *given)


@rule("split", "split_with_sizes", "chunk", "tensor_split")
def parts(equations: Equations, step: Step) -> None:
    """Cut along a dimension."""
    x = step.arguments[0]
    dim = step.named.get("dim", 0) % len(x.axes)
    same(equations, [equations.along(x, dim)], [equations.along(part, dim) for part in step.results])
    for part in step.results:
        for place in set(range(len(x.axes))) - {dim}:
            equations.alike(equations.along(x, place), equations.along(part, place))


@rule("slice", "narrow")
def part(equations: Equations, step: Step) -> None:
    """A piece along a dimension: the terms of a concatenation, its first factor, that are in it."""
    x, result = step.arguments[0], step.results[0]
    dim = step.named.get("dim", 0) % len(x.axes)
    size, length = x.shape[dim], result.shape[dim]
    begin = step.named.get("start") or 0
    begin = min(max(begin + size if begin < 0 else begin, 0), size)
    whole, kept = equations.along(x, dim), equations.along(result, dim)
    found, at = list[tuple[Atom, int]](), 0
    first, *rest = axes.factors(equations.occurrences.of(x)[dim])
    for term in terms(first):
        own = size_of(axes.substitute(axes.product([term, *rest]), lambda one: one.atom))
        found += moving(term) if begin <= at and at + own <= begin + length else ()
        at += own
    found += [leaf for one in rest for leaf in moving(one)]
    if length == size:
        equations.alike(whole, kept)
    elif [atom for atom, _ in found] == [atom for atom, _ in kept]:
        equations.alike(tuple(found), kept)
    else:
        equations.still(whole, kept)
    for place in set(range(len(x.axes))) - {dim}:
        equations.alike(equations.along(x, place), equations.along(result, place))


@rule("select", "unbind")
def selected(equations: Equations, step: Step) -> None:
    """Entries along a dimension: of families over it the members."""
    x = step.arguments[0]
    dim = step.named.get("dim", 0) % len(x.axes)
    over, index = join([x.axes[dim]]), step.named.get("index")
    trees = [tree for place, tree in enumerate(equations.occurrences.of(x)) if place != dim]
    for number, result in enumerate(step.results):
        which = number if step.name == "unbind" else index
        for place, tree in enumerate(trees):
            one = of_one(tree, over, which % x.shape[dim]) if isinstance(which, int) and x.shape[dim] else tree
            equations.alike(tuple(moving(one)), equations.along(result, place))


@rule("getitem")
def one_of_several(equations: Equations, step: Step) -> None:
    """One of several results: a value that there was, or places, on which nothing acts."""
    equations.nought(*(result for result in step.results if result not in equations.made))


@rule("sum", "mean")
def summed(equations: Equations, step: Step) -> None:
    """Sums along dimensions, on which nothing acts."""
    reduced(equations, step, LINEAR)


@rule("amax", "amin", "max", "min")
def largest(equations: Equations, step: Step) -> None:
    """Extremes along dimensions."""
    if len(step.arguments) > 1:
        equations.nought(*step.arguments, *step.results)
    else:
        reduced(equations, step, HOMOGENEOUS)


def reduced(equations: Equations, step: Step, degrees: Mapping[str, Number]) -> None:
    """What is left of a value where entries along some dimensions meet; dimensions that are kept have size 1."""
    x, result = step.arguments[0], step.results[0]
    gone = dims_of(step, x)
    equations.still(*(equations.along(x, dim) for dim in gone))
    left = [equations.along(x, dim) for dim in range(len(x.axes)) if dim not in gone]
    if equations.group.word in degrees:
        same(equations, left, all_along(equations, result))
    else:
        equations.nought(x, result)


POSITIONS = "avg_pool{0}d adaptive_avg_pool{0}d constant_pad_nd pad pixel_shuffle tril triu cumsum flip roll"
INTERPOLATED = "upsample_linear1d upsample_nearest1d upsample_bilinear2d upsample_nearest2d upsample_bicubic2d"
PADDED = "reflection_pad{0}d replication_pad{0}d"
names = {name.format(count) for name in f"{POSITIONS} {INTERPOLATED} {PADDED}".split() for count in (1, 2, 3)}


@rule(*sorted(names))
def positions(equations: Equations, step: Step) -> None:
    """Sums over neighbours, and places that count: nothing acts along them."""
    filled = step.named.get("value") or 0
    if filled != 0:
        equations.nought(step.arguments[0])
    same(equations, all_along(equations, step.arguments[0]), all_along(equations, step.results[0]))


@rule(*(f"{name}{count}d{more}" for name in ("max_pool", "adaptive_max_pool") for count in (1, 2, 3)
        for more in ("", "_with_indices")))  # fmt: skip
def largest_neighbours(equations: Equations, step: Step) -> None:
    """The largest of neighbours; where they are, nothing acts on."""
    if equations.group.word != "positive":
        equations.nought(step.arguments[0])
    same(equations, all_along(equations, step.arguments[0]), all_along(equations, step.results[0]))
    equations.nought(*step.results[1:])


@rule("embedding")
def embedding(equations: Equations, step: Step) -> None:
    """A row for each index."""
    weight, indices = step.arguments
    same(equations, [equations.along(weight, 1)], all_along(equations, step.results[0])[len(indices.axes) :])
    same(equations, all_along(equations, indices), all_along(equations, step.results[0])[: len(indices.axes)])
    equations.nought(indices)


@rule("glu")
def gated(equations: Equations, step: Step) -> None:
    """The first half of a dimension, gated by a sigmoid of the second."""
    x, result = step.arguments[0], step.results[0]
    dim = step.named.get("dim", -1) % len(x.axes)
    for place in range(len(x.axes)):
        leaves = equations.along(x, place)
        half = len(leaves) // 2 if place == dim else 0
        equations.still(leaves[half:])
        equations.alike(leaves[:half], equations.along(result, place))
