"""Which weight space a network belongs to, and at which sizes: read from the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from layergen.stacking import hint, is_weight, network_faults, owners
from symmetry.language.axes import Expression
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["Signature", "Unfit", "fitting_space", "signature", "sizes_of"]


class Unfit(ValueError):
    """A network that fits no weight space of a zoo."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a network's tensors are, their numbers aside: networks with one signature are read in the same way.

    Parameters
    ----------
    names, shapes, dtypes
        Of each tensor, in the order of the file.
    same
        For each tensor the place of the first that is the same memory: tied weights have two names.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]
    same: tuple[int, ...]

    def empty(self) -> dict[str, Tensor]:
        """Tensors of these names, shapes and dtypes, without memory."""
        made = [torch.empty(s, dtype=d, device="meta") for s, d in zip(self.shapes, self.dtypes, strict=True)]
        return {name: made[place] for name, place in zip(self.names, self.same, strict=True)}


def signature(state: Mapping[str, Tensor]) -> Signature:
    """The signature of a network.

    Parameters
    ----------
    state
        The network's `state_dict`, `{tensor: (*axes)}`; what can be no weight (counters, extra state) is passed over.

    Returns
    -------
    Signature
        Names, shapes and dtypes.
    """
    weights = {name: value for name, value in state.items() if is_weight(name, value)}
    values = list(weights.values())
    first: dict[Any, int] = {}
    same = tuple(first.setdefault(memory(value), place) for place, value in enumerate(values))
    shapes = tuple(tuple(value.shape) for value in values)
    return Signature(tuple(weights), shapes, tuple(value.dtype for value in values), same)


def memory(value: Tensor) -> Any:
    """What two tensors have in common only if they are the same memory, read in the same way."""
    if value.layout != torch.strided:
        return id(value)
    return value.data_ptr(), value.shape, value.stride(), value.dtype


def sizes_of(state: Mapping[str, Any], space: WeightSpace) -> dict[str, int]:
    """The sizes of the indices of a weight space, read from the shapes of one network.

    Parameters
    ----------
    state
        The network's `state_dict`, `{tensor: (*axes)}`. Tensors that the space does not have are passed over.
    space
        A weight space; sets whose size the shapes leave open keep their declared size.

    Returns
    -------
    dict
        Sizes by the name of the index, as `space.resized` takes them.

    Raises
    ------
    SpecificationError
        If tensors are missing, or if no sizes give the network's shapes.

    Examples
    --------
    >>> space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 32}, free={"x": 2})
    >>> sizes_of(torch.nn.Linear(2, 5).state_dict(), space)
    {'h': 5, 'x': 2}
    """
    seen = seen_at({name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}, space)
    if missing := [name for name in owners(seen) if name not in state]:
        raise SpecificationError(", ".join(f"{name!r} is missing{hint(name, state)}" for name in missing))
    return seen.sizes


def seen_at(shapes: Mapping[str, tuple[int, ...]], space: WeightSpace) -> WeightSpace:
    """The space at the sizes that a network's tensors show, by their shapes and by the numbers in their names.

    Pixel grids count as one axis. A family has as many members as the largest number says; that some of them are
    missing is for the caller to find. Raises `SpecificationError` if no sizes give the shapes, and for tensors of which
    there is no member at all.
    """
    found, lengths = members_found(shapes, space)
    if missing := [tensor.members[0] for tensor in space if not found[tensor.name]]:
        raise SpecificationError(", ".join(f"{name!r} is missing{hint(name, shapes)}" for name in missing))
    seen = {}
    for tensor in space:
        own = shapes[found[tensor.name][0]]
        own = tensor.own_shape if own == tensor.stored else own
        seen[tensor.name] = (*(lengths[axis] for axis in tensor.family.axes), *own)
    return space.observed(seen)


def members_found(names: Iterable[str], space: WeightSpace) -> tuple[dict[str, list[str]], dict[Expression, int]]:
    """By tensor the names of its members that there are, and the lengths of the axes along which families are stacked.

    Families over one axis have one length, the largest, so that members which are missing are told apart from blocks
    that there are none of.
    """
    found: dict[str, list[str]] = {tensor.name: [] for tensor in space}
    lengths: dict[Expression, int] = {}
    families = [tensor for tensor in space if tensor.family.numbers]
    plain = {tensor.members[0]: tensor.name for tensor in space if not tensor.family.numbers}
    for name in names:
        if name in plain:
            found[plain[name]].append(name)
            continue
        for tensor in families:
            places = tensor.family.places(name)
            if places is not None:
                found[tensor.name].append(name)
                for axis, place in zip(tensor.family.axes, places, strict=True):
                    lengths[axis] = max(lengths.get(axis, 0), place + 1)
    return found, lengths


def fitting_space(found: Signature, spaces: Sequence[WeightSpace]) -> tuple[int, WeightSpace]:
    """The first of some weight spaces that a network belongs to.

    Parameters
    ----------
    found
        The signature of the network.
    spaces
        The weight spaces.

    Returns
    -------
    tuple of int and WeightSpace
        The number of the space, and the space at the network's sizes.

    Raises
    ------
    Unfit
        If there is none; the message lists the faults, those against each of several spaces.

    Examples
    --------
    >>> space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 32}, free={"x": 2})
    >>> fitting_space(signature(torch.nn.Linear(2, 5).state_dict()), [space])[1].sizes
    {'h': 5, 'x': 2}
    """
    against, state = [], found.empty()
    for number, space in enumerate(spaces):
        try:
            seen = seen_at({name: tuple(value.shape) for name, value in state.items()}, space)
        except SpecificationError as error:
            faults = [error.fault]
        else:
            faults = list(network_faults(state, state, seen))
            if not faults:
                return number, seen
        against.append("; ".join(faults))
    if len(spaces) == 1:
        raise Unfit(against[0])
    raise Unfit("fits none of the spaces: " + "; ".join(f"{n}: {text}" for n, text in enumerate(against)))
