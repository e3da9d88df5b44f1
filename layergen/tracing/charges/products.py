"""Charges through products: linear maps, convolutions, equations, attention."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from layergen.tracing.charges.equations import Equations, Lettered
from layergen.tracing.charges.table import rule
from layergen.tracing.operators.products import batch_of, spelled
from layergen.tracing.values import Step, Value

__all__: list[str] = []


def with_bias(equations: Equations, result: Value, letters: Sequence[Hashable], bias: Lettered | None) -> None:
    """A bias is added to a result."""
    if bias is not None:
        equations.equal(equations.lettered(result, letters), bias)


@rule("linear")
def linear(equations: Equations, step: Step) -> None:
    """x[…, in], weight[out, in], bias[out]."""
    x, weight, *bias = step.arguments
    *before, into = range(len(x.axes))
    out = ["out"] if len(weight.axes) > 1 else []
    letters = [*before, *out]
    terms = [equations.lettered(x, [*before, into]), equations.lettered(weight, [*out, into])]
    equations.product(terms, equations.lettered(step.results[0], letters))
    with_bias(equations, step.results[0], letters, equations.lettered(bias[0], out) if bias else None)


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def matmul(equations: Equations, step: Step) -> None:
    """Dimensions before the last two are aligned, the last and the last but one are summed over."""
    multiply(equations, step.arguments[0], step.arguments[1], step.results[0])


def multiply(equations: Equations, left: Value, right: Value, result: Value) -> None:
    """Two matrices, or batches of them."""
    rows: list[Hashable] = ["row"] if len(left.axes) > 1 else []
    columns: list[Hashable] = ["column"] if len(right.axes) > 1 else []
    terms = [
        equations.lettered(left, [*batch_of(left), *rows, "inner"]),
        equations.lettered(right, [*batch_of(right), "inner", *columns]),
    ]
    output = [*max(batch_of(left), batch_of(right), key=len), *rows, *columns]
    equations.product(terms, equations.lettered(result, output))


@rule("addmm", "baddbmm", "addmv")
def addmm(equations: Equations, step: Step) -> None:
    """added + left @ right."""
    added, left, right = step.arguments
    multiply(equations, left, right, step.results[0])
    equations.equal(equations.aligned(step.results[0]), equations.aligned(added))


@rule("outer")
def outer(equations: Equations, step: Step) -> None:
    """Every entry with every entry."""
    left, right = step.arguments
    terms = [equations.lettered(left, ["row"]), equations.lettered(right, ["column"])]
    equations.product(terms, equations.lettered(step.results[0], ["row", "column"]))


@rule("einsum")
def einsum(equations: Equations, step: Step) -> None:
    """Every letter is one axis; on the diagonal of an operand nothing acts."""
    inputs, arrow, output = step.named["equation"].replace(" ", "").partition("->")
    if not arrow:
        plain = inputs.replace(",", "").replace("...", "")
        output = "..." * ("..." in inputs) + "".join(sorted(one for one in set(plain) if plain.count(one) == 1))
    terms, rank = [], 0
    for text, operand in zip(inputs.split(","), step.arguments, strict=True):
        count = len(operand.axes) - len(text.replace("...", ""))
        rank, letters = max(rank, count), spelled(text, count)
        if len(set(letters)) < len(letters):
            equations.nought(operand)
        terms.append(equations.lettered(operand, letters))
    equations.product(terms, equations.lettered(step.results[0], spelled(output, rank)))


@rule("scaled_dot_product_attention")
def attention(equations: Equations, step: Step) -> None:
    """query[…, l, e], key[…, s, e], value[…, s, v]: charges of queries and keys cancel, as softmax demands."""
    query, key, value, *mask = step.arguments
    result = step.results[0]
    equations.nought(*mask)
    queries, keys = equations.aligned(query), equations.aligned(key)
    for letter in queries:
        own = (queries[letter], keys.get(letter, ()))
        if letter == -1 or not (letter == -2 or equations.group.mixes or step.named.get("enable_gqa")):
            equations.relate(*((1, leaves) for leaves in own))
        else:
            equations.still(*own)
    values, made = equations.aligned(value), equations.aligned(result)
    equations.still(values[-2], made[-2])
    for letter in made:
        if letter == -1:
            equations.alike(values[letter], made[letter])
        else:
            equations.still(values.get(letter, ()), made[letter])


@rule(*(f"{name}{count}d" for name in ("conv", "conv_transpose") for count in (1, 2, 3)), "convolution")
def convolution(equations: Equations, step: Step) -> None:
    """x[…, (g i), …], weight[(g o), i, …], transposed weight[(g i), o, …]: groups side by side."""
    x, weight, *bias = step.arguments
    result, place = step.results[0], -(len(weight.axes) - 2) - 1
    transposed = "transpose" in step.name or bool(step.named.get("transposed"))
    coming, rows, columns = (
        equations.along(x, len(x.axes) + place),
        equations.along(weight, 0),
        equations.along(weight, 1),
    )
    left = equations.along(result, len(result.axes) + place)
    if step.named.get("groups", 1) == 1:
        into, out = (rows, columns) if transposed else (columns, rows)
        terms: list[Lettered] = [{"in": coming}, {"in": into, "out": out}]
        equations.product(terms, {"out": left})
    else:
        inner = columns if not transposed else rows[len(left) - len(columns) :]
        groups = len(coming) - len(inner)
        into, out = (rows[groups:], columns) if transposed else (columns, rows[groups:])
        terms = [
            {"groups": coming[:groups], "in": coming[groups:]},
            {"groups": rows[:groups], "in": into, "out": out},
        ]
        equations.product(terms, {"groups": left[:groups], "out": left[groups:]})
    for dim in range(len(x.axes) + place):
        equations.alike(equations.along(x, dim), equations.along(result, dim))
    for one in bias:
        equations.equal({"out": left}, {"out": equations.along(one, 0)})
        equations.still(*(equations.along(result, dim) for dim in range(len(result.axes) + place)))
