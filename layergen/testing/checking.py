"""Equivariance and invariance as properties: asserted, or as a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from layergen.testing.forms import Form
from layergen.testing.inputs import channels_of
from layergen.testing.rounding import is_nothing
from layergen.testing.sanity import sane_output, with_noise
from layergen.testing.search import search
from layergen.testing.snippets import reproducible
from layergen.testing.subject import Subject, make_subject
from layergen.testing.verdict import Fault, Verdict, raise_unless
from symmetry import WeightSpace
from symmetry.maps.projection import permutes_entries
from symmetry.space.elements import simple_elements

__all__ = ["assert_equivariant", "assert_invariant", "check"]


def assert_equivariant(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    form: str | Form = "features",
    channels: int | None = None,
    examples: int = 30,
    positional: bool = False,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> None:
    """Assert that `f` commutes with the permutations of a weight space.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}` and returns those of `target`, or both in
        another `form`.
    space
        The weight space whose permutations are tried.
    target
        The weight space of the output; by default `space`.
    form
        What `f` takes and returns: "features", "weights" or "state_dict" (one network's tensors by name), "pairs"
        (`(weights, biases)`, channels last), "nfn" (`WeightSpaceFeatures`), "flat" (one vector a network), or a `Form`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    examples
        How many random elements of the group are tried.
    positional
        Whether positional indices are permuted too.
    tolerance
        The largest error that counts as rounding, over the root mean square of the output channel. By default 1e-10
        in float64, 2e-5 in float32, 0.08 in float16 and 0.25 in bfloat16, and on top of it four times what rounding
        the inputs changes, which is measured: a function that cancels large terms is not accused.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal.

    Raises
    ------
    AssertionError
        If it does not, with the smallest failing permutation that hypothesis finds and code that shows it again; or
        if `f` cannot be judged (it is random, depends on the rest of the batch, returns other shapes …).

    Examples
    --------
    >>> from layergen import EquivariantLinear
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> assert_equivariant(EquivariantLinear(space, 1, 3), space)
    >>> assert_equivariant(lambda x: {**x, "b": x["b"].cumsum(1)}, space)
    Traceback (most recent call last):
        ...
    AssertionError: not equivariant: exchanging elements 0 and 1 of 'h' does not move output 'b' alike ...
    """
    __tracebackhide__ = True
    options: dict[str, Any] = {"examples": examples, "positional": positional, "tolerance": tolerance}
    raise_unless(check(f, space, target=target, form=form, channels=channels, dtype=dtype, seed=seed, **options))


def assert_invariant(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    form: str | Form = "features",
    channels: int | None = None,
    examples: int = 30,
    positional: bool = False,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> None:
    """Assert that `f` does not change under the permutations of a weight space.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}`, or another `form`, and returns a tensor
        `(batch, …)`.
    space
        The weight space whose permutations are tried.
    form
        What `f` takes and returns: "features", "weights" or "state_dict" (one network's tensors by name), "pairs"
        (`(weights, biases)`, channels last), "nfn" (`WeightSpaceFeatures`), "flat" (one vector a network), or a `Form`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    examples
        How many random elements of the group are tried.
    positional
        Whether positional indices are permuted too.
    tolerance
        The largest error that counts as rounding, over the root mean square of the output channel. By default 1e-10
        in float64, 2e-5 in float32, 0.08 in float16 and 0.25 in bfloat16, and on top of it four times what rounding
        the inputs changes, which is measured: a function that cancels large terms is not accused.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal.

    Raises
    ------
    AssertionError
        If it does, with the smallest such permutation that hypothesis finds and code that shows it again; or if `f`
        cannot be judged (it is random, depends on the rest of the batch, returns other shapes …).

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 4})
    >>> assert_invariant(lambda x: x["b"].amax(1), space)
    """
    __tracebackhide__ = True
    options: dict[str, Any] = {"examples": examples, "positional": positional, "tolerance": tolerance}
    raise_unless(check(f, space, invariant=True, form=form, channels=channels, dtype=dtype, seed=seed, **options))


def check(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    invariant: bool = False,
    form: str | Form = "features",
    channels: int | None = None,
    examples: int = 30,
    positional: bool = False,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> Verdict:
    """The verdict of `assert_equivariant`, or with `invariant` of `assert_invariant`, as a value.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}` and returns those of `target` or a tensor
        `(batch, …)`, or takes and returns them in another `form`.
    space
        The weight space whose permutations are tried.
    target
        The weight space of the output; by default `space`.
    invariant
        Whether `f` should not change at all under the permutations, instead of commuting with them.
    form
        What `f` takes and returns: "features", "weights" or "state_dict" (one network's tensors by name), "pairs"
        (`(weights, biases)`, channels last), "nfn" (`WeightSpaceFeatures`), "flat" (one vector a network), or a `Form`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    examples
        How many random elements of the group are tried.
    positional
        Whether positional indices are permuted too.
    tolerance
        The largest error that counts as rounding, over the root mean square of the output channel. By default 1e-10
        in float64, 2e-5 in float32, 0.08 in float16 and 0.25 in bfloat16, and on top of it four times what rounding
        the inputs changes, which is measured: a function that cancels large terms is not accused.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal.

    Returns
    -------
    Verdict
        Whether it passed, and if not the smallest counterexample found.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 4})
    >>> verdict = check(lambda x: {"b": x["b"] - x["b"][:, :1]}, space)
    >>> verdict.kind, verdict.moved, verdict.batch
    ('not equivariant', {'h': [1, 0, 2, 3]}, 1)
    """
    into = None if invariant else target or space
    subject = make_subject(f, space, into, form, channels, dtype, seed)
    try:
        output = sane_output(subject)
        subject = with_noise(subject, output)
        search(subject, output, examples, positional, tolerance)
    except Fault as fault:
        verdict = fault.verdict
        return reproducible(verdict, subject, channels_of(f, channels), seed) if verdict.moved else verdict
    kind = "invariant" if invariant else "equivariant"
    notes = silent(subject, output)
    if next(simple_elements(subject.group, positional=positional), None) is None:
        return Verdict(True, f"trivially {kind}: no set has two elements to exchange", kind)
    tested = next(iter(output.values())).dtype
    elements = "permutations" if all(map(permutes_entries, subject.group)) else "elements of the group"
    return Verdict(True, f"{kind} under {examples} {elements}, tested in {tested}{notes}", kind)


def silent(subject: Subject, output: dict[str, Tensor]) -> str:
    """A note on the outputs that are zero, of which nothing can be told."""
    zero = [repr(name) for name, value in output.items() if is_nothing(subject, value)]
    return f"; nothing is known of {', '.join(zero)}, zero up to rounding" if zero else ""
