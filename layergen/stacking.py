"""Between networks and features: lists of `state_dict`s, by name, and back without loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

import torch
from torch import Tensor

from layergen.features import Features
from symmetry.space.weight_space import Tensor as Declared
from symmetry.space.weight_space import WeightSpace

__all__ = ["stack", "unstack"]

EXTRA_STATE = "_extra_state"
"""The last part of the name under which a module's `get_extra_state` stands in a `state_dict`."""


def stack(
    state_dicts: Iterable[Mapping[str, Any]], space: WeightSpace, *, ignore: str | Iterable[str] = ()
) -> Features:
    """Features of some networks, the one channel their weights.

    Undeclared values are left out where they are no weights: those that are no tensors, extra state, tensors without
    entries, tensors of integers or bools (`num_batches_tracked`), and a declared tensor under another name. A traced
    specification never needs one of those: axes that meet a mask of bools are frozen. Gradients flow back to tensors
    that ask for them. Pixel grids, `grid(3)`, are one axis of features, in networks two. Networks of another width are
    stacked with `space.resized({"h": 16})`.

    Parameters
    ----------
    state_dicts
        One `state_dict` a network.
    space
        The weight space of the networks.
    ignore
        A pattern, as in `fnmatch`, of names to leave out, such as `"head.*"`; or several.

    Returns
    -------
    Features
        For each tensor of the space `(network, *axes, 1)`.

    Raises
    ------
    ValueError
        If there are no networks; or listing, for all of them, every tensor that is missing, not declared, not dense,
        of the wrong shape, or of another dtype or on another device than in the first network.
    TypeError
        If `state_dicts` are no `state_dict`s.

    Examples
    --------
    >>> space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 3}, free={"x": 2})
    >>> networks = [torch.nn.Linear(2, 3) for _ in range(5)]
    >>> features = stack([network.state_dict() for network in networks], space)
    >>> features["weight"].shape
    torch.Size([5, 3, 2, 1])
    >>> torch.equal(unstack(features, space)[4]["bias"], networks[4].bias)
    True
    """
    states = listed(state_dicts)
    patterns = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    kept = [
        {name: value for name, value in state.items() if not any(fnmatchcase(name, pattern) for pattern in patterns)}
        for state in states
    ]
    networks: dict[str, list[int]] = {}
    for number, state in enumerate(kept):
        for fault in network_faults(state, kept[0], space):
            networks.setdefault(fault, []).append(number)
    if networks:
        faults = [f"{which(numbers, len(kept))}: {fault}" for fault, numbers in networks.items()]
        raise ValueError("the networks do not fit the specification:\n  " + "\n  ".join(faults))
    return {
        tensor.name: torch.stack([declared_shape(state[tensor.name], tensor) for state in kept]).unsqueeze(-1)
        for tensor in space
    }


def listed(state_dicts: Any) -> list[Mapping[str, Any]]:
    """Some `state_dict`s as a list; raises where they are none."""
    states = list(state_dicts) if isinstance(state_dicts, Iterable) else [state_dicts]
    if isinstance(state_dicts, Mapping) or not all(isinstance(state, Mapping) for state in states):
        raise TypeError("stack takes a list of state_dicts: [network.state_dict() for network in networks]")
    if not states:
        raise ValueError("there are no networks to stack")
    return states


def declared_shape(value: Tensor, tensor: Declared) -> Tensor:
    """A network's tensor in the shape that is declared: the rows and columns of pixel grids are one axis there."""
    return value.reshape(tensor.shape) if tuple(value.shape) == tensor.stored else value


def which(numbers: Sequence[int], count: int) -> str:
    """Some networks in words."""
    if len(numbers) == count:
        return "every network" if count > 1 else "network 0"
    shown = ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
    return f"network{'s' if len(numbers) > 1 else ''} {shown}"


def network_faults(state: Mapping[str, Any], first: Mapping[str, Any], space: WeightSpace) -> Iterator[str]:
    """What is wrong with one network, a line each; `first` is the network that the others are to be like."""
    shapes = space.shapes
    yield from (f"{name!r} is missing" for name in shapes if name not in state)
    for name, value in state.items():
        if name not in shapes:
            if is_weight(name, value) and not any(is_same(value, state.get(other)) for other in shapes):
                yield f"{name!r} is not declared{hint(name, space)}"
        elif not is_dense(value):
            kind = value.layout if isinstance(value, Tensor) else type(value).__name__
            yield f"{name!r} is no dense tensor but {kind}"
        elif declared_shape(value, space[name]).shape != shapes[name]:
            yield f"{name!r} has shape {tuple(value.shape)}, declared {shapes[name]}"
        elif is_dense(other := first.get(name)):
            if value.dtype != other.dtype:
                yield f"{name!r} is {value.dtype}, in network 0 it is {other.dtype}"
            if value.device != other.device:
                yield f"{name!r} is on {value.device}, in network 0 it is on {other.device}"


def is_dense(value: Any) -> TypeGuard[Tensor]:
    """Whether a value is a tensor whose entries lie in memory one by one."""
    return isinstance(value, Tensor) and value.layout == torch.strided


def is_weight(name: str, value: Any) -> bool:
    """Whether a value is one that training changes: a tensor with entries, no integers, and no extra state."""
    numbers = isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())
    return numbers and value.numel() > 0 and name.rpartition(".")[2] != EXTRA_STATE


def is_same(value: Any, other: Any) -> bool:
    """Whether two tensors are one by two names: the same memory, read in the same way."""
    if not (is_dense(value) and is_dense(other)):
        return False
    if (value.shape, value.stride(), value.dtype) != (other.shape, other.stride(), other.dtype):
        return False
    if not value.is_meta:
        return value.data_ptr() == other.data_ptr()
    # No memory, so no addresses: the storages themselves are compared.
    storages = value.untyped_storage(), other.untyped_storage()
    return storages[0] is storages[1] and value.storage_offset() == other.storage_offset()


def hint(name: str, space: WeightSpace) -> str:
    """A declared name of which an undeclared one is a part, or the other way round."""
    near = [other for other in space.names if other.endswith(f".{name}") or name.endswith(f".{other}")]
    return f" (there is {near[0]!r})" if near else ""


def unstack(features: Mapping[str, Tensor], space: WeightSpace) -> list[dict[str, Tensor]]:
    """The networks whose weights are the one channel of some features; the inverse of `stack`.

    Parameters
    ----------
    features
        For each tensor of the space `(network, *axes, 1)`.
    space
        The weight space of the networks.

    Returns
    -------
    list
        One `state_dict` a network, each tensor a view of the features' where its shape allows.

    Raises
    ------
    ValueError
        Listing every tensor that is missing, not declared or of the wrong shape.

    Examples
    --------
    >>> space = WeightSpace({"bias": "h"}, sets={"h": 2})
    >>> unstack({"bias": torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])}, space)
    [{'bias': tensor([1., 2.])}, {'bias': tensor([3., 4.])}]
    """
    faults = [f"{name!r} is missing" for name in space.names if name not in features]
    batches = {value.shape[0] for value in features.values() if value.ndim}
    for name, value in features.items():
        if name not in space.names:
            faults.append(f"{name!r} is not declared")
        elif tuple(value.shape[1:]) != (*space[name].shape, 1) or len(batches) > 1:
            shape = ("networks", *space[name].shape, 1)
            faults.append(f"{name!r} has shape {tuple(value.shape)}, expected {shape}, one channel")
    if faults:
        raise ValueError("the features do not fit the specification:\n  " + "\n  ".join(faults))
    return [
        {tensor.name: features[tensor.name][number, ..., 0].reshape(tensor.stored) for tensor in space}
        for number in range(batches.pop())
    ]
