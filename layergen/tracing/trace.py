"""`layergen.trace`: the weight space of a module, derived from its graph and proved by what the module computes."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from layergen.preservation import broken_by, unnoticed_moves
from layergen.preservation.function import tied_names
from layergen.preservation.moves import larger
from layergen.tracing.declaring import Frozen, declared
from layergen.tracing.propagation import Followed, exported, follow
from symmetry import SpecificationError, WeightSpace

__all__ = ["Trace", "trace"]

ENTRIES = 10_000_000
"""Of networks with more weights than this no extensions are tried."""
EXTENSIONS = 300
"""The most ways to make a specification larger that are tried."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A module's weight space, the axes that are frozen with the reasons, and what was not understood.

    `preserved` says that the module computed the same after permuting its weights; None where that was not tried.
    `possible` are rearrangements outside the group that change nothing either, of the `tried` ones: free indices
    permuted, sets uncoupled or exchanged, units exchanged between heads.
    """

    space: WeightSpace
    frozen: tuple[Frozen, ...]
    warnings: tuple[str, ...]
    preserved: bool | None
    possible: tuple[str, ...] = ()
    tried: int = 0


def trace(
    module: nn.Module,
    example_inputs: Sequence[Any],
    example_options: Mapping[str, Any] | None = None,
    *,
    prove: bool = True,
    extend: bool = True,
) -> Trace:
    """Derive the weight space of a module, in evaluation mode, from its graph on some inputs.

    The module is exported with `torch.export`, and every axis of every value followed through the operators. Axes of
    inputs and outputs stay as they are, and so does whatever an operator is not known to leave alone: the result may
    be too small, but not wrong. With `prove` it is tested by function preservation, in float64; what breaks it (nested
    units that are not, sets that an operator treats otherwise than its rule says) is taken back, and a warning says so.
    With `extend` as well, up to 300 ways to make it larger are tried, on networks of up to ten million weights.

    A module that cannot be proved (it is random, or does not run in float64) has `preserved` None and a warning. Raises
    `SpecificationError` for a module that cannot be exported.

    >>> network = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
    >>> traced = trace(network, [torch.randn(4, 2)])
    >>> [str(tensor) for tensor in traced.space], traced.preserved
    (['0.weight[h_0 2]', '0.bias[h_0]', '2.weight[3 h_0]', '2.bias[3]'], True)
    >>> str(traced.frozen[0])
    '0.weight, axis 1 (2): an axis of the input'
    """
    module, options = own_copy(module), dict(example_options or {})
    followed = follow(exported(module, tuple(example_inputs), options), tied_names(module))
    if not followed.tensors:
        raise SpecificationError("the module has no floating-point tensors", remedy="trace a module with parameters")
    space, frozen = declared(followed)
    unproved = Trace(space, tuple(frozen), followed.warnings, None)
    if not prove:
        return unproved
    try:
        return proved(followed, in_general_position(module), example_inputs, options, extend=extend)
    except Exception as error:  # what the module does in float64 is its own affair; the derivation stands by itself
        return replace(unproved, warnings=(*unproved.warnings, f"not proved: {type(error).__name__}: {error}"))


def own_copy(module: nn.Module) -> nn.Module:
    """The module to work on, in evaluation mode. Raises `SpecificationError` for one that cannot be copied."""
    try:
        return copy.deepcopy(module).eval()
    except RuntimeError as error:
        raise SpecificationError(
            f"the module cannot be copied: {error}",
            remedy="old weight_norm and spectral_norm have successors in torch.nn.utils.parametrizations",
        ) from None


def proved(
    followed: Followed, general: nn.Module, inputs: Sequence[Any], options: Mapping[str, Any], *, extend: bool
) -> Trace:
    """The trace of a followed module, less what changes its function, and with what could be added."""
    loose, still, warnings = frozenset[str](), frozenset[str](), list(followed.warnings)
    space, frozen = declared(followed)
    while (g := broken_by(general, space, inputs, options)) is not None:
        if not g.moved:
            raise AssertionError("the module computes something else each time")
        nested = frozenset(name for name in g.moved if space.index(name).parent is not None)
        if nested:
            loose = loose | nested
            warnings.append(f"{culprits(nested)}: one permutation for all; one for each of its parents does not do")
        else:
            still = still | frozenset(g.moved)
            warnings.append(f"{culprits(g.moved)}: frozen, because permuting it changes what the module computes")
        space, frozen = declared(followed, loose=loose, still=still)
    spelled, _ = declared(followed, loose=loose, still=still, spell=True)
    small = sum(math.prod(shape) for shape in space.shapes.values()) <= ENTRIES
    candidates = list(islice(larger(spelled), EXTENSIONS)) if extend and small else []
    found = unnoticed_moves(general, candidates, spelled, inputs, options)
    if len(found) > max(3, len(candidates) // 2):
        warnings.append("a weak proof: most rearrangements go unnoticed, so early weights may not reach the output")
    texts = tuple(why_frozen(move.text, spelled) for move in found)
    return Trace(space, tuple(frozen), tuple(warnings), True, texts, len(candidates))


def why_frozen(text: str, space: WeightSpace) -> str:
    """The text of a move, a frozen index by where it is first."""
    for index in space.indices:
        if index.free and repr(index.name) in text and "by itself" not in text:
            first = next(tensor for tensor in space if index.name in str(tensor).split("[", 1)[1])
            return f"{text} (first in {first.name!r})"
    return text


def culprits(names: Iterable[str]) -> str:
    """Names of sets for a message."""
    return ", ".join(map(repr, names))


def in_general_position(module: nn.Module) -> nn.Module:
    """A copy with weights that no two entries of which are alike, and through which signals neither die nor grow.

    Freshly made norms are ones and zeros, and small initial weights hide in a deep network whatever happens early.
    """
    module = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(0)

    def normal(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator).to(tensor)

    with torch.no_grad():
        for tensor in module.parameters():
            if tensor.is_floating_point() and tensor.numel():
                if tensor.ndim > 1:
                    tensor.copy_(normal(tensor) / (tensor.numel() / tensor.shape[0]) ** 0.5)
                else:
                    tensor.copy_(0.3 * normal(tensor) + (1 if float(tensor.mean()) > 0.5 else 0))
        for name, buffer in module.named_buffers():
            if buffer.is_floating_point() and name.endswith("running_mean"):
                buffer.copy_(0.3 * normal(buffer))
            elif buffer.is_floating_point() and name.endswith("running_var"):
                buffer.copy_(1 + 0.3 * normal(buffer).tanh())
    return module
