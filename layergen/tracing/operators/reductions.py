"""Rules for what works along dimensions: sums, extremes, orders."""

from __future__ import annotations

from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import ONE
from layergen.tracing.values import Context, Value, leaves_of

__all__: list[str] = []


@rule("mean", "sum", "amax", "amin", "prod", "var", "std", "logsumexp", "any", "all")
def reduction(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """All entries along some dimensions alike: what is left are the others."""
    if not hasattr(result, "shape"):
        return context.opaque([x], result)
    candidates = [*arguments, *options.values()]
    chosen: Any = next((one for one in candidates if isinstance(one, (list, tuple)) or type(one) is int), None)
    places = [chosen] if isinstance(chosen, int) else chosen or range(len(x.axes))
    gone = {place % max(len(x.axes), 1) for place in places}
    if len(result.shape) == len(x.axes):
        return context.value([ONE if place in gone else axis for place, axis in enumerate(x.axes)])
    return context.value([axis for place, axis in enumerate(x.axes) if place not in gone])


@rule("linalg_vector_norm", "norm")
def norm(context: Context, result: Any, x: Value, order: Any = 2, *arguments: Any, **options: Any) -> Any:
    """As a reduction; the first argument is no dimension."""
    return reduction(context, result, x, *arguments, **options)


@rule("max", "min")
def extreme(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """The largest entry of all or along a dimension, with its place; or of two aligned values."""
    if leaves_of(arguments):
        return context.pointwise([x, *leaves_of(arguments)])
    if not isinstance(result, (tuple, list)):
        return context.value([])
    return with_places(context, result, x, int([*arguments, *options.values()][0]))


@rule("sort", "topk", "kthvalue", "median", "mode", "cummax", "cummin")
def by_size(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """Entries along a dimension by their size, with their places."""
    if not isinstance(result, (tuple, list)):
        return context.opaque([x], result)
    default = {"topk": [0, -1], "sort": [-1], "kthvalue": [0, -1]}.get(context.place.split(" ")[0], [-1])
    numbers = [one for one in arguments if type(one) is int]
    dim = options.get("dim", (numbers + default[len(numbers) :])[-1] if numbers or default else -1)
    if context.place.startswith("cum"):
        context.freeze(x.axes[dim])
    return with_places(context, result, x, dim)


def with_places(context: Context, result: Any, x: Value, dim: int) -> list[Any]:
    """Values that do not depend on the order along a dimension; their places, where those are used, do."""
    dim %= max(len(x.axes), 1)
    same = len(result[0].shape) == len(x.axes)
    length = int(result[0].shape[dim]) if same and x.axes else 0
    middle = [context.fixed(length)] if same else []
    axes = [*x.axes[:dim], *middle, *x.axes[dim + 1 :]]

    def places() -> Value:
        if x.axes:
            context.freeze(x.axes[dim])
        return context.value(axes)

    return [context.value(axes), places]


@rule("argmax", "argmin")
def place_of_extreme(context: Context, result: Any, x: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """The place of the largest entry along a dimension."""
    if dim is None:
        return context.opaque([x], result)
    dim %= len(x.axes)
    context.freeze(x.axes[dim])
    return context.value([*x.axes[:dim], *([ONE] if keepdim else []), *x.axes[dim + 1 :]])


@rule("cumsum", "cumprod", "flip", "roll", "argsort", "logcumsumexp")
def ordered(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """Places count along some dimensions: the last argument that names them."""
    named = [one for one in (*arguments, *options.values()) if isinstance(one, (int, list, tuple)) and one is not False]
    if not named or (context.place.startswith("roll") and len(named) < 2):
        return context.opaque([x], result)
    dims = named[-1] if isinstance(named[-1], (list, tuple)) else [named[-1] if named[-1] is not True else -1]
    for dim in dims:
        context.freeze(x.axes[dim])
    return context.value(x.axes)


@rule("tril", "triu")
def triangle(context: Context, result: Any, x: Value, *arguments: Any) -> Value:
    """Places count along the last two dimensions."""
    for axis in x.axes[-2:]:
        context.freeze(axis)
    return context.value(x.axes)
