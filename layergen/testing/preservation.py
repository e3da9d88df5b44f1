"""Is a specification right for a module? Permute the weights, compare what it computes."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from layergen.stacking import declared_shape
from layergen.testing.moves import Move
from layergen.testing.verdict import describe
from symmetry import GroupElement, Index, RepresentationIndex, WeightSpace, element, generators, random_element

MANY, CERTAIN = 60, 10
"""With more generators than this, so many random elements are tried instead: those that preserve a function are a
subgroup, and one that is not the whole group misses a random element at least every second time."""

__all__ = ["assert_function_preserved", "broken_by", "tied_names", "unnoticed_moves"]


def assert_function_preserved(
    module: nn.Module,
    space: WeightSpace,
    inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    examples: int = 10,
    tolerance: float = 1e-9,
    seed: int = 0,
    turns: bool = False,
) -> None:
    """Assert that permuting a module's weights as a specification declares does not change what it computes.

    The module runs in evaluation mode and float64 (what it casts to float32 too) on `inputs`, its positional arguments,
    and `options`, those by name, under the generators of the group and `examples` random elements; it is not changed
    itself. Groups that act on representation indices move the data too, and with them the function: they are left out
    unless `turns` asks for them. Weights should be in general position: freshly made batch norms, all ones and zeros,
    hide mistakes. Raises `AssertionError` naming the permutation, and `ValueError` listing the tensors that do not fit.

    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}
    >>> space = WeightSpace(tensors, sets={"h": 3}, free={"x": 2, "y": 1})
    >>> assert_function_preserved(network, space, [torch.randn(5, 2)])
    >>> wrong = WeightSpace({**tensors, "2.weight": "y k"}, sets={"h": 3, "k": 3}, free={"x": 2, "y": 1})
    >>> assert_function_preserved(network, wrong, [torch.randn(5, 2)])
    Traceback (most recent call last):
        ...
    AssertionError: the function is not preserved: exchanging elements 0 and 1 of 'h' changes its output by ...
    """
    weights = checked_weights(module, space)
    found = first_broken(module, weights, space, inputs, options or {}, examples, tolerance, seed, turns)
    if found is not None:
        g, error = found
        raise AssertionError(
            f"the function is not preserved: {describe(g)} changes its output by {error:.3g} of its largest entry "
            f"(tolerance {tolerance:.3g})"
        )


def broken_by(
    module: nn.Module,
    space: WeightSpace,
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None = None,
    *,
    examples: int = 3,
    tolerance: float = 1e-9,
    seed: int = 0,
) -> GroupElement | None:
    """The first permutation under which a module computes something else, as in `assert_function_preserved`."""
    weights = checked_weights(module, space)
    found = first_broken(module, weights, space, inputs, options or {}, examples, tolerance, seed)
    return None if found is None else found[0]


def unnoticed_moves(
    module: nn.Module,
    moves: Iterable[Move],
    space: WeightSpace,
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None = None,
    *,
    tolerance: float = 1e-9,
) -> list[Move]:
    """The moves of a module's weights that do not change what it computes."""
    weights = checked_weights(module, space)
    module = copy.deepcopy(module).double().eval()
    arguments: tuple[Any, ...] = tree_map(doubled, tuple(inputs))
    keywords: dict[str, Any] = tree_map(doubled, dict(options or {}))
    expected, ties, found = outputs(module, weights, arguments, keywords), tied_names(module), []
    for move in moves:
        touched = {name: weights[name][None, ..., None] for name in space.names}
        moved = {name: value[0, ..., 0] for name, value in move.act(touched).items()}
        changed = tied_alike(weights | moved, ties, space)
        if change(expected, outputs(module, changed, arguments, keywords)) <= tolerance:
            found.append(move)
    return found


def checked_weights(module: nn.Module, space: WeightSpace) -> dict[str, Tensor]:
    """The module's tensors in float64. Raises `ValueError` for tensors that do not fit."""
    weights = {name: doubled(value.detach()) for name, value in module.state_dict().items()}
    check_fit(weights, space)
    return weights


def first_broken(
    module: nn.Module,
    weights: dict[str, Tensor],
    space: WeightSpace,
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    examples: int,
    tolerance: float,
    seed: int,
    turns: bool = False,
) -> tuple[GroupElement, float] | None:
    """The first element that changes what a module computes, and by how much."""
    module = copy.deepcopy(module).double().eval()
    arguments: tuple[Any, ...] = tree_map(doubled, tuple(inputs))
    keywords: dict[str, Any] = tree_map(doubled, dict(options))
    ties = tied_names(module)
    expected = outputs(module, weights, arguments, keywords)
    if change(expected, outputs(module, weights, arguments, keywords)) > 0:
        raise AssertionError("the module is not deterministic: two calls on the same input differ")

    def error_of(g: GroupElement) -> float:
        moved = dict(weights)
        for name, value in g.act({name: declared_shape(weights[name], space[name]) for name in touched_by(g)}).items():
            moved[name] = value.reshape(weights[name].shape)
        return change(expected, outputs(module, tied_alike(moved, ties, space), arguments, keywords))

    def kept(g: GroupElement) -> GroupElement:
        return g if turns else element(space, dict(g.parts))

    rng, simple = np.random.default_rng(seed), [g for g in map(kept, generators(space)) if g.moved]
    count = max(examples, CERTAIN) if len(simple) > MANY else examples
    several = (kept(random_element(space, rng)) for _ in range(count))
    for g in several if len(simple) > MANY else (*simple, *several):
        if not (error := error_of(g)) <= tolerance:
            # What a random element shows, a generator shows too: with few, they were all tried before.
            culprits = ((one, error_of(one)) for one in simple) if len(simple) > MANY else iter(())
            return next(((one, found) for one, found in culprits if not found <= tolerance), (g, error))
    return None


def touched_by(g: GroupElement) -> list[str]:
    """The tensors that an element moves."""
    moved = set(g.moved)
    return [
        tensor.name
        for tensor in g.space
        if any(mover(position.index) in moved for piece in tensor.pieces for position in piece.positions)
    ]


def mover(index: Index) -> str:
    """What moves an index: its own permutations, or a group."""
    return index.group if isinstance(index, RepresentationIndex) else index.name


def tied_names(module: nn.Module) -> dict[str, str]:
    """For each tensor the first name of the same tensor: weights that are tied have several."""
    first: dict[int, str] = {}
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {name: first.setdefault(id(tensor), name) for name, tensor in named}


def tied_alike(weights: dict[str, Tensor], ties: Mapping[str, str], space: WeightSpace) -> dict[str, Tensor]:
    """The weights, those that are not declared as those are that they are tied to."""
    declared = {ties.get(name, name): name for name in reversed(space.names)}
    follows = {name: declared[tie] for name, tie in ties.items() if name not in space.names and tie in declared}
    return weights | {name: weights[leader] for name, leader in follows.items() if name in weights}


def doubled(value: Any) -> Any:
    """Floating tensors in float64, complex ones in complex128, anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    return value.to(torch.complex128) if value.is_complex() else value.double() if value.is_floating_point() else value


def check_fit(weights: dict[str, Tensor], space: WeightSpace) -> None:
    """Raise `ValueError` listing the declared tensors that the module lacks or has in another shape."""
    faults = [f"{name!r} is not in the state_dict" for name in space.names if name not in weights]
    faults += [
        f"{name!r} has shape {tuple(weights[name].shape)}, declared {space[name].shape}"
        for name in space.names
        if name in weights and declared_shape(weights[name], space[name]).shape != space[name].shape
    ]
    if faults:
        raise ValueError("the specification does not fit the module:\n  " + "\n  ".join(faults))


class InDouble(TorchDispatchMode):
    """Casts to a floating type are casts to float64: norms that compute in float32 would round differently."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        wider = {torch.float32: torch.float64, torch.float16: torch.float64, torch.bfloat16: torch.float64}
        wider |= {torch.complex64: torch.complex128}
        if kwargs.get("dtype") in wider:
            kwargs["dtype"] = wider[kwargs["dtype"]]
        floats = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.is_floating_point()]
        if len({one.dtype for one in floats}) > 1 and not func._schema.is_mutable:
            args, kwargs = tree_map(doubled, (args, kwargs))
        return func(*args, **kwargs)


def outputs(
    module: nn.Module, weights: dict[str, Tensor], inputs: tuple[Any, ...], options: dict[str, Any]
) -> list[Tensor]:
    """The tensors in what a module returns, on copies of its weights and inputs: it may change those."""
    fresh: Any = tree_map(copied, (weights, inputs, options))
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # for what the module makes itself
    try:
        with torch.no_grad(), InDouble():
            leaves = tree_leaves(functional_call(module, *fresh, tie_weights=False))
    finally:
        torch.set_default_dtype(default)
    tensors = [numbers(leaf) for leaf in leaves if isinstance(leaf, Tensor)]
    tensors += [torch.tensor(leaf, dtype=torch.float64) for leaf in leaves if type(leaf) in (int, float)]
    if not any(tensor.numel() for tensor in tensors):
        kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
        raise AssertionError(f"the module returned no tensor to compare ({kinds}): wrap it in one that does")
    return tensors


def copied(value: Any) -> Any:
    """A copy of a tensor, anything else as it is."""
    return value.clone() if isinstance(value, Tensor) else value


def numbers(value: Tensor) -> Tensor:
    """A dense tensor of real numbers."""
    value = value.to_dense() if value.layout != torch.strided else value
    return torch.view_as_real(value) if value.is_complex() else value.double()


def change(before: list[Tensor], after: list[Tensor]) -> float:
    """The largest change of any entry, relative to the largest finite entry of its tensor.

    Entries that are not finite have to stay as they are; where one does not, the change is infinite.
    """
    if [tensor.shape for tensor in before] != [tensor.shape for tensor in after]:
        return math.inf
    return max(map(relative_change, before, after), default=0.0)


def relative_change(before: Tensor, after: Tensor) -> float:
    """The change of one tensor."""
    finite = torch.isfinite(before)
    if not torch.equal(finite, torch.isfinite(after)) or not same_marks(before[~finite], after[~finite]):
        return math.inf
    if not finite.any():
        return 0.0
    return float((before - after)[finite].abs().max()) / max(float(before[finite].abs().max()), 1e-300)


def same_marks(before: Tensor, after: Tensor) -> bool:
    """Whether entries that are not finite are alike: NaN for NaN, an infinity for the same."""
    return bool(((before == after) | (before.isnan() & after.isnan())).all())
