"""From networks to features and back without loss: `state_dict`s whose tensors are stacked by name."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from layergen.features import Features, members_of
from symmetry.space.weight_space import Tensor as Declared
from symmetry.space.weight_space import WeightSpace

__all__ = ["gathered", "owners", "parted", "stack", "unstack"]

EXTRA_STATE = "_extra_state"
"""How the name ends under which a `state_dict` holds what a module's `get_extra_state` returns."""


def stack(
    state_dicts: Iterable[Mapping[str, Any]], space: WeightSpace, *, ignore: str | Iterable[str] = ()
) -> Features:
    """Features of some networks, with their weights as the one channel.

    Undeclared values that are no weights are left out: values that are no tensors, extra state, tensors without
    entries, tensors of integers or bools (`num_batches_tracked`), and declared tensors under a second name (tied
    weights). A traced specification never needs one of those: axes that meet a mask of bools are frozen. Gradients flow
    back to tensors that ask for them. The rows and columns of a pixel grid, `grid(3)`, are two axes of a network's
    tensor and one axis of features. Networks of another width are stacked with `space.resized({"h": 16})`. The tensors
    of a family, `"blocks.{layer}.weight"`, are stacked along its own axes, which come first.

    Parameters
    ----------
    state_dicts
        One `state_dict` for each network, `{tensor: (*axes)}`; several networks in a list, generator or other iterable.
    space
        The weight space of the networks.
    ignore
        A pattern, as in `fnmatch`, for the names of values to leave out, such as `"head.*"`; or several patterns.

    Returns
    -------
    Features
        The weights, `{tensor: (network, *axes, 1)}` for the tensors of the space.

    Raises
    ------
    ValueError
        If there are no networks, or if tensors are missing, undeclared, not dense, of the wrong shape, or of another
        dtype or on another device than in the first network. The message lists all such tensors of all networks.
    TypeError
        If `state_dicts` is one `state_dict`, or one of its items is anything else.

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
    return {tensor.name: torch.stack([gathered(state, tensor) for state in kept]).unsqueeze(-1) for tensor in space}


def listed(state_dicts: Any) -> list[Mapping[str, Any]]:
    """The `state_dict`s as a list. Raises `TypeError` for anything else, and `ValueError` for an empty list."""
    states = list(state_dicts) if isinstance(state_dicts, Iterable) else [state_dicts]
    if isinstance(state_dicts, Mapping) or not all(isinstance(state, Mapping) for state in states):
        raise TypeError("stack takes a list of state_dicts: [network.state_dict() for network in networks]")
    if not states:
        raise ValueError("there are no networks to stack")
    return states


def gathered(state: Mapping[str, Tensor], tensor: Declared, lead: int = 0) -> Tensor:
    """A declared tensor of one network, or of several, `(…, *axes)`: the members of a family are stacked.

    Parameters
    ----------
    state
        The network's `state_dict`. Its tensors have their own shapes or, where the rows and columns of a pixel grid are
        one axis, the declared shapes.
    tensor
        A tensor of the network's weight space.
    lead
        The number of dimensions that all tensors have before their own.

    Returns
    -------
    Tensor
        The network's own tensor, or a view of it, where there is one member.
    """
    members = [state[member] for member in tensor.members]
    members = [value.reshape(*value.shape[:lead], *tensor.own_shape) for value in members]
    if not tensor.family.numbers:
        return members[0]
    return torch.stack(members, lead).unflatten(lead, tensor.shape[: len(tensor.family.numbers)])


def parted(value: Tensor, tensor: Declared) -> dict[str, Tensor]:
    """The tensors of one network, by name, that a declared tensor `(*axes)` stands for; the inverse of `gathered`.

    Parameters
    ----------
    value
        The declared tensor.
    tensor
        Its declaration.

    Returns
    -------
    dict of Tensor
        Views of it, wherever shapes allow that, in the shapes that the network has.
    """
    return {name: part.reshape(tensor.stored) for name, part in members_of(tensor.name, value).items()}


def owners(space: WeightSpace) -> dict[str, Declared]:
    """By the name of a network's tensor, the declared tensor that it is, or is a member of.

    Parameters
    ----------
    space
        The weight space.

    Returns
    -------
    dict of Tensor
        Declared tensors in the specification's order, the members of a family in the order of their numbers.
    """
    return {member: tensor for tensor in space for member in tensor.members}


def which(numbers: Sequence[int], count: int) -> str:
    """The words for some of `count` networks, given by their numbers."""
    if len(numbers) == count:
        return "every network" if count > 1 else "network 0"
    shown = ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
    return f"network{'s' if len(numbers) > 1 else ''} {shown}"


def network_faults(state: Mapping[str, Any], first: Mapping[str, Any], space: WeightSpace) -> Iterator[str]:
    """The faults of one network, one line each; dtypes and devices are compared with those of the network `first`."""
    declared = owners(space)
    yield from (f"{name!r} is missing{hint(name, state)}" for name in declared if name not in state)
    for name, value in state.items():
        if name not in declared:
            if is_weight(name, value) and not any(is_same(value, state.get(other)) for other in declared):
                yield f"{name!r} is not declared{hint(name, declared)}"
        elif not is_dense(value):
            kind = value.layout if isinstance(value, Tensor) else type(value).__name__
            yield f"{name!r} is no dense tensor but {kind}"
        elif tuple(value.shape) not in (declared[name].own_shape, declared[name].stored):
            yield f"{name!r} has shape {tuple(value.shape)}, declared {declared[name].own_shape}"
        elif is_dense(other := first.get(name)):
            if value.dtype != other.dtype:
                yield f"{name!r} is {value.dtype}, in network 0 it is {other.dtype}"
            if value.device != other.device:
                yield f"{name!r} is on {value.device}, in network 0 it is on {other.device}"


def is_dense(value: Any) -> TypeGuard[Tensor]:
    """Whether a value is an ordinary (strided) tensor, and not sparse."""
    return isinstance(value, Tensor) and value.layout == torch.strided


def is_weight(name: str, value: Any) -> bool:
    """Whether a value may be a weight: a tensor of real or complex numbers, with entries, that is no extra state."""
    numbers = isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())
    return numbers and value.numel() > 0 and name.rpartition(".")[2] != EXTRA_STATE


def is_same(value: Any, other: Any) -> bool:
    """Whether two values are one tensor under two names: the same memory, read in the same way."""
    if not (is_dense(value) and is_dense(other)):
        return False
    if (value.shape, value.stride(), value.dtype) != (other.shape, other.stride(), other.dtype):
        return False
    if not value.is_meta:
        return value.data_ptr() == other.data_ptr()
    # Meta tensors have no memory, and so no addresses: their storages themselves are compared.
    storages = value.untyped_storage(), other.untyped_storage()
    return storages[0] is storages[1] and value.storage_offset() == other.storage_offset()


def hint(name: str, names: Iterable[str]) -> str:
    """The hint at one of some names that ends in a name which is not among them, or that this one ends in."""
    near = [other for other in names if other.endswith(f".{name}") or name.endswith(f".{other}")]
    return f" (there is {near[0]!r})" if near else ""


def unstack(
    features: Mapping[str, Tensor], space: WeightSpace, *, like: nn.Module | None = None
) -> list[dict[str, Tensor]]:
    """The networks whose weights are the one channel of some features, the inverse of `stack`.

    Parameters
    ----------
    features
        The weights, `{tensor: (network, *axes, 1)}`.
    space
        The weight space of the networks.
    like
        A module whose `state_dict` has the tensors: what the space leaves out of it is added, tied weights under all
        their names, and copies of the module's own counters and masks, so that `load_state_dict` takes the result.

    Returns
    -------
    list of dict
        One `state_dict` for each network, `{tensor: (*axes)}`. Its tensors are views of the features wherever their
        shapes allow that.

    Raises
    ------
    ValueError
        If tensors are missing, undeclared, or of the wrong shape; the message lists them all.

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
    states = [
        {
            name: value
            for tensor in space
            for name, value in parted(features[tensor.name][number, ..., 0], tensor).items()
        }
        for number in range(batches.pop())
    ]
    return states if like is None else [completed(state, like.state_dict()) for state in states]


def completed(state: Mapping[str, Tensor], whole: Mapping[str, Any]) -> dict[str, Any]:
    """A network's tensors in the order of a whole `state_dict`, with what that has beside them."""
    found = {}
    for name, value in whole.items():
        tied = next((other for other in state if other in whole and is_same(value, whole[other])), None)
        found[name] = state[name] if name in state else state[tied] if tied else copy.deepcopy(value)
    return found
