"""Charges through norms: what is normalised has no scale left to give, what multiplies it afterwards has."""

from __future__ import annotations

from layergen.tracing.charges.equations import Equations
from layergen.tracing.charges.table import rule
from layergen.tracing.values import Step, Value

__all__: list[str] = []


def affine(equations: Equations, step: Step, x: Value, dims: range) -> None:
    """A normalised value times the weight, plus the bias, which are along some of its dimensions."""
    result = step.results[0]
    weight, bias = (step.named.get(name) for name in ("weight", "bias"))
    letters = range(len(x.axes))
    terms = [equations.lettered(x, letters)]
    terms += [equations.lettered(weight, dims)] if isinstance(weight, Value) else []
    equations.product(terms, equations.lettered(result, letters))
    if isinstance(bias, Value):
        equations.equal(equations.lettered(result, letters), equations.lettered(bias, dims))


@rule("layer_norm", "rms_norm", "group_norm")
def normalised(equations: Equations, step: Step) -> None:
    """Statistics of the value itself, to which something small is added: nothing acts on what comes."""
    x = step.arguments[0]
    equations.nought(x)
    shape = step.named.get("normalized_shape")
    affine(equations, step, x, range(1, 2) if shape is None else range(len(x.axes) - len(shape), len(x.axes)))


@rule("batch_norm", "instance_norm")
def channels(equations: Equations, step: Step) -> None:
    """(x - mean) / √(variance + ε) for each channel: signs pass, of the mean too, the variance stays."""
    x = step.named["input"]
    mean, variance = (step.named.get(name) for name in ("running_mean", "running_var"))
    equations.still(*(equations.along(x, dim) for dim in range(len(x.axes)) if dim != 1))
    if equations.group.word != "sign":
        equations.nought(x)
    if isinstance(mean, Value):
        equations.alike(equations.along(x, 1), equations.along(mean, 0))
    if isinstance(variance, Value):
        equations.nought(variance)
    affine(equations, step, x, range(1, 2))
