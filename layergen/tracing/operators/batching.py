"""Rules for what `torch.vmap` leaves in a graph: operators inside do not see the axis that it is over."""

from __future__ import annotations

from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.values import Context, Value

__all__: list[str] = []


@rule("_add_batch_dim")
def hide(context: Context, result: Any, x: Value, dim: int, level: int) -> Value:
    """An axis is hidden until `_remove_batch_dim` of the same level; until then it is an axis of whatever is made."""
    dim %= len(x.axes)
    context.batched[level] = x.axes[dim]
    return context.value([*x.axes[:dim], *x.axes[dim + 1 :]])


@rule("_remove_batch_dim")
def show(context: Context, result: Any, x: Value, level: int, size: int, dim: int) -> Value:
    """The hidden axis again; along a new one where the value does not depend on it."""
    axis = context.batched.pop(level, None) or context.fresh(size)
    place = dim % (len(x.axes) + 1)
    return context.value([*x.axes[:place], axis, *x.axes[place:]])


@rule("lazy_load_decompositions", "_vmap_increment_nesting", "_vmap_decrement_nesting")
def levels(context: Context, result: Any, *arguments: Any) -> Any:
    """The levels of `vmap` are counted by torch."""
    return result
