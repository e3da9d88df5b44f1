"""Widening invariance and equivariance as properties: is a network read alike when all its neurons are repeated?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from layergen.features import Features
from layergen.testing.comparing import Deed, compare
from layergen.testing.forms import Form
from layergen.testing.inputs import BATCH, channels_of
from layergen.testing.sanity import sane_output, with_noise
from layergen.testing.subject import Subject, make_subject
from layergen.testing.verdict import Fault, Verdict, with_code
from layergen.widening import Summed, factors_of, widen, widened
from symmetry import WeightSpace

__all__ = ["assert_widening_equivariant", "assert_widening_invariant"]


def assert_widening_invariant(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    summed: Summed | None = None,
    factor: int | Mapping[str, int] = 2,
    form: str | Form = "features",
    channels: int | None = None,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> None:
    """Assert that `f` gives the same for networks and for the same networks with their neurons repeated.

    Each set is widened by itself, then all sets together, as `layergen.widen` does it. A function that passes tells
    networks by what they compute and not by how wide they are written; it may still be wrong on networks that were
    *trained* at another width.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}` of every width, or another `form`, and
        returns a tensor `(batch, …)`.
    space
        The weight space of the narrow networks.
    summed
        By tensor what its entries are summed over when the networks run: the name of an index or the number of an axis,
        as for `layergen.widen`; `layergen.testing.assert_widening_preserved` tells whether it is right. Without it no
        entries are divided, which is what a function of entries by fan-in (`layergen.by_fan_in`) has to stand.
    factor
        How many times each element is repeated: a number for all sets, or numbers by the name of the set.
    form
        What `f` takes and returns, as for `layergen.testing.assert_invariant`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    tolerance
        The largest error that counts as rounding, as for `layergen.testing.assert_invariant`.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal.

    Raises
    ------
    AssertionError
        If it does not, with the sets that show it and code that shows it again; if `f` does not take wider networks; or
        if it cannot be judged (it is random, depends on the rest of the batch …).
    SpecificationError
        If `summed` or `factor` do not fit the space.

    References
    ----------
    "Transferable Graph Metanetworks" (2026): multiply weights by their fan-in, average messages.

    Examples
    --------
    >>> space = WeightSpace({"w": "h", "v": "h"}, sets={"h": 4})
    >>> assert_widening_invariant(lambda x: (x["w"] * x["v"]).sum(1), space, summed={"v": "h"})
    >>> assert_widening_invariant(lambda x: (x["w"] * x["v"]).mean(1), space, summed={"v": "h"})
    Traceback (most recent call last):
        ...
    AssertionError: not widening invariant: repeating each element of 'h' (2 times) changes the output at ...
    """
    __tracebackhide__ = True
    subject = make_subject(f, space, None, form, channels, dtype, seed)
    widening = Widening(factors_of(subject.group, factor), summed or {})
    assert_widened_alike(subject, widening, tolerance, channels_of(f, channels), seed)


def assert_widening_equivariant(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    summed: Summed | None = None,
    factor: int | Mapping[str, int] = 2,
    form: str | Form = "features",
    channels: int | None = None,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> None:
    """Assert that `f` of widened networks is what it gives for the networks, widened.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}` of every width and returns those of
        `target`, or both in another `form`.
    space
        The weight space of the narrow networks.
    target
        The weight space of the output; by default `space`.
    summed
        By tensor of either space what its entries are summed over, as for `assert_widening_invariant`. Entries of the
        output are divided too where it says so: it is the weights of a network, and not what is known about them.
    factor
        How many times each element is repeated: a number for all sets, or numbers by the name of the set.
    form
        What `f` takes and returns, as for `layergen.testing.assert_equivariant`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    tolerance
        The largest error that counts as rounding, as for `layergen.testing.assert_equivariant`.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal.

    Raises
    ------
    AssertionError
        If it is not, with the sets that show it and code that shows it again; if `f` does not take wider networks; or
        if it cannot be judged (it is random, depends on the rest of the batch …).
    SpecificationError
        If `summed` or `factor` do not fit the space.

    Examples
    --------
    >>> from layergen import EquivariantLinear
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> assert_widening_equivariant(EquivariantLinear(space, 1, 3), space)
    >>> assert_widening_equivariant(lambda x: {**x, "b": x["b"] - x["b"].sum(1, keepdim=True)}, space)
    Traceback (most recent call last):
        ...
    AssertionError: not widening equivariant: repeating each element of 'h' (2 times) does not widen output 'b' ...
    """
    __tracebackhide__ = True
    subject = make_subject(f, space, target or space, form, channels, dtype, seed)
    widening = Widening(factors_of(subject.group, factor), summed or {})
    assert_widened_alike(subject, widening, tolerance, channels_of(f, channels), seed)


@dataclass(frozen=True, slots=True)
class Widening:
    """How often the elements of sets are repeated, and by tensor what its entries are summed over.

    Both may speak of more than a space has: of the output's space beside that of the input.
    """

    factors: Mapping[str, int]
    summed: Summed

    @property
    def deed(self) -> str:
        """What is done, in words."""
        return "repeating each element of " + ", ".join(f"{name!r} ({n} times)" for name, n in self.factors.items())

    def of(self, features: Features, space: WeightSpace) -> Features:
        """Features of a space, widened."""
        return widen(features, space, *self.within(space))

    def wide(self, space: WeightSpace) -> WeightSpace:
        """A space at the larger sizes."""
        return widened(space, self.within(space)[1])

    def within(self, space: WeightSpace) -> tuple[dict[str, Any], dict[str, int]]:
        """What is summed in the tensors of a space, and the factors of its sets."""
        summed = {name: axes for name, axes in self.summed.items() if name in space.names}
        return summed, {name: count for name, count in self.factors.items() if name in space.sizes}

    def code(self, features: str, space: WeightSpace, name: str) -> str:
        """Python that widens features of a space, both given by their names."""
        summed, factors = self.within(space)
        return f"layergen.widen({features}, {name}, {summed}, {factors})"


def assert_widened_alike(subject: Subject, whole: Widening, tolerance: float | None, channels: int, seed: int) -> None:
    """Raise `AssertionError` for the first sets that show that what a function gives is not widened with its input."""
    __tracebackhide__ = True
    spaces = [subject.space] if subject.target is None else [subject.space, subject.target]
    for name in whole.summed:
        if not any(name in space.names for space in spaces):
            subject.space[name]  # raises, with the names that there are
    try:
        output = sane_output(subject)
        subject = with_noise(subject, output)
        for widening in (*(Widening({name: n}, whole.summed) for name, n in whole.factors.items()), whole):
            check(subject, output, widening, tolerance)
    except Fault as fault:
        failed = fault.verdict.entry is not None
        verdict = with_snippet(fault.verdict, subject, widening, channels, seed) if failed else fault.verdict
        raise AssertionError(verdict.message) from None


def check(subject: Subject, output: Features, widening: Widening, tolerance: float | None) -> None:
    """Raise `Fault` where the function of widened features is not the output, widened."""
    expected = output if subject.target is None else widening.of(output, subject.target)
    notes = misread(subject.space, widening.wide(subject.space))
    deed = Deed(widening.deed, "widen", "widening ", notes=notes)
    compare(subject, output, expected, wider_output(subject, widening), deed, tolerance)


def wider_output(subject: Subject, widening: Widening) -> Features:
    """What the function gives for the widened features; raises `Fault` where it takes networks of one width only."""
    target = None if subject.target is None else widening.wide(subject.target)
    features = widening.of(subject.features, subject.space)
    wide = replace(subject, space=widening.wide(subject.space), target=target, features=features)
    try:
        return wide.output(wide.features)
    except Fault:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        message = f"the function does not take wider networks: {widening.deed} raises {reason}"
        raise Fault(Verdict(False, message, "of one width only")) from error


def misread(space: WeightSpace, wide: WeightSpace) -> list[str]:
    """A line about sizes that the shapes of tensors leave open: (head dk) may be 4 heads of 1 or 2 heads of 2."""
    seen = space.observed(wide.shapes).sizes
    other = {name: size for name, size in seen.items() if size != wide.sizes[name]}
    return [f"    the shapes leave sizes open: layers read {other}; try another factor"] if other else []


def with_snippet(verdict: Verdict, subject: Subject, widening: Widening, channels: int, seed: int) -> Verdict:
    """The verdict with code that shows a failure again, given `f` and `space` (and `target`)."""
    if subject.form.name != "features":
        return verdict
    dtype, into = next(iter(subject.features.values())).dtype, subject.target
    index, expected = f"[{', '.join(map(str, verdict.entry or ()))}]", "f(x)"
    if into is not None:
        index = f"[{verdict.tensor!r}]{index}"
        expected = widening.code("f(x)", into, "space" if into == subject.space else "target")
    lines = [
        f"x = layergen.testing.random_features(space, {channels}, batch={BATCH}, seed={seed}, dtype={dtype})",
        f"wide = {widening.code('x', subject.space, 'space')}",
        f"print({expected}{index}, f(wide){index})",
    ]
    return with_code(verdict, lines)
