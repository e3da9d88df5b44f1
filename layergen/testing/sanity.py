"""Whether a function is fit to be judged at all: what a check says before it speaks of symmetry.

A function is accused only of what it does: that it is random, depends on the rest of the batch, keeps a memory,
returns no finite numbers or changes its input is said as such.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from layergen.features import Features
from layergen.testing.rounding import DROWNED, ROUNDING, allowance, difference, is_nothing, measured_noise, scales
from layergen.testing.subject import Subject
from layergen.testing.verdict import Fault, Verdict

__all__ = ["check_finite", "check_repeated", "sane_output", "with_noise"]

CALLS = 7
"""How often a function is called again on the same input: what happens every second time is missed once in 128."""


def sane_output(subject: Subject) -> Features:
    """The output on the features; raises `Fault` for whatever keeps the function from being judged."""
    before = state(subject.function)
    given = {name: value.clone() for name, value in subject.features.items()}
    output = {name: value.clone() for name, value in subject.call(given).items()}
    check_input_kept(subject, given)
    check_state_kept(before, state(subject.function))
    if not any(value.numel() for value in output.values()):
        message = "the function returned no entries at all: there is nothing to test"
        raise Fault(Verdict(False, message, "no output"))
    check_finite(output, "")
    check_repeated(subject, subject.features, output)
    return output


def state(f: Any) -> Features:
    """A copy of the parameters and buffers of a module."""
    if not isinstance(f, nn.Module):
        return {}
    return {name: value.detach().clone() for name, value in (*f.named_parameters(), *f.named_buffers())}


def check_input_kept(subject: Subject, given: Features) -> None:
    """Raise `Fault` where a call changed what it was given. Only what shares memory with it can be seen."""
    for name, value in subject.features.items():
        if name not in given or not torch.equal(given[name], value):
            message = f"the function changes its input {name!r} in place"
            raise Fault(Verdict(False, message, "changes its input", tensor=name))


def check_state_kept(before: Features, after: Features) -> None:
    """Raise `Fault` where a call changed a parameter or a buffer."""
    for name, value in before.items():
        if not torch.equal(value, after[name]):
            message = f"a call changes {name!r} of the module (running statistics? try .eval())"
            raise Fault(Verdict(False, message, "changes its state"))


def check_finite(output: Features, when: str) -> None:
    """Raise `Fault` for NaN or infinite outputs."""
    for name, value in output.items():
        # Where the sum is finite all entries are, and one pass over memory shows it.
        if not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
            raise Fault(Verdict(False, f"output {name!r} is not finite{when}", "not finite", tensor=name))


def check_repeated(subject: Subject, features: Features, output: Features) -> None:
    """Raise `Fault` where one of several more calls on the same input gives another output."""
    for _ in range(CALLS):
        check_deterministic(output, subject.output(features))


def check_deterministic(first: Features, second: Features) -> None:
    """Raise `Fault` where two calls on the same input differ at all."""
    for name, value in first.items():
        if value.shape != second[name].shape:
            message = f"the function is not deterministic: output {name!r} has another shape at the second call"
            raise Fault(Verdict(False, message, "not deterministic", tensor=name))
        error = (second[name] - value).abs().max().item() if value.numel() else 0.0
        if error != 0:
            text = f"the function is not deterministic: two calls on the same input differ by {error:.3g} in {name!r}"
            message = f"{text} (dropout? try .eval())"
            raise Fault(Verdict(False, message, "not deterministic", tensor=name, error=error))


def with_noise(subject: Subject, output: Features) -> Subject:
    """The subject with what rounding its inputs does to each output channel.

    Raises `Fault` where that drowns everything: such a function cannot be judged in its precision. With the noise
    known, the networks of a batch are seen to be independent, or else that is raised.
    """
    judged = replace(subject, noise=measured_noise(subject, output))
    for name, value in output.items():
        share = ROUNDING * judged.noise[name].cpu() / scales(value)
        precise = allowance(value) < DROWNED
        if precise and value.numel() and not is_nothing(subject, value) and bool((share > DROWNED).any()):
            text = f"rounding its input changes output {name!r} by {float(share.max()):.1g} of itself"
            message = f"the function cannot be judged in {value.dtype}: {text} (try dtype=torch.float64)"
            raise Fault(Verdict(False, message, "cannot be judged", tensor=name))
    check_batch(judged, output)
    return judged


def check_batch(subject: Subject, output: Features) -> None:
    """Raise `Fault` where the output for the first network or the last depends on the others."""
    if subject.form.single:
        return
    for network in (slice(1), slice(-1, None)):
        alone = replace(subject, features={name: value[network] for name, value in subject.features.items()})
        for name, value in alone.output(alone.features).items():
            own = output[name][network]
            if not value.numel() or own.shape != value.shape:
                continue
            error, allowed, _ = difference(subject, name, own, value, None, scales(output[name]))
            if error > allowed:
                check_repeated(subject, subject.features, output)
                text = f"the output {name!r} for one network changes by {error:.3g} with the others in the batch"
                message = f"{text} (batch statistics? try .eval())"
                raise Fault(
                    Verdict(False, message, "depends on the batch", tensor=name, error=error, tolerance=allowed)
                )
