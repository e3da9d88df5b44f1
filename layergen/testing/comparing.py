"""What a function gives beside what it should give: the first entry that is off by more than rounding, in a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from layergen.features import Features
from layergen.testing.rounding import difference, scales
from layergen.testing.sanity import check_finite
from layergen.testing.subject import Subject
from layergen.testing.verdict import Fault, Verdict
from symmetry.language.axes import print_axes

__all__ = ["Deed", "compare"]


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to the features that a function took: `text`; outputs should move, or widen, alike (`verb`).

    A function that fails is not invariant, or equivariant, after the word of `kind`; `described` is what a verdict
    keeps of an element, `notes` are further lines of its message.
    """

    text: str
    verb: str
    kind: str = ""
    described: dict[str, Any] | None = None
    notes: Sequence[str] = ()


def compare(
    subject: Subject,
    output: Features,
    expected: Features,
    found: Features,
    deed: Deed,
    tolerance: float | None,
    stretch: Mapping[str, Tensor] = {},
) -> None:
    """Raise `Fault` where `found` is not what `output`, that of the features as they were, makes expect."""
    check_finite(found, f" after {deed.text}")
    for name, value in expected.items():
        if name not in found or found[name].shape != value.shape:
            message = f"output {name!r} has another shape after {deed.text}"
            raise Fault(Verdict(False, message, "wrong shape", tensor=name))
        if value.numel():
            scale = scales(output[name])
            error, allowed, entry = difference(subject, name, value, found[name], tolerance, scale, stretch.get(name))
            if not error <= allowed:
                values = value[entry].item(), found[name][entry].item()
                raise Fault(failure(subject, deed, name, entry, values, error, allowed))


def failure(
    subject: Subject,
    deed: Deed,
    name: str,
    entry: tuple[int, ...],
    values: tuple[float, float],
    error: float,
    allowed: float,
) -> Verdict:
    """The verdict on a function that fails at an entry."""
    if subject.target is None:
        kind, what, where = f"{deed.kind}invariant", "changes the output", f" at {entry}"
    else:
        axes = ", ".join(("batch", *(print_axes((axis,)) for axis in subject.target[name].axes), "channel"))
        kind, what = f"{deed.kind}equivariant", f"does not {deed.verb} output {name!r} alike"
        where = f" at ({axes}) = {entry}"
    lines = [
        f"not {kind}: {deed.text} {what}{where}",
        f"    expected {values[0]:.6g}, got {values[1]:.6g}; relative error {error:.3g}, tolerance {allowed:.1g}",
        *deed.notes,
    ]
    return Verdict(False, "\n".join(lines), f"not {kind}", deed.described, name, entry, error, allowed)
