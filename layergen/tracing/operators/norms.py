"""Rules for norms."""

from __future__ import annotations

from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import regroup, size_of
from layergen.tracing.values import Context, Value, leaves_of

__all__: list[str] = []


@rule("batch_norm", "instance_norm")
def batch_norm(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """Statistics and parameters of the channels, dimension 1."""
    context.value([x.axes[1]])
    for value in leaves_of((arguments, options)):
        context.unify(x.axes[1], value.axes[0])
    return context.value(x.axes)


@rule("layer_norm", "rms_norm")
def layer_norm(context: Context, result: Any, x: Value, shape: Any, *arguments: Any, **options: Any) -> Value:
    """Statistics over the last dimensions, parameters along them."""
    context.apart_in(x, range(-len(shape), 0))
    return context.pointwise([x, *leaves_of((arguments, options))])


@rule("group_norm")
def group_norm(context: Context, result: Any, x: Value, groups: int, *arguments: Any, **options: Any) -> Value:
    """Statistics of groups of channels: the groups permute, and the channels within each."""
    for value in leaves_of((arguments, options)):
        context.unify(x.axes[1], value.axes[0])
    parts = regroup([x.axes[1]], [groups, size_of(x.axes[1]) // groups], context.place)
    context.value([x.axes[0], parts[0]])
    return context.value(x.axes)


@rule("softmax", "log_softmax", "_softmax", "_log_softmax")
def softmax(context: Context, result: Any, x: Value, dim: int, *arguments: Any, **options: Any) -> Value:
    """Entries against the others along one dimension, all alike."""
    context.apart_in(x, [dim])
    return context.value(x.axes)


@rule("_weight_norm")
def weight_norm(context: Context, result: Any, direction: Value, size: Value, dim: int = 0) -> Value:
    """Lengths over all dimensions but one."""
    context.value([direction.axes[dim]])
    return context.pointwise([direction, size])
