"""Equivariance and invariance as properties, driven and shrunk by hypothesis."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Flaky
from torch import Tensor, nn

from layergen.testing.forms import FORMS, Form, find_form
from layergen.testing.strategies import every_transposition, group_elements, movable
from layergen.testing.subject import (
    BATCH,
    Subject,
    check_deterministic,
    check_finite,
    difference,
    is_nothing,
    like_parameters,
    random_features,
    sane_output,
    with_noise,
)
from layergen.testing.verdict import Fault, Verdict, describe
from symmetry import GroupElement, WeightSpace, element
from symmetry.groups.groups import find_group
from symmetry.language.axes import print_axes

__all__ = ["assert_equivariant", "assert_invariant", "channels_of", "check", "make_subject"]

SMALL = 5e-2
"""A failure in float32 of less than this is tried again in float64."""

SIMPLER = 500
"""How many single transpositions are tried, in order, to find a simpler failure than the one found."""


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

    `f` takes features `{tensor: (batch, *axes, channels)}` and returns those of `target`, by default of `space`; or
    both in another `form`: "weights" (one network's tensors by name), "pairs" (`(weights, biases)`, channels last),
    "nfn" (`WeightSpaceFeatures`), "flat" (one vector a network), or a `Form` of your own.

    The message of the `AssertionError` gives the smallest failing permutation that hypothesis finds. Positional
    indices are left alone unless asked for. The inputs are normal, with `channels` channels (by default
    `f.in_channels`, else one), of `dtype` (by default that of a module's parameters, else float32). The largest
    error may be `tolerance` times the root mean square of the output channel. By default that is 1e-10 in float64, 2e-5
    in float32, 0.08 in float16 and 0.25 in bfloat16, and on top of it four times what rounding the inputs changes,
    which is measured: a function that cancels large terms is not accused.

    >>> from layergen import EquivariantLinear
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> assert_equivariant(EquivariantLinear(space, 1, 3), space)
    >>> assert_equivariant(lambda x: {**x, "b": x["b"].cumsum(1)}, space)
    Traceback (most recent call last):
        ...
    AssertionError: not equivariant: exchanging elements 0 and 1 of 'h' does not move output 'b' alike ...
    """
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
    """Assert that `f` does not change under the permutations of a weight space; options as in `assert_equivariant`.

    >>> space = WeightSpace({"b": "h"}, sets={"h": 4})
    >>> assert_invariant(lambda x: x["b"].amax(1), space)
    """
    options: dict[str, Any] = {"examples": examples, "positional": positional, "tolerance": tolerance}
    raise_unless(check(f, space, invariant=True, form=form, channels=channels, dtype=dtype, seed=seed, **options))


def raise_unless(verdict: Verdict) -> None:
    if not verdict.passed:
        raise AssertionError(verdict.message)


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
    if not movable(subject.group, positional=positional) and not subject.group.groups:
        return Verdict(True, f"trivially {kind}: no set has two elements to exchange", kind)
    tested = next(iter(output.values())).dtype
    return Verdict(True, f"{kind} under {examples} permutations, tested in {tested}{notes}", kind)


def channels_of(f: Any, channels: int | None) -> int:
    """The channels of the features: those asked for, or a module's own, or one."""
    own = getattr(f, "in_channels", 1)
    found = (own if isinstance(own, int) else 1) if channels is None else channels
    if found < 1:
        raise ValueError(f"{found} channels: there is nothing to test; give channels=1 or more")
    return found


def make_subject(
    f: Callable[[Any], Any],
    space: WeightSpace,
    target: WeightSpace | None,
    form: str | Form,
    channels: int | None,
    dtype: torch.dtype | None,
    seed: int,
) -> Subject:
    """The function with random features for it."""
    options = like_parameters(f) | ({} if dtype is None else {"dtype": dtype})
    features = random_features(space, channels_of(f, channels), seed=seed, **options)
    return Subject(f, space, target, find_form(form), features)


def silent(subject: Subject, output: dict[str, Tensor]) -> str:
    """A note on the outputs that are zero, of which nothing can be told."""
    zero = [repr(name) for name, value in output.items() if is_nothing(subject, value)]
    return f"; nothing is known of {', '.join(zero)}, zero up to rounding" if zero else ""


def search(
    subject: Subject, output: dict[str, Tensor], examples: int, positional: bool, tolerance: float | None
) -> None:
    """Try permutations; raise the `Fault` of the simplest that fails, on the smallest batch."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(group_elements(subject.group, positional=positional))
    def commutes(g: GroupElement) -> None:
        compare(subject, g, subject.expected(g, output), tolerance)

    try:
        commutes()
    except Fault as fault:
        found = fault
    except Flaky:
        text = "the function is not deterministic: a permutation that failed once did not fail again"
        raise Fault(Verdict(False, text, "not deterministic")) from None
    else:
        return
    check_deterministic(output, subject.output(subject.features))
    simplest = found.verdict
    for g in simpler_elements(subject.group, simplest.moved or {}, positional):
        if simpler := fails(subject, g, output, tolerance):
            simplest = simpler
            break
    if not persists(subject, simplest, tolerance):
        return
    raise Fault(smallest_batch(subject, simplest, tolerance))


def simpler_elements(space: WeightSpace, moved: Mapping[str, Any], positional: bool) -> Iterator[GroupElement]:
    """Single transpositions: the first of every set, those within the cycles that a failure moves; then generators."""
    names = [index.name for index in movable(space, positional=positional)]
    for name in names:
        yield from islice(every_transposition(space, positional=positional, only=name), max(1, SIMPLER // len(names)))
    for name in (name for name in names if name in moved):
        part = np.array(moved[name])
        for place in zip(*np.nonzero(part != np.arange(part.shape[-1])), strict=True):
            swapped = np.broadcast_to(np.arange(part.shape[-1]), part.shape).copy()
            there = (*place[:-1], part[place])
            swapped[place], swapped[there] = swapped[there], swapped[place]
            yield element(space, {name: swapped})
    for group in space.groups:
        yield from (element(space, {group: turn}) for turn in find_group(group).generators)


def persists(subject: Subject, verdict: Verdict, tolerance: float | None) -> bool:
    """Whether a small failure in float32 is one in float64 too; it is taken for one where that cannot be tried."""
    single = all(value.dtype == torch.float32 for value in subject.features.values())
    if not single or tolerance is not None or verdict.moved is None or not (verdict.error or 1) < SMALL:
        return True
    function = copy.deepcopy(subject.function).double() if isinstance(subject.function, nn.Module) else subject.function
    features = {name: value.double() for name, value in subject.features.items()}
    double = replace(subject, function=function, features=features, noise={})
    try:
        output = double.output(features)
        if any(value.dtype != torch.float64 for value in output.values()):
            return True
        double = with_noise(double, output)
        return fails(double, element(subject.group, verdict.moved), output, None) is not None
    except Exception:  # what only runs in float32 is judged by that
        return True


def fails(subject: Subject, g: GroupElement, output: dict[str, Tensor], tolerance: float | None) -> Verdict | None:
    """The verdict on one permutation if it fails."""
    try:
        compare(subject, g, subject.expected(g, output), tolerance)
    except Fault as fault:
        return fault.verdict
    return None


def smallest_batch(subject: Subject, verdict: Verdict, tolerance: float | None) -> Verdict:
    """The same failure with as few networks as show it."""
    g = element(subject.group, verdict.moved or {})
    for batch in range(1, BATCH):
        part = subject.cut(batch)
        if smaller := fails(part, g, part.output(part.features), tolerance):
            return replace(smaller, batch=batch)
    return replace(verdict, batch=BATCH)


def compare(subject: Subject, g: GroupElement, expected: dict[str, Tensor], tolerance: float | None) -> None:
    """Raise `Fault` where the function of the moved features is not the expected output."""
    found = subject.output(subject.moved(g))
    check_finite(found, f" after {describe(g)}")
    for name, value in expected.items():
        if name not in found or found[name].shape != value.shape:
            message = f"output {name!r} has another shape after {describe(g)}"
            raise Fault(Verdict(False, message, "wrong shape", tensor=name))
        if value.numel():
            error, allowed, entry = difference(subject, name, value, found[name], tolerance)
            if not error <= allowed:
                values = value[entry].item(), found[name][entry].item()
                raise Fault(failure(subject, g, name, entry, values, error, allowed))


def failure(
    subject: Subject,
    g: GroupElement,
    name: str,
    entry: tuple[int, ...],
    values: tuple[float, float],
    error: float,
    allowed: float,
) -> Verdict:
    """The verdict on a permutation that fails."""
    if subject.target is None:
        kind, what, place = "invariant", "changes the output", f" at {entry}"
    else:
        axes = ", ".join(("batch", *(print_axes((axis,)) for axis in subject.target[name].axes), "channel"))
        kind, what, place = "equivariant", f"does not move output {name!r} alike", f" at ({axes}) = {entry}"
    lines = [
        f"not {kind}: {describe(g)} {what}{place}",
        f"    expected {values[0]:.6g}, got {values[1]:.6g}; relative error {error:.3g}, tolerance {allowed:.1g}",
    ]
    return Verdict(False, "\n".join(lines), f"not {kind}", g.described, name, entry, error, allowed)


def reproducible(verdict: Verdict, subject: Subject, channels: int, seed: int) -> Verdict:
    """The verdict with code that shows the failure again, given `f` and `space`."""
    into = subject.target
    own = into in (None, subject.space)
    dtype = next(iter(subject.features.values())).dtype
    lines = [f"g = symmetry.element({'space' if own else 'symmetry.joint_space(space, target)'}, {verdict.moved})"]
    if subject.form.name != "features":
        target = "" if own else ", target=target"
        form = repr(subject.form.name) if FORMS.get(subject.form.name) is subject.form else "form"
        lines.append(f"f = layergen.testing.adapted(f, space, {form}{target})")
    options = f"{channels}, batch={verdict.batch}, seed={seed}, dtype={dtype}"
    lines.append(f"x = layergen.testing.random_features(space, {options})")
    moved = "g.on(space).act(x, channels=True)"
    expected = "f(x)" if into is None else f"g.on({'space' if own else 'target'}).act(f(x), channels=True)"
    part = "" if into is None and verdict.tensor == "output" else f"[{verdict.tensor!r}]"
    index = ", ".join(map(str, verdict.entry or ()))
    ending = f"{part}[{index}]" if index else part
    lines.append(f"print({expected}{ending}, f({moved}){ending})")
    snippet = "\n".join(lines)
    text = verdict.message + "\n    to see it again:\n" + "\n".join(f"        {line}" for line in lines)
    return replace(verdict, message=text, snippet=snippet)
