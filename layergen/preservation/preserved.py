"""Is a specification right for a module? Move the weights as it declares, compare what the module computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from torch import nn

from layergen.preservation.function import Function
from layergen.preservation.moves import Move
from layergen.preservation.moving import Mover
from symmetry import GroupElement, WeightSpace, element, generators, random_element
from symmetry.space.group import actions

__all__ = ["assert_function_preserved", "broken_by", "broken_on", "unnoticed_moves"]

TOLERANCE = 1e-9
"""The largest change, relative to the largest entry of an output, that counts as rounding in float64."""
MANY, CERTAIN = 60, 10
"""With more generators than `MANY`, `CERTAIN` random elements are tried instead: those that preserve a function are a
subgroup, and one that is not the whole group misses a random element at least every second time."""


def assert_function_preserved(
    module: nn.Module,
    space: WeightSpace,
    inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    examples: int = 10,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    turns: bool = False,
) -> None:
    """Assert that permuting a module's weights as a specification declares does not change what it computes.

    The module runs in evaluation mode and float64, also where it casts to float32 itself. It is not changed. Weights
    should be in general position: freshly made batch norms, all ones and zeros, hide mistakes.

    Parameters
    ----------
    module
        The network whose weights are declared.
    space
        Its weight space: names are those of the module's `state_dict`.
    inputs
        The positional arguments of the module.
    options
        Its arguments by name.
    examples
        How many random elements of the group are tried, beside its generators.
    tolerance
        The largest change of an output entry that counts as rounding, over the largest entry of that output.
    seed
        The seed of the random elements.
    turns
        Whether groups that act on representation indices are tried too. They move the data, and with the data the
        function, so that by default they are left out.

    Raises
    ------
    AssertionError
        If an element changes the function, naming it; if two calls of the module differ; if it returns no tensor.
    ValueError
        If declared tensors are not in the module or have other shapes there, listing them.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}
    >>> space = WeightSpace(tensors, sets={"h": 3}, free={"x": 2, "y": 1})
    >>> assert_function_preserved(network, space, [torch.randn(5, 2)])
    >>> wrong = WeightSpace({**tensors, "2.weight": "y k"}, sets={"h": 3, "k": 3}, free={"x": 2, "y": 1})
    >>> assert_function_preserved(network, wrong, [torch.randn(5, 2)])
    Traceback (most recent call last):
        ...
    AssertionError: the function is not preserved: exchanging elements 0 and 1 of 'h' changes its output by ...
    """
    __tracebackhide__ = True
    broken = first_broken([Function.of(module, space, inputs, options)], examples, tolerance, seed, turns)
    if broken is not None:
        g, change = broken
        raise AssertionError(
            f"the function is not preserved: {g.deed} changes its output by {change:.3g} of its largest entry "
            f"(tolerance {tolerance:.3g})"
        )


def broken_by(
    module: nn.Module,
    space: WeightSpace,
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None = None,
    *,
    examples: int = 3,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    only: str | None = None,
) -> GroupElement | None:
    """The first permutation under which a module computes something else; as `assert_function_preserved`.

    With `only` the elements move the part of that name and no other.
    """
    calls = [(inputs, options or {})]
    return broken_on(module, space, calls, examples=examples, tolerance=tolerance, seed=seed, only=only)


def broken_on(
    module: nn.Module,
    space: WeightSpace,
    calls: Sequence[tuple[Sequence[Any], Mapping[str, Any]]],
    *,
    examples: int = 3,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    only: str | None = None,
) -> GroupElement | None:
    """The first permutation under which a module computes something else on one of several inputs; as `broken_by`."""
    first = Function.of(module, space, *calls[0])
    functions = [first, *(first.at(*call) for call in calls[1:])]
    broken = first_broken(functions, examples, tolerance, seed, only=only)
    return None if broken is None else broken[0]


def unnoticed_moves(
    module: nn.Module,
    moves: Iterable[Move],
    space: WeightSpace,
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> list[Move]:
    """The moves of a module's weights that do not change what it computes; as `assert_function_preserved`."""
    function = Function.of(module, space, inputs, options)
    features = {name: function.declared(name)[None, ..., None] for name in space.names}
    return [move for move in moves if function.change(move.act(features)) <= tolerance]


def first_broken(
    functions: Sequence[Function],
    examples: int,
    tolerance: float,
    seed: int,
    turns: bool = False,
    only: str | None = None,
) -> tuple[GroupElement, float] | None:
    """The first element of the group that changes what a module computes, and by how much."""
    if any(function.change({}) > 0 for function in functions):
        raise AssertionError("the module is not deterministic: two calls on the same input differ")
    space, rng = functions[0].space, np.random.default_rng(seed)
    data = {name: action.of_data for name, action in actions(space).items()}

    def kept(g: GroupElement) -> GroupElement:
        names = [name for name in g.moved if (turns or not data[name]) and only in (None, name)]
        return element(space, {name: g.parts[name] for name in names})

    simple = [g for g in map(kept, generators(space)) if g.moved]
    many = len(simple) > MANY
    several = (kept(random_element(space, rng)) for _ in range(max(examples, CERTAIN) if many else examples))
    broken = next(broken_among(functions, several if many else chain(simple, several), tolerance), None)
    # What a random element shows, a generator shows too: it makes the simpler message.
    return next(broken_among(functions, simple, tolerance), broken) if broken and many else broken


def broken_among(
    functions: Sequence[Function], elements: Iterable[GroupElement], tolerance: float
) -> Iterator[tuple[GroupElement, float]]:
    """Those elements that change what a module computes, each with the change."""
    mover = Mover(functions[0])
    for g in elements:
        moved = mover.moved(g)
        changes = [function.change_with(moved) for function in functions]
        if not all(change <= tolerance for change in changes):
            yield g, max(changes)
