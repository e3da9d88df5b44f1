"""The function under test, what goes in and what comes out: in the form of features, whatever its own form is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.testing.forms import Form, adapted, find_form
from layergen.testing.inputs import channels_of, like_parameters, random_features
from layergen.testing.verdict import Fault, Verdict
from symmetry import GroupElement, WeightSpace
from symmetry.space.weight_space import joint_space

__all__ = ["OUTPUT", "Subject", "in_double", "is_half", "make_subject"]

OUTPUT = "output"
"""The name under which an invariant function's result is reported."""


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


def is_half(subject: Subject) -> bool:
    """Whether some of the features are in half precision."""
    return any(value.dtype in (torch.float16, torch.bfloat16) for value in subject.features.values())


def in_double(subject: Subject) -> Subject | None:
    """The same in double precision, its noise not measured; None where it does not run there."""
    function = copy.deepcopy(subject.function).double() if isinstance(subject.function, nn.Module) else subject.function
    features = {name: value.double() for name, value in subject.features.items()}
    double = replace(subject, function=function, features=features, noise={})
    try:
        output = double.output(features)
    except Exception:  # what only runs in its own precision is judged by that
        return None
    return double if all(value.dtype == torch.float64 for value in output.values()) else None


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
