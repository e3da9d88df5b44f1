"""Is a function too symmetric? Rearrangements outside the group that it does not notice, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from layergen.features import Features
from layergen.linear import EquivariantLinear
from layergen.preservation.moves import Move, moves, set_moves
from layergen.testing.forms import Form, find_form
from layergen.testing.inputs import random_features
from layergen.testing.linearity import affine_error
from layergen.testing.rearrangements import Rescaling, rearrangements, rescalings
from layergen.testing.rounding import allowance, difference, is_nothing
from layergen.testing.sanity import sane_output, with_noise
from layergen.testing.subject import OUTPUT, Subject, in_double, is_half, make_subject
from layergen.testing.verdict import Fault, Verdict, raise_unless
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace

__all__ = ["assert_no_more_symmetric", "sensitivity"]

Change = Move | Rescaling


def assert_no_more_symmetric(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    invariant: bool = False,
    form: str | Form = "features",
    channels: int | None = None,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> None:
    """Assert that `f` has no symmetry beyond that of a weight space, as far as rearrangements of some kinds go.

    Tried are: each free index permuted, and each two of its values exchanged; each axis of each tensor permuted by
    itself; each shared set permuted in some of its positions and not in the others, by transpositions, cycles of three
    and cycles of all; one index permuted for one value of another; elements of a nested set exchanged between two
    copies; two sets and two tensors exchanged; the sign and the scale of one element of a set or a vector index, with
    every choice of charges, as far as they are not in the declared group; on inputs and outputs together, on inputs
    alone and on outputs alone. Outputs that are zero and tensors on which no output depends are named too. A linear
    function is only accused of what some linear map of the declared symmetry would notice. A pass is no proof: other
    symmetries are not looked for.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}` and returns those of `target`, or both
        in another `form`.
    space
        The weight space whose symmetry `f` may have.
    target
        The weight space of the output; by default `space`.
    invariant
        Whether `f` is an invariant function, which returns a tensor `(batch, …)`.
    form
        What `f` takes and returns: "features", "weights" or "state_dict", "pairs", "nfn", "flat", or a `Form`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    tolerance
        The largest difference that counts as none, over the root mean square of the output channel; by default as in
        `assert_equivariant`.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal, so in general position.

    Raises
    ------
    AssertionError
        If `f` does not notice some rearrangements, listing them; or if it cannot be judged.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 3})
    >>> assert_no_more_symmetric(lambda x: {**x, "w": x["w"] + x["w"].mean(2, keepdim=True)}, space)
    Traceback (most recent call last):
        ...
    AssertionError: more symmetric than declared: equivariant to permuting the free index 'x'
    ...
    """
    __tracebackhide__ = True
    options: dict[str, Any] = {"form": form, "channels": channels, "tolerance": tolerance, "dtype": dtype, "seed": seed}
    raise_unless(sensitivity(f, space, target=target, invariant=invariant, **options))


def sensitivity(
    f: Callable[[Any], Any],
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    invariant: bool = False,
    form: str | Form = "features",
    channels: int | None = None,
    tolerance: float | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> Verdict:
    """The verdict of `assert_no_more_symmetric` as a value.

    Parameters
    ----------
    f
        The function: it takes features `{tensor: (batch, *axes, channels)}` and returns those of `target`, or both
        in another `form`.
    space
        The weight space whose symmetry `f` may have.
    target
        The weight space of the output; by default `space`.
    invariant
        Whether `f` is an invariant function, which returns a tensor `(batch, …)`.
    form
        What `f` takes and returns: "features", "weights" or "state_dict", "pairs", "nfn", "flat", or a `Form`.
    channels
        The channels of the inputs; by default `f.in_channels`, else one.
    tolerance
        The largest difference that counts as none, over the root mean square of the output channel; by default as in
        `assert_equivariant`.
    dtype
        The dtype of the inputs; by default that of a module's parameters, else float32.
    seed
        The seed of the inputs, which are normal, so in general position.

    Returns
    -------
    Verdict
        Whether no symmetry was found beyond the declared one; if one was, `findings` has a line for each.

    Examples
    --------
    >>> space = WeightSpace({"b": "h", "c": "h"}, sets={"h": 4})
    >>> sensitivity(lambda x: {"b": x["b"] + x["c"].mean(1, keepdim=True), "c": x["b"]}, space).findings
    ("invariant to permuting axis 'h' (position 0) of 'c' by itself",)
    """
    into = None if invariant else target or space
    subjects = [make_subject(f, space, into, form, channels, dtype, seed + extra) for extra in (0, 1)]
    # In half precision a function does not notice what is small: it is judged in double where it can run there.
    subjects = [(in_double(one) if is_half(one) else None) or one for one in subjects]
    try:
        outputs = [sane_output(subject) for subject in subjects]
        subjects = [with_noise(subject, output) for subject, output in zip(subjects, outputs, strict=True)]
    except Fault as fault:
        return fault.verdict
    runs = list(zip(subjects, outputs, strict=True))
    excuse = whole_space(subjects[0]) if all(is_affine(*run, tolerance) for run in runs) else None
    tried, texts = 0, list(unseen(subjects, outputs, tolerance))
    if excuse is not None and texts:
        # Of signs, no linear map takes weights to an invariant: none would see them.
        other = replace(excuse[0], features=random_features(space, seed=1, dtype=torch.float64))
        excused = set(unseen([excuse[0], other], [excuse[1], other.output(other.features)], None))
        texts = [text for text in texts if text not in excused]
    for finer in (False, True):
        # What does not notice a whole axis does not notice many a part of it: the first says enough.
        for before, after, text in () if finer and texts else trials(space, into, finer=finer):
            tried += 1
            felt = not all(unnoticed(*run, before, after, tolerance) for run in runs)
            if not felt and not (excuse is not None and unnoticed(*excuse, before, after, None)):
                texts.append(text)
    if not texts:
        untried = "; turns that are in none of its groups are not tried" if space.groups else ""
        message = f"no more symmetric than declared, under {tried} rearrangements{untried}"
        return Verdict(True, message, "as symmetric")
    message = "more symmetric than declared: " + "\n    and ".join(texts)
    return Verdict(False, message, "more symmetric", findings=tuple(texts))


def trials(
    space: WeightSpace, target: WeightSpace | None, *, finer: bool
) -> Iterator[tuple[Change | None, Change | None, str]]:
    """What is done to inputs, what to outputs, and what it means that nobody notices.

    Whole axes, sets and tensors are rearranged, or where `finer` some of their values only, and entries rescaled.
    """
    changes: tuple[Change, ...] = (*rearrangements(space), *rescalings(space)) if finer else tuple(moves(space))
    if target == space:
        for change in changes:
            yield change, change, f"equivariant to {change.text}"
    for change in changes:
        blind = change.blind if isinstance(change, Rescaling) else ""
        yield change, None, f"invariant to {change.text}{blind}"
    if target is not None:
        known = {index.name for index in space.indices}
        sets = [move for move in set_moves(target) if move.index in known]
        # No function can tell the elements of a set apart that only its outputs have.
        fresh = {index.name for index in target.indices if index.joined} - known
        others = [move for move in rearrangements(target) if move.index not in fresh]
        for move in others if finer else (*sets, *moves(target)):
            yield None, move, f"its outputs are always invariant to {move.text}"


def is_affine(subject: Subject, output: Features, tolerance: float | None) -> bool:
    """Whether a function is linear up to a constant, on one sum of two inputs."""
    precision = max(allowance(value) for value in output.values())
    return affine_error(subject) <= (precision if tolerance is None else tolerance)


def whole_space(subject: Subject) -> tuple[Subject, Features] | None:
    """A random linear map of the declared symmetry with its output; None where there are too many to list."""
    into = subject.space if subject.target is None else subject.target
    try:
        maps = EquivariantMaps(subject.space, SCALAR if subject.target is None else into)
        layer: Any = EquivariantLinear(maps.source, 1, 1, target=maps.target, dtype=torch.float64)
    except SpecificationError:
        return None
    features = random_features(subject.space, dtype=torch.float64)
    reference = replace(subject, function=layer, form=find_form("features"), features=features, noise={})
    return reference, reference.output(features)


def unnoticed(
    subject: Subject, output: Features, before: Change | None, after: Change | None, tolerance: float | None
) -> bool:
    """Whether a function of moved inputs gives the moved outputs. Where the outputs are zero, nothing is said."""
    expected = output if after is None else after.act(output)
    found = output if before is None else subject.output(before.act(subject.features))
    heard = {name for name, value in output.items() if value.numel() and not is_nothing(subject, value)}
    heard = heard if before is not None else heard & set(after.origins if after is not None else ())
    return bool(heard) and all(same(subject, name, expected[name], found[name], tolerance) for name in heard)


def same(subject: Subject, name: str, expected: Tensor, found: Tensor, tolerance: float | None) -> bool:
    """Whether two outputs agree."""
    if expected.shape != found.shape:
        return False
    error, allowed, _ = difference(subject, name, expected, found, tolerance)
    return error <= allowed


def unseen(subjects: list[Subject], outputs: list[Features], tolerance: float | None) -> Iterator[str]:
    """The outputs that are zero, and the input tensors on which no output depends."""
    (first, second), (output, other) = subjects, outputs
    for name in output:
        if is_nothing(first, output[name]) and is_nothing(second, other[name]):
            yield "the output is zero" if name == OUTPUT else f"the output {name!r} is zero"
    for name in first.space.names:
        mixed = replace(first, features=first.features | {name: second.features[name]})
        found = mixed.output(mixed.features)
        if all(same(first, key, value, found[key], tolerance) for key, value in output.items() if value.numel()):
            yield f"no output depends on {name!r}"
