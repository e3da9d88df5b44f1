"""Between networks and features: lists of `state_dict`s, by name, and back without loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from symmetry.space.weight_space import Tensor as Declared
from symmetry.space.weight_space import WeightSpace

__all__ = ["stack", "unstack"]


def stack(
    state_dicts: Sequence[Mapping[str, Tensor]], space: WeightSpace, *, ignore: Collection[str] = ()
) -> dict[str, Tensor]:
    """Features of some networks: for each tensor `(network, *axes, 1)`, the one channel its values.

    Undeclared tensors of integers (`num_batches_tracked`) and those tied to a declared one are left out; `ignore` are
    patterns (as in `fnmatch`) of other names to leave out, such as `"head.*"`. Gradients flow back to tensors that ask
    for them. Pixel grids, `grid(3)`, are one axis of features, in networks two. Networks of another width are stacked
    with `space.resized({"h": 16})`. Raises `ValueError` listing every tensor that is missing, not declared, of the
    wrong shape or of another dtype than in the first network.

    >>> space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 3}, free={"x": 2})
    >>> networks = [torch.nn.Linear(2, 3) for _ in range(5)]
    >>> features = stack([network.state_dict() for network in networks], space)
    >>> features["weight"].shape
    torch.Size([5, 3, 2, 1])
    >>> torch.equal(unstack(features, space)[4]["bias"], networks[4].bias)
    True
    """
    if isinstance(state_dicts, Mapping) or not all(isinstance(state, Mapping) for state in state_dicts):
        raise TypeError("stack takes a list of state_dicts: [network.state_dict() for network in networks]")
    if not state_dicts:
        raise ValueError("there are no networks to stack")
    kept = [
        {name: value for name, value in state.items() if not any(fnmatchcase(name, pattern) for pattern in ignore)}
        for state in state_dicts
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


def declared_shape(value: Tensor, tensor: Declared) -> Tensor:
    """A network's tensor in the shape that is declared: the rows and columns of pixel grids are one axis there."""
    return value.reshape(tensor.shape) if tuple(value.shape) == tensor.stored else value


def which(numbers: Sequence[int], count: int) -> str:
    """Some networks in words."""
    if len(numbers) == count:
        return "every network" if count > 1 else "network 0"
    shown = ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
    return f"network{'s' if len(numbers) > 1 else ''} {shown}"


def network_faults(state: Mapping[str, Tensor], first: Mapping[str, Tensor], space: WeightSpace) -> list[str]:
    """What is wrong with one network, a line each."""
    faults = [f"{name!r} is missing" for name in space.names if name not in state]
    for name, value in state.items():
        if name not in space.names:
            if not is_spare(value, state, space):
                faults.append(f"{name!r} is not declared{hint(name, space)}")
        elif declared_shape(value, space[name]).shape != space[name].shape:
            faults.append(f"{name!r} has shape {tuple(value.shape)}, declared {space[name].shape}")
        elif name in first and value.dtype != first[name].dtype:
            faults.append(f"{name!r} is {value.dtype}, in network 0 it is {first[name].dtype}")
    return faults


def is_spare(value: Tensor, state: Mapping[str, Tensor], space: WeightSpace) -> bool:
    """Whether an undeclared tensor is a counter, or tied to one that is declared: the same memory by another name."""
    declared = (state[name] for name in space.names if name in state)
    return not (value.is_floating_point() or value.is_complex()) or any(
        value.data_ptr() == other.data_ptr() and value.shape == other.shape for other in declared if value.numel()
    )


def hint(name: str, space: WeightSpace) -> str:
    """A declared name of which an undeclared one is a part, or the other way round."""
    near = [other for other in space.names if other.endswith(f".{name}") or name.endswith(f".{other}")]
    return f" (there is {near[0]!r})" if near else ""


def unstack(features: Mapping[str, Tensor], space: WeightSpace) -> list[dict[str, Tensor]]:
    """The networks whose weights are the one channel of some features; the inverse of `stack`.

    Raises `ValueError` listing every tensor that is missing, not declared or of the wrong shape.
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
