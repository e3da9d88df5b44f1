"""Rules for products: linear maps, equations, attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import Axis, regroup, size_of
from layergen.tracing.values import Context, Value

__all__: list[str] = []


@rule("linear")
def linear(context: Context, result: Any, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x[…, in], weight[out, in], bias[out]."""
    context.unify(x.axes[-1], weight.axes[-1])
    out = list(weight.axes[:-1])
    if bias is not None:
        context.unify(out[0], bias.axes[0])
    return context.value([*x.axes[:-1], *out])


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def matmul(context: Context, result: Any, left: Value, right: Value) -> Value:
    """Dimensions before the last two are aligned, the last and the last but one are summed over."""
    rows = list(left.axes[-2:-1]) if len(left.axes) > 1 else []
    columns = list(right.axes[-1:]) if len(right.axes) > 1 else []
    context.unify(left.axes[-1], right.axes[-2] if len(right.axes) > 1 else right.axes[-1])
    batch = context.pointwise([context.value(left.axes[:-2]), context.value(right.axes[:-2])])
    return context.value([*batch.axes, *rows, *columns])


@rule("addmm", "baddbmm", "addbmm")
def addmm(context: Context, result: Any, added: Value, left: Value, right: Value, **options: Any) -> Value:
    """added + left @ right."""
    return context.pointwise([matmul(context, result, left, right), added])


@rule("einsum")
def einsum(context: Context, result: Any, equation: str, operands: Sequence[Value], **options: Any) -> Any:
    """Every letter is one axis."""
    equation = equation.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    if not arrow:
        plain = inputs.replace(",", "").replace("...", "")
        output = "..." * ("..." in inputs) + "".join(sorted(one for one in set(plain) if plain.count(one) == 1))
    letters: dict[str, Axis] = {}
    batches = []
    for term, operand in zip(inputs.split(","), operands, strict=True):
        before, dots, after = term.partition("...")
        count = len(operand.axes) - len(before) - len(after)
        named = [*operand.axes[: len(before)], *operand.axes[len(before) + count :]]
        if dots:
            batches.append(context.value(operand.axes[len(before) : len(before) + count]))
        for letter, axis in zip(before + after, named, strict=True):
            letters[letter] = context.unify(letters[letter], axis) if letter in letters else axis
    before, dots, after = output.partition("...")
    middle = context.pointwise(batches).axes if dots else ()
    return context.value([*(letters[one] for one in before), *middle, *(letters[one] for one in after)])


@rule("outer")
def outer(context: Context, result: Any, left: Value, right: Value) -> Value:
    """Every entry with every entry."""
    return context.value([*left.axes, *right.axes])


@rule("scaled_dot_product_attention")
def attention(
    context: Context,
    result: Any,
    query: Value,
    key: Value,
    value: Value,
    mask: Value | None = None,
    dropout: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Value:
    """query[…, l, e], key[…, s, e], value[…, s, v]."""
    context.unify(query.axes[-1], key.axes[-1])
    context.unify(key.axes[-2], value.axes[-2])
    if options.get("enable_gqa") and size_of(query.axes[-3]) != size_of(key.axes[-3]):
        groups, _ = regroup(
            [query.axes[-3]], [size_of(key.axes[-3]), size_of(query.axes[-3]) // size_of(key.axes[-3])], context.place
        )
        context.unify(key.axes[-3], groups)
        context.unify(value.axes[-3], groups)
        batch = context.value(query.axes[:-2])
    else:
        batch = context.pointwise([context.value(one.axes[:-2]) for one in (query, key, value)])
    if is_causal:
        context.freeze(query.axes[-2], "causal attention")
        context.freeze(key.axes[-2], "causal attention")
    scores = context.value([*batch.axes, query.axes[-2], key.axes[-2]])
    if mask is not None:
        context.pointwise([scores, mask])
    return context.value([*batch.axes, query.axes[-2], value.axes[-1]])
