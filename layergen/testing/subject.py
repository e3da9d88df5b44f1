"""The function under test, what goes in, what comes out, and whether it is fit to be judged.

A function is accused only of what it does: that it is random, depends on the rest of the batch, keeps a memory,
returns no finite numbers, changes its input or has other shapes than declared is said as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from layergen.testing.forms import Form, adapted
from layergen.testing.verdict import Fault, Verdict
from symmetry import GroupElement, WeightSpace
from symmetry.space.weight_space import joint_space

__all__ = [
    "BATCH",
    "OUTPUT",
    "TOLERANCES",
    "Subject",
    "affine_error",
    "difference",
    "is_nothing",
    "like_parameters",
    "random_features",
    "sane_output",
    "with_noise",
]

TOLERANCES = {torch.float64: 1e-10, torch.float32: 2e-5, torch.float16: 8e-2, torch.bfloat16: 2.5e-1}
"""The largest error that counts as rounding, over the root mean square of the output channel."""

ROUNDING = 4
"""How many times what rounding the inputs does to an output may come on top of that."""

DROWNED = 1e-2
"""Where rounding the inputs may account for this share of an output, nothing can be told."""

NOTHING = 64
"""An output of at most this many units in the last place of the largest input is zero up to rounding."""

BATCH = 4
OUTPUT = "output"
"""The name under which an invariant function's result is reported."""

Features = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Subject:
    """The function under test, what goes in, and what should come out (no target: an invariant function)."""

    function: Callable[[Any], Any]
    space: WeightSpace
    target: WeightSpace | None
    form: Form
    features: Features
    noise: Mapping[str, Tensor] = field(default_factory=dict)

    def output(self, features: Mapping[str, Tensor]) -> Features:
        """The function's output by tensor name; an invariant function's one output under its own name."""
        return self.call({name: value.clone() for name, value in features.items()})

    def call(self, features: Features) -> Features:
        """The output for features that may be changed."""
        with torch.no_grad():
            return self.traced(features)

    def traced(self, features: Features) -> Features:
        """The output, with a graph for gradients."""
        function = adapted(self.function, self.space, self.form, target=self.target)
        return check_output(function(features), self.target, len(next(iter(features.values()))))

    @property
    def group(self) -> WeightSpace:
        """A space whose group is that of the features and the outputs together."""
        return self.space if self.target is None else joint_space(self.space, self.target)

    def moved(self, g: GroupElement) -> Features:
        """The features, moved."""
        return g.on(self.space).act(self.features, channels=True)

    def expected(self, g: GroupElement, output: Features) -> Features:
        """What the function of the moved features should be."""
        return output if self.target is None else g.on(self.target).act(output, channels=True)

    def cut(self, batch: int) -> Subject:
        """The same with the first few networks."""
        return replace(self, features={name: value[:batch] for name, value in self.features.items()})


def check_output(found: Any, target: WeightSpace | None, batch: int) -> Features:
    """The output as a dictionary of tensors; raises `Fault` where it has other names or shapes than it should."""
    if target is None:
        outputs = found if isinstance(found, dict) else {OUTPUT: found}
        if not all(isinstance(value, Tensor) for value in outputs.values()):
            message = f"an invariant function returns a tensor; this one returned {type(found).__name__}"
            raise Fault(Verdict(False, message, "wrong output"))
        for value in outputs.values():
            if not value.ndim or value.shape[0] not in (batch, 0):
                message = f"the output has shape {tuple(value.shape)}, not ({batch}, …): one row for each network"
                raise Fault(Verdict(False, message, "wrong shape"))
        return {name: as_numbers(value) for name, value in outputs.items()}
    if not isinstance(found, Mapping) or set(found) != set(target.names):
        names = sorted(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        message = f"the function returned {names}, not features of {list(target.names)}"
        raise Fault(Verdict(False, message, "wrong output"))
    for name, value in found.items():
        if not isinstance(value, Tensor):
            message = f"output {name!r} is no tensor but {type(value).__name__}"
            raise Fault(Verdict(False, message, "wrong output", tensor=name))
        shape = (batch, *target[name].shape)
        if value.ndim != len(shape) + 1 or tuple(value.shape[:-1]) != shape:
            message = f"output {name!r} has shape {tuple(value.shape)}, not {(*shape, 'channels')}"
            raise Fault(Verdict(False, message, "wrong shape", tensor=name))
    return {name: as_numbers(found[name]) for name in target.names}


def as_numbers(value: Tensor) -> Tensor:
    """Floating-point numbers that tell the same: integers and bools in float64, complex ones as two channels."""
    if value.is_complex():
        return torch.cat([value.real, value.imag], dim=-1) if value.ndim > 1 else torch.view_as_real(value)
    return value if value.is_floating_point() else value.double()


def random_features(
    space: WeightSpace,
    channels: int = 1,
    *,
    batch: int = BATCH,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Features:
    """Standard normal features `{tensor: (batch, *axes, channels)}`: inputs in general position.

    A smaller batch of the same seed is the beginning of a larger one.

    >>> space = WeightSpace({"b": "h"}, sets={"h": 3})
    >>> random_features(space, 2, batch=5)["b"].shape
    torch.Size([5, 3, 2])
    """
    generators = [torch.Generator().manual_seed(seed * 1_000_003 + number) for number in range(batch)]
    return {
        tensor.name: torch.stack([torch.randn(*tensor.shape, channels, generator=one) for one in generators]).to(
            device, dtype
        )
        for tensor in space
    }


def like_parameters(f: Any) -> dict[str, Any]:
    """The dtype and device of a module's parameters, as options; of functions without, float32 on the CPU."""
    parameters = f.parameters() if isinstance(f, nn.Module) else ()
    like: Tensor = next((p for p in parameters if p.is_floating_point()), torch.empty(0, dtype=torch.float32))
    return {"dtype": like.dtype, "device": like.device}


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
    check_deterministic(output, subject.output(subject.features))
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
        if not torch.isfinite(value).all():
            raise Fault(Verdict(False, f"output {name!r} is not finite{when}", "not finite", tensor=name))


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


def check_batch(subject: Subject, output: Features) -> None:
    """Raise `Fault` where the output for the first network or the last depends on the others."""
    if subject.form.single:
        return
    for place in (slice(1), slice(-1, None)):
        alone = replace(subject, features={name: value[place] for name, value in subject.features.items()})
        for name, value in alone.output(alone.features).items():
            own = output[name][place]
            if not value.numel() or own.shape != value.shape:
                continue
            error, allowed, _ = difference(subject, name, own, value, None, scales(output[name]))
            if error > allowed:
                text = f"the output {name!r} for one network changes by {error:.3g} with the others in the batch"
                message = f"{text} (batch statistics? try .eval())"
                raise Fault(
                    Verdict(False, message, "depends on the batch", tensor=name, error=error, tolerance=allowed)
                )


def with_noise(subject: Subject, output: Features) -> Subject:
    """The subject with what rounding its inputs does to each output channel: the largest change of three roundings.

    Raises `Fault` where that drowns everything: such a function cannot be judged in its precision. With the noise
    known, the networks of a batch are seen to be independent, or else that is raised.
    """
    generator = torch.Generator().manual_seed(0)
    noise = {name: torch.zeros(value.shape[1:][-1:], dtype=torch.float64) for name, value in output.items()}
    for _ in range(3):
        rounded = {}
        for name, value in subject.features.items():
            signs = torch.randint(0, 2, value.shape, generator=generator).mul(2).sub(1).to(value)
            rounded[name] = value * (1 + torch.finfo(value.dtype).eps * signs)
        for name, value in subject.output(rounded).items():
            if value.shape == output[name].shape and value.numel():
                noise[name] = torch.maximum(noise[name], over_channels((value - output[name]).abs().amax, value))
    judged = replace(subject, noise=noise)
    for name, value in output.items():
        share = ROUNDING * noise[name].cpu() / scales(value)
        precise = allowance(value) < DROWNED
        if precise and value.numel() and not is_nothing(subject, value) and bool((share > DROWNED).any()):
            text = f"rounding its input changes output {name!r} by {float(share.max()):.1g} of itself"
            message = f"the function cannot be judged in {value.dtype}: {text} (try dtype=torch.float64)"
            raise Fault(Verdict(False, message, "cannot be judged", tensor=name))
    check_batch(judged, output)
    return judged


def over_channels(reduce: Callable[..., Tensor], value: Tensor) -> Tensor:
    """A reduction over all dimensions but the last (over all of a vector: one number a network), in float64."""
    return reduce(tuple(range(max(value.ndim - 1, 1)))).double().cpu()


def scales(value: Tensor) -> Tensor:
    """The root mean square of each channel."""
    squares = value.double().square()
    return over_channels(squares.mean, squares).sqrt().clamp_min(torch.finfo(torch.float64).tiny)


def allowance(value: Tensor) -> float:
    """The tolerance of a precision."""
    return TOLERANCES.get(value.dtype, 1e-4)


def is_nothing(subject: Subject, output: Tensor) -> bool:
    """Whether an output is zero up to rounding."""
    return output.numel() > 0 and float(output.abs().max()) <= NOTHING * unit(subject, output)


def unit(subject: Subject, output: Tensor) -> float:
    """A unit in the last place of the largest input, in the precision of an output."""
    largest = max((float(value.abs().max()) for value in subject.features.values() if value.numel()), default=1.0)
    return largest * float(torch.finfo(output.dtype if output.is_floating_point() else torch.float64).eps)


def affine_error(subject: Subject) -> float:
    """How far the function is from linear up to a constant, on a sum of two inputs, relative to the largest output."""
    generator = torch.Generator().manual_seed(1)
    first = subject.features
    second = {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        for name, value in first.items()
    }
    both = {name: value + second[name] for name, value in first.items()}
    zero = {name: torch.zeros_like(value) for name, value in first.items()}
    whole, one, other, origin = (subject.output(features) for features in (both, first, second, zero))
    errors = [
        float((value - one[name] - other[name] + origin[name]).abs().max()) / max(float(value.abs().max()), 1e-300)
        for name, value in whole.items()
        if value.numel()
    ]
    return max(errors, default=0.0)


def difference(
    subject: Subject,
    name: str,
    expected: Tensor,
    found: Tensor,
    tolerance: float | None,
    scale: Tensor | None = None,
) -> tuple[float, float, tuple[int, ...]]:
    """The largest error over the root mean square of its channel, the error allowed there, and the entry.

    Largest is meant against what is allowed: channels have tolerances of their own. `scale` is given where what is
    expected is a part of an output only.
    """
    scale = scales(expected) if scale is None else scale
    error = (found.to(expected) - expected).abs().double().cpu() / scale
    allowed = torch.full_like(scale, tolerance if tolerance is not None else allowance(expected))
    if tolerance is None:
        rounding = torch.zeros_like(scale) + ROUNDING * subject.noise.get(name, torch.zeros(()))
        if is_nothing(subject, expected):
            rounding = rounding.clamp_min(ROUNDING * unit(subject, expected))
        allowed = allowed + rounding / scale
    place = (error / allowed.clamp_min(torch.finfo(torch.float64).tiny)).nan_to_num(nan=torch.inf).argmax()
    entry = tuple(int(i) for i in torch.unravel_index(place, error.shape))
    return float(error[entry]), float(allowed.expand_as(error)[entry]), entry
