"""Is a specification's group the largest? What else may be moved without changing what a module computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from layergen.preservation.function import Function
from layergen.preservation.moves import larger
from layergen.preservation.moving import Mover
from layergen.preservation.preserved import TOLERANCE
from symmetry import GroupElement, WeightSpace, generators

__all__ = ["larger_symmetries"]


def larger_symmetries(
    module: nn.Module,
    space: WeightSpace,
    inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    tolerance: float = TOLERANCE,
) -> list[str]:
    """Ways to move a module's weights, outside the group of a specification, that change nothing either.

    Tried are free and positional indices permuted, axes permuted by themselves, shared sets uncoupled, units exchanged
    between the elements of their parents, and sets exchanged. That none is found is no proof that there are none.

    Parameters
    ----------
    module
        The network whose weights are declared, in general position.
    space
        Its weight space.
    inputs
        The positional arguments of the module.
    options
        Its arguments by name.
    tolerance
        The largest change of an output entry that counts as rounding, over the largest entry of that output.

    Returns
    -------
    list[str]
        A few words for each way that was found.

    Raises
    ------
    ValueError
        If declared tensors are not in the module or have other shapes there, listing them.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}
    >>> larger_symmetries(network, WeightSpace(tensors, free={"h": 3, "x": 2, "y": 1}), [torch.randn(5, 2)])
    ["permuting the free index 'h'"]
    """
    function = Function.of(module, space, inputs, options)
    features = {name: function.declared(name)[None, ..., None] for name in space.names}
    found = [move.text for move in larger(space) if function.change(move.act(features)) <= tolerance]
    mover = Mover(function)
    for name, elements in positional_elements(space).items():
        if all(function.change_with(mover.moved(g)) <= tolerance for g in elements):
            found.append(f"permuting the positional index {name!r}")
    return found


def positional_elements(space: WeightSpace) -> dict[str, list[GroupElement]]:
    """Generators of the permutations of each positional index, by its name."""
    found: dict[str, list[GroupElement]] = {}
    still = {index.name for index in space.indices if index.embedded}
    for g in generators(space, positional=True):
        for name in still.intersection(g.moved):
            found.setdefault(name, []).append(g)
    return dict(sorted(found.items()))
