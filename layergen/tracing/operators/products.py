"""Rules for products: linear maps, equations, attention."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import Axis, join, regroup, size_of
from layergen.tracing.values import Context, Value

__all__: list[str] = []


@rule("linear")
def linear(context: Context, result: Any, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x[…, in], weight[out, in], bias[out]."""
    *before, into = range(len(x.axes))
    out = ["out"] if len(weight.axes) > 1 else []
    terms = [lettered(x, [*before, into]), lettered(weight, [*out, into])]
    return context.combined([*terms, *([] if bias is None else [lettered(bias, out)])], [*before, *out])


def lettered(value: Value, letters: Sequence[Hashable]) -> dict[Hashable, Axis]:
    """The axes of a value by letters."""
    return dict(zip(letters, value.axes, strict=True))


def batch_of(value: Value, rank: int = 2) -> list[Hashable]:
    """Letters for the dimensions of a value before the last few, counted from there."""
    return [*range(rank - len(value.axes), 0)]


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def matmul(context: Context, result: Any, left: Value, right: Value) -> Value:
    """Dimensions before the last two are aligned, the last and the last but one are summed over."""
    rows: list[Hashable] = ["row"] if len(left.axes) > 1 else []
    columns: list[Hashable] = ["column"] if len(right.axes) > 1 else []
    terms = [
        lettered(left, [*batch_of(left), *rows, "inner"]),
        lettered(right, [*batch_of(right), "inner", *columns]),
    ]
    return context.combined(terms, [*max(batch_of(left), batch_of(right), key=len), *rows, *columns])


@rule("addmm", "baddbmm", "addmv")
def addmm(context: Context, result: Any, added: Value, left: Value, right: Value, **options: Any) -> Value:
    """added + left @ right."""
    return context.pointwise([matmul(context, result, left, right), added])


@rule("addbmm")
def addbmm(context: Context, result: Any, added: Value, left: Value, right: Value, **options: Any) -> Value:
    """added + the sum of left @ right over the batch."""
    terms = [lettered(left, ["batch", "row", "inner"]), lettered(right, ["batch", "inner", "column"])]
    return context.pointwise([context.combined(terms, ["row", "column"]), added])


@rule("einsum")
def einsum(context: Context, result: Any, equation: str, operands: Sequence[Value], **options: Any) -> Any:
    """Every letter is one axis."""
    equation = equation.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    if not arrow:
        plain = inputs.replace(",", "").replace("...", "")
        output = "..." * ("..." in inputs) + "".join(sorted(one for one in set(plain) if plain.count(one) == 1))
    terms, rank = [], 0
    for text, operand in zip(inputs.split(","), operands, strict=True):
        count = len(operand.axes) - len(text.replace("...", ""))
        rank = max(rank, count)
        letters = spelled(text, count)
        # The diagonal of an operand with a letter twice: both are the one axis, and the places of it meet.
        terms += [{letter: axis} for letter, axis in zip(letters, operand.axes, strict=True)] * (
            len(set(letters)) < len(letters)
        )
        terms.append(lettered(operand, letters))
    return context.combined(terms, spelled(output, rank))


def spelled(text: str, dots: int) -> list[Hashable]:
    """The letters of one operand of an equation; dimensions in the dots are numbers, counted from the last."""
    before, there, after = text.partition("...")
    return [*before, *range(-dots if there else 0, 0), *after]


@rule("bilinear")
def bilinear(context: Context, result: Any, x: Value, y: Value, weight: Value, bias: Value | None = None) -> Value:
    """x[…, i], y[…, j], weight[out, i, j], bias[out]."""
    before = batch_of(x, 1)
    terms = [lettered(x, [*before, "i"]), lettered(y, [*before, "j"]), lettered(weight, ["out", "i", "j"])]
    return context.combined([*terms, *([] if bias is None else [lettered(bias, ["out"])])], [*before, "out"])


@rule("outer")
def outer(context: Context, result: Any, left: Value, right: Value) -> Value:
    """Every entry with every entry."""
    return context.combined([lettered(left, ["row"]), lettered(right, ["column"])], ["row", "column"])


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
    """query[…, l, e], key[…, s, e], value[…, s, v]; with grouped queries a key for several heads of the queries."""
    if is_causal:
        context.freeze(query.axes[-2], "causal attention")
        context.freeze(key.axes[-2], "causal attention")
    if mask is not None:
        context.pointwise([context.value([*query.axes[:-1], key.axes[-2]]), mask])
    heads, grouped = batch_of(query), bool(options.get("enable_gqa"))
    if grouped:
        groups, each = size_of(key.axes[-3]), size_of(query.axes[-3]) // size_of(key.axes[-3])
        parts = regroup([query.axes[-3]], [groups, each], context.place)
        query = context.value([*query.axes[:-3], *parts, *query.axes[-2:]])
        heads.append("each")
    terms = [lettered(query, [*heads, "l", "e"]), lettered(key, [*batch_of(key), "s", "e"])]
    scores = context.combined(terms, [*heads, "l", "s"])
    context.apart_in(scores, [-1])
    terms = [lettered(scores, [*heads, "l", "s"]), lettered(value, [*batch_of(value), "s", "v"])]
    found = context.combined(terms, [*heads, "l", "v"])
    return context.value([*found.axes[:-4], join(found.axes[-4:-2]), *found.axes[-2:]]) if grouped else found
