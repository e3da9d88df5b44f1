"""Rules for what works along dimensions: sums, extremes, orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layergen.tracing.differing import differ
from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import ONE, Axis
from layergen.tracing.values import Context, Value, leaves_of

__all__: list[str] = []


@rule("mean", "sum", "amax", "amin", "prod", "var", "std", "logsumexp", "any", "all", "linalg_vector_norm", "norm")
def reduction(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """All entries along some dimensions alike: what is left are the others."""
    left = context.apart_in(x, dims_of(context, x))
    if len(result.shape) == len(left.axes):
        return left
    gone = {dim % len(x.axes) for dim in dims_of(context, x)}
    return context.value([ONE if dim in gone else axis for dim, axis in enumerate(x.axes)])


def dims_of(context: Context, x: Value) -> list[int]:
    """The dimensions along which an operator works: those that it is given, or all."""
    dims = context.named.get("dim", context.named.get("dims"))
    return [dims] if isinstance(dims, int) else list(dims or range(len(x.axes)))


@rule("max", "min")
def extreme(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """The largest entry of all or along a dimension, with its place; or of two aligned values."""
    if leaves_of(arguments):
        return context.pointwise([x, *leaves_of(arguments)])
    if not isinstance(result, (tuple, list)):
        return context.value([])
    return with_places(context, result, x, context.named["dim"])


@rule("sort", "topk", "kthvalue", "median", "mode", "cummax", "cummin")
def by_size(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """Entries along a dimension by their size, with their places."""
    if not isinstance(result, (tuple, list)):
        return context.opaque([x], result)
    dim = context.named["dim"]
    if context.place.startswith("cum"):
        context.freeze(x.axes[dim])
    return with_places(context, result, x, dim)


def with_places(context: Context, result: Any, x: Value, dim: int) -> list[Any]:
    """Values that do not depend on the order along a dimension; their places, where those are used, do."""
    dim %= max(len(x.axes), 1)
    context.apart_in(x, [dim])
    same = len(result[0].shape) == len(x.axes)
    length = int(result[0].shape[dim]) if same and x.axes else 0
    middle = [context.fixed(length)] if same else []
    axes = [*x.axes[:dim], *middle, *x.axes[dim + 1 :]]

    place = context.place

    def places() -> Value:
        if differ(context, x, dim):
            return numbers(context, x, dim, axes, place)
        if x.axes:
            context.freeze(x.axes[dim])
        return context.value(axes)

    return [context.value(axes), places]


def numbers(context: Context, x: Value, dim: int, axes: Sequence[Axis], place: str) -> Value:
    """Numbers of places along a dimension of entries that differ: they go where the entries go."""
    context.assumed.append(f"no two entries alike, by which to choose, in {place}")
    return context.numbering(axes, x.axes[dim])


@rule("argmax", "argmin")
def place_of_extreme(context: Context, result: Any, x: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """The place of the largest entry along a dimension."""
    if dim is None:
        return context.opaque([x], result)
    dim %= max(len(x.axes), 1)
    one_order = differ(context, x, dim)
    left = context.apart_in(x, [dim], ordered=not one_order)
    axes = [*x.axes[:dim], ONE, *x.axes[dim + 1 :]] if keepdim else left.axes
    return numbers(context, x, dim, axes, context.place) if one_order else context.value(axes)


@rule("cumsum", "cumprod", "flip", "roll", "argsort", "logcumsumexp", "diff")
def ordered(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """Places count along some dimensions."""
    dims = [dim % len(x.axes) for dim in dims_of(context, x)]
    context.apart_in(x, dims, ordered=True)
    after = (context.fixed(int(size)) if dim in dims else x.axes[dim] for dim, size in enumerate(result.shape))
    return context.value([*after])


@rule("tril", "triu")
def triangle(context: Context, result: Any, x: Value, *arguments: Any) -> Value:
    """Places count along the last two dimensions."""
    for axis in x.axes[-2:]:
        context.freeze(axis)
    return context.value(x.axes)
