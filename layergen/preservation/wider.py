"""Does a wider module compute the same with the widened weights of another? What shows that entries are summed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from layergen.preservation.function import Function
from layergen.preservation.preserved import TOLERANCE
from layergen.stacking import owners
from layergen.widening import Summed, factors_of, places_summed, widen, widened
from symmetry import WeightSpace

__all__ = ["assert_widening_preserved"]


def assert_widening_preserved(
    module: nn.Module,
    wide: nn.Module,
    space: WeightSpace,
    inputs: Sequence[Any],
    *,
    summed: Summed,
    factor: int | Mapping[str, int] = 2,
    options: Mapping[str, Any] | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Assert that a wider module with a module's widened weights (`layergen.widen`) computes the same.

    This is how `summed` is tested: which entries are summed over is no part of a specification. Both modules run in
    evaluation mode and float64, and are not changed. Tensors that are not declared are the module's own.

    Parameters
    ----------
    module
        The network whose weights are declared, in general position.
    wide
        A module of the same architecture whose sets are `factor` times as large; its weights do not matter.
    space
        The weight space of `module`: names are those of the module's `state_dict`.
    inputs
        The positional arguments of the modules.
    summed
        By tensor what its entries are summed over, as for `layergen.widen`.
    factor
        How many times each element is repeated: a number for all sets, or numbers by the name of the set. Give two sets
        on one tensor different numbers: with the same it is not seen which of them is summed over.
    options
        The arguments of the modules by name.
    tolerance
        The largest change of an output entry that counts as rounding, over the largest entry of that output.

    Raises
    ------
    AssertionError
        If the wider module computes something else, naming the sets that no tensor is summed over.
    SpecificationError
        If `summed` or `factor` do not fit the space.
    ValueError
        If declared tensors are not in a module or have other shapes there, listing them; or if others have other
        shapes in the wider module.

    Examples
    --------
    >>> import torch
    >>> def perceptron(width):
    ...     return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
    >>> tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}
    >>> space = WeightSpace(tensors, sets={"h": 3}, free={"x": 2, "y": 1})
    >>> modules, inputs = (perceptron(3), perceptron(6)), [torch.randn(5, 2)]
    >>> assert_widening_preserved(*modules, space, inputs, summed={"2.weight": "h"})
    >>> assert_widening_preserved(*modules, space, inputs, summed={})
    Traceback (most recent call last):
        ...
    AssertionError: the function is not preserved: repeating each element of 'h' (2 times) changes its output by ...
    """
    __tracebackhide__ = True
    narrow = Function.of(module, space, inputs, options)
    wider = Function.of(wide, widened(space, factor), inputs, options)
    undeclared = wider.weights.keys() - owners(space).keys()
    others = {name: value for name, value in narrow.weights.items() if name in undeclared}
    if faults := [name for name, value in others.items() if value.shape != wider.weights[name].shape]:
        raise ValueError(f"undeclared tensors have other shapes in the wider module: {', '.join(map(repr, faults))}")
    x = widen({name: narrow.declared(name)[None, ..., None] for name in space.names}, space, summed, factor)
    function = replace(wider, weights={**wider.weights, **others}, expected=narrow.expected)
    change = function.change({name: value[0, ..., 0] for name, value in x.items()})
    if not change <= tolerance:
        raise AssertionError(
            f"the function is not preserved: repeating each element of {deed(space, factor)} changes its output by "
            f"{change:.3g} of its largest entry (tolerance {tolerance:.3g}){hint(space, summed, factor)}"
        )


def deed(space: WeightSpace, factor: int | Mapping[str, int]) -> str:
    """The sets that are widened, with how many times."""
    return ", ".join(f"{name!r} ({count} times)" for name, count in factors_of(space, factor).items() if count > 1)


def hint(space: WeightSpace, summed: Summed, factor: int | Mapping[str, int]) -> str:
    """What may be missing: widened sets over which no entries are said to be summed."""
    places = places_summed(space, summed)
    over = {piece.positions[p].index.name for piece in space.pieces for p in places[piece.tensor, piece.number]}
    left = [repr(name) for name, count in factors_of(space, factor).items() if count > 1 and name not in over]
    return f"; summed={dict(summed)} names no tensor that is summed over {', '.join(left)}" if left else ""
