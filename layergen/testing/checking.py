"""Equivariance and invariance as properties, driven and shrunk by hypothesis.

A function is accused only of what it does: that it is random, returns no finite numbers, changes its input or
has other shapes than declared is said as such, before any permutation is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from layergen.testing.strategies import group_elements, movable, transpositions
from symmetry import GroupElement, WeightSpace
from symmetry.weight_space import joint_space

__all__ = ["TOLERANCES", "Verdict", "assert_equivariant", "assert_invariant", "check"]

TOLERANCES = {torch.float64: 1e-10, torch.float32: 2e-5, torch.float16: 2e-2, torch.bfloat16: 6e-2}
"""Largest error that counts as rounding, relative to the largest entry of the output tensor."""

SIMPLER = 500
"""How many single transpositions are tried, in order, to find a simpler failure than the one found."""

SMALLEST = 1e-2
"""Outputs are held to at least this much of the largest input: what is zero up to rounding is not accused."""

BATCH = 4
OUTPUT = "output"
"""The name under which an invariant function's result is reported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a check, with the smallest counterexample found where there is one."""

    passed: bool
    message: str
    moved: dict[str, Any] | None = None
    tensor: str | None = None
    entry: tuple[int, ...] | None = None
    error: float | None = None
    tolerance: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


class Fault(AssertionError):
    """A property that does not hold, with the verdict on it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """The function under test, what goes in, and what should come out."""

    function: Callable[[dict[str, Tensor]], Any]
    space: WeightSpace
    target: WeightSpace | None
    features: dict[str, Tensor]

    def output(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The function's output by tensor name; an invariant function's one output under its own name."""
        with torch.no_grad():
            found = self.function({name: value.clone() for name, value in features.items()})
        return check_output(found, self.target)

    @property
    def group(self) -> WeightSpace:
        """A space whose group is that of the features and the outputs together."""
        return self.space if self.target is None else joint_space(self.space, self.target)

    def moved(self, g: GroupElement) -> dict[str, Tensor]:
        """The features, moved."""
        return g.on(self.space).act(self.features, channels=True)

    def expected(self, g: GroupElement, output: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the function of the moved features should be."""
        return output if self.target is None else g.on(self.target).act(output, channels=True)


def check_output(found: Any, target: WeightSpace | None) -> dict[str, Tensor]:
    """The output as a dictionary of tensors; raises `Fault` where it has other names or shapes than it should."""
    if target is None:
        outputs = found if isinstance(found, dict) else {OUTPUT: found}
        if not all(isinstance(value, Tensor) for value in outputs.values()):
            raise Fault(
                Verdict(False, f"an invariant function returns a tensor; this one returned {type(found).__name__}")
            )
        return outputs
    if not isinstance(found, Mapping) or set(found) != set(target.names):
        names = sorted(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        raise Fault(Verdict(False, f"the function returned {names}, not features of {list(target.names)}"))
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise Fault(Verdict(False, f"output {name!r} is no tensor but {type(value).__name__}", tensor=name))
        if value.ndim != len(target[name].shape) + 2 or tuple(value.shape[1:-1]) != target[name].shape:
            shape = ("batch", *target[name].shape, "channels")
            raise Fault(Verdict(False, f"output {name!r} has shape {tuple(value.shape)}, not {shape}", tensor=name))
    return dict(found)


def assert_equivariant(
    f: Callable[[dict[str, Tensor]], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    channels: int | None = None,
    examples: int = 30,
    positional: bool = False,
    tolerance: float | None = None,
) -> None:
    """Assert that `f`, a function of features, commutes with the permutations of a weight space.

    The message of the `AssertionError` gives the smallest failing permutation that hypothesis finds. Positional
    indices are left alone unless asked for.

    >>> from layergen import EquivariantLinear
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> assert_equivariant(EquivariantLinear(space, 1, 3), space)
    >>> assert_equivariant(lambda x: {**x, "b": x["b"].cumsum(1)}, space)
    Traceback (most recent call last):
        ...
    AssertionError: not equivariant: ...
    """
    raise_unless(
        check(f, space, target=target, channels=channels, examples=examples, positional=positional, tolerance=tolerance)
    )


def assert_invariant(
    f: Callable[[dict[str, Tensor]], Any],
    space: WeightSpace,
    *,
    channels: int | None = None,
    examples: int = 30,
    positional: bool = False,
    tolerance: float | None = None,
) -> None:
    """Assert that `f`, a function of features, does not change under the permutations of a weight space.

    >>> space = WeightSpace({"b": "h"}, sets={"h": 4})
    >>> assert_invariant(lambda x: x["b"].amax(1), space)
    """
    raise_unless(
        check(
            f, space, invariant=True, channels=channels, examples=examples, positional=positional, tolerance=tolerance
        )
    )


def raise_unless(verdict: Verdict) -> None:
    if not verdict.passed:
        raise AssertionError(verdict.message)


def check(
    f: Callable[[dict[str, Tensor]], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    invariant: bool = False,
    channels: int | None = None,
    examples: int = 30,
    positional: bool = False,
    tolerance: float | None = None,
    seed: int = 0,
) -> Verdict:
    """The verdict of `assert_equivariant`, or with `invariant` of `assert_invariant`, as a value.

    Features are standard normal, of the dtype and device of `f`'s parameters where it is a module (float32 on the
    CPU otherwise), with `channels` channels: by default `f.in_channels`, else one.
    """
    channels = int(getattr(f, "in_channels", 1)) if channels is None else channels
    if channels < 1:
        raise ValueError(f"{channels} channels: there is nothing to test; give channels=1 or more")
    features = random_features(f, space, channels, seed)
    subject = Subject(f, space, None if invariant else target or space, features)
    try:
        output = sane_output(subject)
        search(subject, output, examples, positional, tolerance)
    except Fault as fault:
        return fault.verdict
    kind = "invariant" if invariant else "equivariant"
    if not movable(subject.group, positional=positional):
        return Verdict(True, f"trivially {kind}: no set has two elements to exchange")
    return Verdict(True, f"{kind} under {examples} permutations, tested in {next(iter(output.values())).dtype}")


def random_features(f: Any, space: WeightSpace, channels: int, seed: int) -> dict[str, Tensor]:
    """Standard normal features in the dtype and on the device of a module's parameters."""
    generator = torch.Generator().manual_seed(seed)
    parameters = f.parameters() if isinstance(f, nn.Module) else ()
    like: Tensor = next((p for p in parameters if p.is_floating_point()), torch.empty(0))
    return {t.name: torch.randn(BATCH, *t.shape, channels, generator=generator).to(like) for t in space}


def sane_output(subject: Subject) -> dict[str, Tensor]:
    """The output on the features; raises `Fault` if it is not deterministic, not finite, or changes its input."""
    given = {name: value.clone() for name, value in subject.features.items()}
    with torch.no_grad():
        first = subject.function(given)
    output = {name: value.clone() for name, value in check_output(first, subject.target).items()}
    for name, value in subject.features.items():
        if name not in given or not torch.equal(given[name], value):
            raise Fault(Verdict(False, f"the function changes its input {name!r} in place", tensor=name))
    if not any(value.numel() for value in output.values()):
        raise Fault(Verdict(False, "the function returned no entries at all: there is nothing to test"))
    for name, value in output.items():
        if not torch.isfinite(value).all():
            raise Fault(Verdict(False, f"output {name!r} is not finite", tensor=name))
    again = subject.output(subject.features)
    for name, value in output.items():
        error = (again[name] - value).abs().max().item() if value.numel() else 0.0
        if error > 0:
            text = f"the function is not deterministic: two calls on the same input differ by {error:.3g} in {name!r}"
            raise Fault(Verdict(False, f"{text} (dropout, or batch statistics? try .eval())", tensor=name, error=error))
    return output


def search(
    subject: Subject, output: dict[str, Tensor], examples: int, positional: bool, tolerance: float | None
) -> None:
    """Try permutations; raise the `Fault` of the simplest that fails."""

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
    else:
        return
    for g in islice(transpositions(subject.group, positional=positional), SIMPLER):
        compare(subject, g, subject.expected(g, output), tolerance)
    raise Fault(found.verdict)


def compare(subject: Subject, g: GroupElement, expected: dict[str, Tensor], tolerance: float | None) -> None:
    """Raise `Fault` where the function of the moved features is not the expected output."""
    found = subject.output(subject.moved(g))
    largest = max((float(value.abs().max()) for value in subject.features.values() if value.numel()), default=1.0)
    for name, value in expected.items():
        if found[name].shape != value.shape:
            raise Fault(Verdict(False, f"output {name!r} has another shape after {describe(g)}", tensor=name))
        if not value.numel():
            continue
        value = value if value.is_floating_point() else value.double()
        difference = (found[name].to(value.dtype) - value).abs()
        error = difference.max().item() / max(value.abs().max().item(), SMALLEST * largest)
        allowed = TOLERANCES.get(value.dtype, 1e-4) if tolerance is None else tolerance
        if not error <= allowed:
            entry = tuple(int(i) for i in torch.unravel_index(difference.argmax(), difference.shape))
            raise Fault(
                failure(subject, g, name, entry, (value[entry].item(), found[name][entry].item()), error, allowed)
            )


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
    kind = "invariant" if subject.target is None else "equivariant"
    place = "" if subject.target is None else f" at (batch, {'*axes'}, channel) = {entry}"
    what = "changes the output" if subject.target is None else f"does not move output {name!r} alike"
    lines = [
        f"not {kind}: {describe(g)} {what}{place}",
        f"    expected {values[0]:.6g}, got {values[1]:.6g}; relative error {error:.3g}, tolerance {allowed:.3g}",
        f"    symmetry.element(space, { {n: g.parts[n].tolist() for n in g.moved} })",
    ]
    moved = {set_name: g.parts[set_name].tolist() for set_name in g.moved}
    return Verdict(False, "\n".join(lines), moved, name, entry, error, allowed)


def describe(g: GroupElement) -> str:
    """What an element does, in words."""
    return " and ".join(describe_part(g, name) for name in g.moved) or "moving nothing"


def describe_part(g: GroupElement, name: str) -> str:
    """A transposition by its two elements, anything else by the set."""
    part = g.parts[name]
    places = [tuple(int(i) for i in place) for place in zip(*(part != range(part.shape[-1])).nonzero(), strict=True)]
    if len(places) == 2 and places[0][:-1] == places[1][:-1]:
        within = f" of copy {places[0][:-1]}" if len(places[0]) > 1 else ""
        return f"exchanging elements {places[0][-1]} and {places[1][-1]}{within} of {name!r}"
    return f"permuting {name!r}"
