"""The operator table: what each ATen operator demands of the axes of its arguments, and the axes of its result.

A rule takes the context, what the operator returns in the traced run (for its shapes), and the operator's own
arguments with values in place of tensors. What has no rule is opaque: it freezes what it touches, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from layergen.tracing.values import Context, Value, leaves_of

__all__ = ["CHOOSING", "CONSTANT", "RULES", "SAME_NUMBERS", "rule"]

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule into the table under the names of operators."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


POINTWISE = """
    abs acos add add_ addcdiv addcmul alias and asin atan atan2 bitwise_and bitwise_not bitwise_or bitwise_xor bool ceil
    celu clamp clamp_max clamp_min clip clone contiguous copy cos cosh detach detach_ div div_ dropout dropout_ elu elu_
    eq erf exp expm1 feature_dropout fill float floor floor_divide fmod ge gelu gt half hardshrink hardsigmoid
    hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ int isfinite isinf isnan le leaky_relu leaky_relu_ lerp
    lift_fresh lift_fresh_copy log log10 log1p log2 log_sigmoid logical_and logical_not logical_or logical_xor long lt
    masked_fill masked_fill_ maximum minimum mish mul mul_ nan_to_num native_dropout ne neg pow reciprocal relu relu6
    relu6_ relu_ remainder round rsqrt rsub selu selu_ sigmoid sigmoid_ sign silu silu_ sin sinh softplus softsign sqrt
    square copy_ softshrink rrelu alpha_dropout feature_alpha_dropout
    sub sub_ tan tanh tanh_ threshold to true_divide type_as where xlogy _to_copy __and__ __or__ __xor__
"""
CONSTANT = """
    zeros ones full empty new_full new_empty scalar_tensor zeros_like ones_like full_like empty_like new_zeros new_ones
"""
SAME_NUMBERS = """
    view reshape _unsafe_view flatten unflatten squeeze unsqueeze view_copy _reshape_alias permute movedim transpose
    swapaxes t mT expand expand_as broadcast_to alias clone contiguous detach select
"""
"""Operators that leave numbers of places what they are."""
CHOOSING = {
    **dict.fromkeys(["gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "index_select"], "index"),
    "index": "indices",
    "embedding": "indices",
    "one_hot": "self",
}
"""Operators that choose places by numbers, with the name of the argument that holds the numbers."""


@rule(*POINTWISE.split())
def pointwise(context: Context, result: Any, *arguments: Any, **options: Any) -> Value:
    """Entries in the same place."""
    return context.pointwise(leaves_of((arguments, options)))


@rule(*CONSTANT.split())
def constant(context: Context, result: Any, *arguments: Any, **options: Any) -> Value:
    """The same number everywhere."""
    return context.value([context.fresh(int(size)) for size in result.shape])
