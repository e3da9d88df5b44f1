"""Rules for views: the same entries in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import ONE, Axis, join, regroup, size_of
from layergen.tracing.values import Context, Value, leaves_of

__all__: list[str] = []


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_copy", "_reshape_alias")
def view(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """The same entries in the same order."""
    shape = [int(size) for size in result.shape]
    family = context.node in context.apart
    return context.value(regroup(x.axes, shape, context.place, context.node, family=family))


@rule("permute", "movedim")
def permute(context: Context, result: Any, x: Value, places: Sequence[int], *to: Any) -> Any:
    """Dimensions in another order."""
    if to:
        return context.opaque([x], result)
    return context.value([x.axes[place] for place in places])


@rule("transpose", "swapaxes")
def transpose(context: Context, result: Any, x: Value, first: int, second: int) -> Value:
    """Two dimensions exchanged."""
    axes = list(x.axes)
    axes[first], axes[second] = axes[second], axes[first]
    return context.value(axes)


@rule("t", "numpy_T", "mT", "adjoint")
def turned(context: Context, result: Any, x: Value) -> Value:
    """A matrix turned."""
    return context.value([*x.axes[:-2], *x.axes[-2:][::-1]])


@rule("expand", "expand_as", "broadcast_to")
def expand(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """Repeated along new dimensions and those of size 1."""
    shape = [int(size) for size in result.shape]
    old: list[Axis | None] = [*[None] * (len(shape) - len(x.axes)), *x.axes]
    return context.value(
        [
            axis if axis is not None and size_of(axis) == size else context.fresh(size)
            for axis, size in zip(old, shape, strict=True)
        ]
    )


@rule("repeat")
def repeat(context: Context, result: Any, x: Value, repeats: Sequence[int]) -> Value:
    """Whole copies, one after the other."""
    old = [*[ONE] * (len(repeats) - len(x.axes)), *x.axes]
    return context.value(
        [axis if count == 1 else join([context.fresh(count), axis]) for axis, count in zip(old, repeats, strict=True)]
    )


@rule("repeat_interleave")
def repeat_interleave(
    context: Context, result: Any, x: Value, repeats: Any, dim: int | None = None, **options: Any
) -> Any:
    """Each entry so many times in a row."""
    if not isinstance(repeats, int) or dim is None:
        return context.opaque([x, *leaves_of(repeats)], result)
    axes = list(x.axes)
    axes[dim] = join([axes[dim], context.fresh(repeats)])
    return context.value(axes)
