"""Charges through functions of entries: linear ones, odd and even ones, homogeneous ones, products and sums."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from layergen.tracing.charges.equations import Equations, Number
from layergen.tracing.charges.table import rule
from layergen.tracing.values import Step, Value

__all__ = ["DEGREES", "HOMOGENEOUS", "LINEAR", "powered"]

LINEAR: dict[str, Number] = {"sign": 1, "positive": 1, "O": 1, "GL": 1}
ODD: dict[str, Number] = {"sign": 1}
EVEN: dict[str, Number] = {"sign": 0}
HOMOGENEOUS: dict[str, Number] = {"positive": 1}
NAMES: tuple[tuple[str, dict[str, Number]], ...] = (
    ("alias clone contiguous detach dropout feature_dropout alpha_dropout float lift_fresh lift_fresh_copy", LINEAR),
    ("neg to _to_copy", LINEAR),
    ("asin asinh atan erf hardshrink round sin sinh softshrink softsign tan tanh", ODD),
    ("cos cosh", EVEN),
    ("leaky_relu relu rrelu", HOMOGENEOUS),
    ("abs", {"sign": 0, "positive": 1}),
    ("sign", {"sign": 1, "positive": 0}),
    ("square", {"sign": 2, "positive": 2}),
    ("reciprocal", {"sign": -1, "positive": -1}),
    ("sqrt", {"positive": Fraction(1, 2)}),
    ("rsqrt", {"positive": Fraction(-1, 2)}),
)
DEGREES = {name: degrees for names, degrees in NAMES for name in names.split()}
"""What f(λx) = λ^d f(x) holds for: the degree d by the word of the group that λ is from."""


def powered(equations: Equations, step: Step, degrees: Mapping[str, Number]) -> None:
    """A function of single entries, of some degree for some groups."""
    degree = degrees.get(equations.group.word)
    if degree is None:
        equations.nought(*step.arguments, *step.results)
    else:
        equations.power(step.arguments[0], step.results[0], degree)


@rule(*DEGREES)
def function(equations: Equations, step: Step) -> None:
    """A function of single entries that the table has; numbers that become whole ones are no longer what they were."""
    dtype = step.named.get("dtype")
    rounds = len(step.arguments) > 1 or (dtype is not None and not dtype.is_floating_point)
    powered(equations, step, {} if rounds else DEGREES.get(step.name, DEGREES.get(step.name[:-1], {})))


@rule("pow")
def power(equations: Equations, step: Step) -> None:
    """A power with a whole exponent."""
    exponent = step.named.get("exponent")
    whole = isinstance(exponent, int | float) and exponent == int(exponent) and len(step.arguments) == 1
    powered(equations, step, dict.fromkeys(("sign", "positive"), int(exponent or 0)) if whole else {})


@rule("clamp", "clip", "clamp_min", "hardtanh")
def clamped(equations: Equations, step: Step) -> None:
    """Bounds: from 0 on it is homogeneous, between opposite numbers it is odd."""
    low, high = (step.named.get(bound, step.named.get(f"{bound}_val")) for bound in ("min", "max"))
    if is_number(low, 0) and high is None:
        powered(equations, step, HOMOGENEOUS)
    else:
        powered(equations, step, ODD if is_number(low) and is_number(high, -low) else {})


@rule("threshold")
def threshold(equations: Equations, step: Step) -> None:
    """Entries above a threshold, another number for those below: with 0 twice it is homogeneous."""
    both = is_number(step.named["threshold"], 0) and is_number(step.named["value"], 0)
    powered(equations, step, HOMOGENEOUS if both else {})


@rule("gt", "ge", "lt", "le", "eq", "ne")
def compared(equations: Equations, step: Step) -> None:
    """Entries compared with 0."""
    powered(equations, step, {"positive": 0} if is_number(step.named.get("other"), 0) else {})


def is_number(value: Any, number: float | None = None) -> bool:
    """Whether an argument is a number, or that number, and no value."""
    return isinstance(value, int | float) and number in (None, value)


def numbers(step: Step, *names: str) -> bool:
    """Whether some argument is no value and not 0: nothing acts on a number, or on what only the data tell."""
    given = [step.named[name] for name in names if name in step.named]
    return any(not isinstance(one, Value) and not is_number(one, 0) for one in given)


@rule("prelu")
def prelu(equations: Equations, step: Step) -> None:
    """A slope below 0, on which nothing acts."""
    powered(equations, step, HOMOGENEOUS)
    equations.nought(step.arguments[1])


@rule("add", "sub", "rsub")
def added(equations: Equations, step: Step) -> None:
    """Sums: equal charges. A number that is not 0 has none."""
    if numbers(step, "other"):
        equations.nought(*step.arguments)
    equations.equal(*map(equations.aligned, [step.results[0], *step.arguments]))


@rule("maximum", "minimum")
def extreme(equations: Equations, step: Step) -> None:
    """The larger of two entries."""
    if equations.group.word != "positive":
        equations.nought(*step.arguments)
    equations.equal(*map(equations.aligned, [step.results[0], *step.arguments]))


@rule("copy")
def copied(equations: Equations, step: Step) -> None:
    """Entries in place of others, which are gone."""
    equations.equal(equations.aligned(step.results[0]), equations.aligned(step.arguments[1]))


@rule("where", "masked_fill")
def chosen(equations: Equations, step: Step) -> None:
    """Entries of one value or of another, by a condition on which nothing acts; filled with 0 or with a value."""
    values = list(step.arguments)
    condition = values.pop(0 if step.name == "where" else 1)
    if numbers(step, "self", "other", "value"):
        equations.nought(*values)
    equations.nought(condition)
    for value in values:
        equations.equal(equations.aligned(step.results[0]), equations.aligned(value))
        equations.product([equations.aligned(condition), equations.aligned(value)], equations.aligned(step.results[0]))


@rule("mul")
def multiplied(equations: Equations, step: Step) -> None:
    """Products of entries in the same place."""
    equations.product([*map(equations.aligned, step.arguments)], equations.aligned(step.results[0]))


@rule("div", "true_divide")
def divided(equations: Equations, step: Step) -> None:
    """Quotients of entries in the same place."""
    if step.named.get("rounding_mode") is not None:
        equations.nought(*step.arguments)
    powers = [1, -1][: len(step.arguments)]
    equations.product([*map(equations.aligned, step.arguments)], equations.aligned(step.results[0]), powers)


@rule("zeros", "zeros_like", "new_zeros")
def zeros(equations: Equations, step: Step) -> None:
    """Nought, which whatever acts leaves as it is: it may have any charge."""
    equations.zeros.update(result for result in step.results if result in equations.constants)
