"""Rules for putting together and taking apart."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import ONE, Atom, Axis, chosen, cut, join, known, size_of
from layergen.tracing.values import Context, Value, leaves_of
from symmetry.language.axes import concatenation

__all__: list[str] = ["side_by_side"]


@rule("cat", "concat", "concatenate")
def cat(context: Context, result: Any, values: Sequence[Value], dim: int = 0) -> Value:
    """One after the other along a dimension, aligned in the others."""
    values = [value for value in values if value.axes and 0 not in value.shape]
    dim %= len(values[0].axes)
    axes: list[Axis] = [
        context.unify(*(value.axes[place] for value in values)) for place in range(len(values[0].axes)) if place != dim
    ]
    axes.insert(dim, known(concatenation(value.axes[dim] for value in values)))
    return context.value(axes)


@rule("stack")
def stack(context: Context, result: Any, values: Sequence[Value], dim: int = 0) -> Value:
    """Values along a new dimension, the axes of each its own: families over that dimension."""
    over = Atom(len(values), why="what is stacked")
    axes = [
        side_by_side(context, over, [value.axes[place] for value in values]) for place in range(len(values[0].axes))
    ]
    axes.insert(dim % (len(axes) + 1), over if len(values) > 1 else ONE)
    return context.value(axes)


def side_by_side(context: Context, over: Atom, axes: Sequence[Axis]) -> Axis:
    """One axis for several: the same where they are, else a family over what tells them apart, else made one."""
    alone = [join([axis]) for axis in axes]
    members = tuple(axis for axis in alone if isinstance(axis, Atom) and not axis.members and not axis.why)
    if all(axis is alone[0] for axis in alone) or len(members) < len(alone):
        return context.unify(*axes)
    return Atom(size_of(alone[0]), over=over, members=members)


@rule("split", "split_with_sizes", "chunk", "tensor_split")
def parts(context: Context, result: Any, x: Value, sizes: Any, dim: int = 0) -> list[Value]:
    """Cut along a dimension."""
    dim %= len(x.axes)
    lengths = [int(one.shape[dim]) for one in result]
    found = cut(x.axes[dim], lengths, context.place)
    return [context.value([*x.axes[:dim], part, *x.axes[dim + 1 :]]) for part in found]


@rule("slice", "narrow")
def part(context: Context, result: Any, x: Value, dim: int = 0, start: Any = None, *rest: Any) -> Value:
    """A piece along a dimension; with steps, places count."""
    dim %= len(x.axes)
    size, length = size_of(x.axes[dim]), int(result.shape[dim])
    if size == length:
        bounds = [context.named[name] for name in ("start", "end", "length") if name in context.named]
        if x not in context.data and any(bound not in (None, 0, sys.maxsize) for bound in bounds):
            context.freeze(x.axes[dim], "cut, perhaps to the length of the example")
        return context.value(x.axes)
    step = rest[1] if len(rest) > 1 else 1
    if length == 0:
        return context.value([*x.axes[:dim], Atom(0, why=context.place), *x.axes[dim + 1 :]])
    begin = 0 if start is None else int(start)
    begin = min(max(begin + size if begin < 0 else begin, 0), size)
    if step != 1:
        context.apart_in(x, [dim], ordered=True)
        piece = context.fixed(length)
    else:
        lengths = [begin, length, size - begin - length]
        found = cut(x.axes[dim], [one for one in lengths if one], context.place)
        piece = found[1 if begin else 0]
    return context.value([*x.axes[:dim], piece, *x.axes[dim + 1 :]])


@rule("select")
def select(context: Context, result: Any, x: Value, dim: int, index: Any) -> Value:
    """One entry along a dimension."""
    dim %= len(x.axes)
    taken = join([x.axes[dim]])
    if isinstance(taken, Atom) and not taken.why and taken.origin:
        context.selected.add(taken.origin)
    context.freeze(taken, "one entry is taken out of it")
    left = [*x.axes[:dim], *x.axes[dim + 1 :]]
    if isinstance(index, int) and size_of(taken):  # else the data choose, any of all
        left = [chosen(axis, taken, index % size_of(taken)) for axis in left]
    return context.value(left)


@rule("unbind")
def unbind(context: Context, result: Any, x: Value, dim: int = 0) -> list[Value]:
    """Every entry along a dimension."""
    return [select(context, one, x, dim, number) for number, one in enumerate(result)]


@rule("getitem")
def getitem(context: Context, result: Any, values: Any, index: Any) -> Any:
    """One of several results."""
    found = values[index]
    return found() if callable(found) else found


@rule("pad", "constant_pad_nd")
def pad(context: Context, result: Any, x: Value, amounts: Sequence[Any], *arguments: Any, **options: Any) -> Value:
    """Longer, shorter or shifted dimensions, two amounts for each from the last one: places count along those."""
    dims = [-1 - place // 2 for place, amount in enumerate(amounts) if amount != 0]
    context.apart_in(x, dims, ordered=True)
    axes = list(x.axes)
    for dim in dims:
        axes[dim] = context.fixed(int(result.shape[dim]))
    return context.value(axes)


@rule("embedding")
def embedding(context: Context, result: Any, weight: Value, indices: Value, *arguments: Any, **options: Any) -> Value:
    """A row for each index."""
    context.chooses(indices, weight.axes[0], "an index from the data counts along it")
    context.apart_in(weight, [0])
    return context.value([*indices.axes, weight.axes[1]])


@rule(
    "_assert_tensor_metadata",
    "_assert_async",
    "_assert_scalar",
    "sym_size",
    "sym_constrain_range_for_size",
    "_set_grad_enabled",
)
def nothing(context: Context, result: Any, *arguments: Any, **options: Any) -> Any:
    """What looks at shapes and numbers, and gives no tensor."""
    return result


@rule("gather")
def gather(context: Context, result: Any, x: Value, dim: int, indices: Value, **options: Any) -> Value:
    """Entries along a dimension by number, aligned in the others where those are whole."""
    dim %= max(len(x.axes), 1)
    for place, (axis, other) in enumerate(zip(x.axes, indices.axes, strict=True)):
        if place == dim:
            context.chooses(indices, axis, "entries are taken out of it by number")
        elif size_of(axis) != 1 or size_of(other) != 1:
            context.unify(other, axis)
    context.apart_in(x, [dim])
    return context.value(indices.axes)


@rule("scatter", "scatter_", "scatter_add", "scatter_add_")
def scatter(
    context: Context, result: Any, x: Value, dim: int, indices: Value, source: Any = None, **options: Any
) -> Value:
    """Entries put in along a dimension by number, aligned in the others where those are whole."""
    dim %= max(len(x.axes), 1)
    for value in [x, *leaves_of([source])]:
        for place, (axis, other) in enumerate(zip(value.axes, indices.axes, strict=True)):
            if place != dim:
                context.unify(axis, other)
    for value in [indices, *leaves_of([source])]:
        context.freeze(value.axes[dim], "of several entries for one place the last one stays")
    context.chooses(indices, x.axes[dim], "entries are put into it by number")
    context.apart_in(x, [dim])
    return context.value(x.axes)


@rule("one_hot")
def one_hot(context: Context, result: Any, numbers: Value, count: int = -1) -> Value:
    """1 at the place of each number, 0 at the others."""
    along = context.fixed(int(result.shape[-1]), "numbers of its places are read")
    if numbers in context.numbers and size_of(context.numbers[numbers]) == size_of(along):
        along = context.numbers[numbers]
    elif numbers in context.numbers:
        context.freeze(context.numbers[numbers], "numbers of its places are read")
    return context.value([*numbers.axes, along])


@rule("index_select")
def index_select(context: Context, result: Any, x: Value, dim: int, indices: Value) -> Value:
    """Entries along a dimension by number."""
    dim %= len(x.axes)
    context.chooses(indices, x.axes[dim], "entries are taken out of it by number")
    context.apart_in(x, [dim])
    return context.value([*x.axes[:dim], indices.axes[0], *x.axes[dim + 1 :]])


@rule("index")
def index(context: Context, result: Any, x: Value, indices: Sequence[Value | None]) -> Any:
    """Entries by numbers along the first dimensions; the others stay."""
    used = [place for place, one in enumerate(indices) if one is not None]
    if used != list(range(len(used))):
        return context.opaque([x, *leaves_of(list(indices))], result)
    for place, one in enumerate(indices[: len(used)]):
        if one is not None:
            context.chooses(one, x.axes[place], "entries are taken out of it by number")
    context.apart_in(x, used)
    chosen = context.pointwise([one for one in indices if one is not None])
    axes = [*chosen.axes, *x.axes[len(used) :]]
    if [size_of(axis) for axis in axes] != [int(size) for size in result.shape]:
        return context.opaque([x], result)
    return context.value(axes)
