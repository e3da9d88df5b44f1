"""The search for a counterexample: hypothesis finds a permutation that fails, then simpler ones are tried in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
from hypothesis.errors import Flaky
from torch import Tensor

from layergen.testing.comparing import Deed, compare
from layergen.testing.inputs import BATCH
from layergen.testing.rounding import stretches
from layergen.testing.sanity import check_repeated, with_noise
from layergen.testing.subject import OUTPUT, Subject, in_double
from layergen.testing.verdict import Fault, Verdict
from symmetry import GroupElement, WeightSpace, element
from symmetry.space.elements import simple_elements
from symmetry.space.group import movers
from symmetry.strategies import group_elements

__all__ = ["search"]

SMALL = 5e-2
"""A failure in float32 of less than this is tried again in float64."""

NEARBY, APART, SAME = 32, 0.2, 0.6
"""At how many other inputs, that far from the first, an error of float32 is looked at. Rounding errors there average to
nothing; a mistake is much the same, so that the mean of the errors is most of their size."""

SIMPLER = 500
"""How many single transpositions are tried, in order, to find a simpler failure than the one found."""


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
        check(subject, g, output, tolerance)

    try:
        with leaving_nothing():
            commutes()
    except Fault as fault:
        found = fault
    except Flaky:
        text = "the function is not deterministic: a permutation that failed once did not fail again"
        raise Fault(Verdict(False, text, "not deterministic")) from None
    else:
        return
    check_steady(subject, output, found.verdict)
    simplest = found.verdict
    for g in simpler_elements(subject.group, simplest.moved or {}, positional):
        if simpler := fails(subject, g, output, tolerance):
            simplest = simpler
            break
    if not persists(subject, simplest, tolerance):
        return
    raise Fault(smallest_batch(subject, simplest, tolerance))


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Where hypothesis has no folder yet, let it write what it keeps for later into one that goes away.

    A user of this kit has not asked for a folder `.hypothesis`, and need not know that there is hypothesis.
    """
    found: Any = storage_directory(intent_to_write=False)
    home: Path = getattr(found, "path", found)  # earlier versions of hypothesis give the path itself
    if home.exists():
        yield
        return
    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)


def check_steady(subject: Subject, output: dict[str, Tensor], verdict: Verdict) -> None:
    """Raise `Fault` where a failure is no more than what the same input does at one call and not at another."""
    moved = subject.moved(element(subject.group, verdict.moved or {}))
    check_repeated(subject, subject.features, output)
    check_repeated(subject, moved, subject.output(moved))


def simpler_elements(space: WeightSpace, moved: Mapping[str, Any], positional: bool) -> Iterator[GroupElement]:
    """The first of the simplest elements of every group, of sets transpositions; then what a failure is made of."""
    moving = movers(space, positional=positional)
    for name in moving:
        yield from islice(simple_elements(space, positional=positional, only=name), max(1, SIMPLER // len(moving)))
    for name, (action, copies) in moving.items():
        if name in moved:
            yield from (element(space, {name: part}) for part in action.simpler(action.read(moved[name], copies)))


def persists(subject: Subject, verdict: Verdict, tolerance: float | None) -> bool:
    """Whether a small failure in float32 is one in float64 too; it is taken for one where that cannot be tried."""
    single = all(value.dtype == torch.float32 for value in subject.features.values())
    if not single or tolerance is not None or verdict.moved is None or not (verdict.error or 1) < SMALL:
        return True
    if (double := in_double(subject)) is None:
        return True
    try:
        output = double.output(double.features)
        double = with_noise(double, output)
        if fails(double, element(subject.group, verdict.moved), output, None) is not None:
            return True
    except Exception:  # what only runs in float32 is judged by that
        return True
    return is_systematic(subject, verdict)


def is_systematic(subject: Subject, verdict: Verdict) -> bool:
    """Whether the error of a failure is much the same on inputs nearby, as that of rounding is not."""
    g, generator = element(subject.group, verdict.moved or {}), torch.Generator().manual_seed(5)
    errors = []
    for _ in range(NEARBY):
        near = {
            name: value * (1 + APART * torch.randn(value.shape, generator=generator).to(value))
            for name, value in subject.features.items()
        }
        other = replace(subject, features=near)
        found, expected = other.output(other.moved(g)), other.expected(g, other.output(near))
        name = verdict.tensor or OUTPUT
        errors.append(float((found[name] - expected[name])[verdict.entry or ()]))
    return abs(sum(errors)) > SAME * math.sqrt(NEARBY * sum(error**2 for error in errors))


def fails(subject: Subject, g: GroupElement, output: dict[str, Tensor], tolerance: float | None) -> Verdict | None:
    """The verdict on one permutation if it fails."""
    try:
        check(subject, g, output, tolerance)
    except Fault as fault:
        return fault.verdict
    return None


def smallest_batch(subject: Subject, verdict: Verdict, tolerance: float | None) -> Verdict:
    """The same failure with as few networks as show it."""
    g = element(subject.group, verdict.moved or {})
    for batch in range(1, BATCH):
        few = subject.cut(batch)
        if smaller := fails(few, g, few.output(few.features), tolerance):
            return replace(smaller, batch=batch)
    return replace(verdict, batch=BATCH)


def check(subject: Subject, g: GroupElement, output: dict[str, Tensor], tolerance: float | None) -> None:
    """Raise `Fault` where the function of the moved features is not the output, moved."""
    expected, found = subject.expected(g, output), subject.output(subject.moved(g))
    deed = Deed(g.deed, "move", described=g.described)
    compare(subject, output, expected, found, deed, tolerance, stretches(subject, g))
