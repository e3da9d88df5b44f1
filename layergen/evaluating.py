"""Run every network of a batch: what their weights, given as features, compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from layergen.features import Features, members_of

__all__ = ["functional"]


def functional(
    module: nn.Module,
    features: Features,
    inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    channels: bool = False,
    chunk_size: int | None = None,
) -> Any:
    """The outputs of networks that differ in their weights, on the same inputs.

    What an editor or a learned optimiser gives is run, and trained through: gradients flow to the features. Weights
    that the features lack are the module's own, and tied weights follow the one that is given.

    Parameters
    ----------
    module
        One of the networks, or a module like them; it is not changed.
    features
        Weights by their `state_dict` keys, `{tensor: (network, *axes, 1)}`; with `channels`, any number of channels.
    inputs
        The positional arguments of the module, the same for all networks.
    options
        Its arguments by name.
    channels
        Whether every channel is a network of its own. A metanetwork that gives several networks for each one that it
        reads is better than its single networks where their predictions are averaged, and not their weights.
    chunk_size
        How many networks run at a time, to bound the memory; by default all.

    Returns
    -------
    Any
        What the module returns, each tensor with the axes `(network, …)`, or with `channels` `(network, …, channel)`.

    Raises
    ------
    ValueError
        If a tensor is not the module's, or does not have its shape and one channel, or with `channels` as many as the
        first tensor; the message lists all.

    References
    ----------
    Dayan, Eitan, Maron (2026): averaged predictions of several output networks (OCE).

    Examples
    --------
    >>> import layergen
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"weight": "y x", "bias": "y"}, free={"x": 2, "y": 3})
    >>> networks = [nn.Linear(2, 3) for _ in range(5)]
    >>> x = layergen.stack([network.state_dict() for network in networks], space)
    >>> functional(networks[0], x, [torch.ones(7, 2)]).shape
    torch.Size([5, 7, 3])

    Four networks for each that is read, whose predictions are averaged:

    >>> edited = layergen.nn.Metanet(space, out_channels=4, update=[0, 0, 0, 0])(x)
    >>> functional(networks[0], edited, [torch.ones(7, 2)], channels=True).mean(-1).shape
    torch.Size([5, 7, 3])
    """
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    features = {member: part for name in features for member, part in members_of(name, features[name], lead=1).items()}
    several = next((value.shape[-1] for value in features.values() if value.ndim), 1) if channels else 1
    faults = [f"{name!r} is no parameter or buffer of the module" for name in features if name not in own]
    faults += [
        f"{name!r} has shape {tuple(value.shape)}, expected "
        f"(networks, {', '.join(map(str, (*own[name].shape, several)))})"
        for name, value in features.items()
        if name in own and (value.shape[-1:] != (several,) or value[0, ..., 0].numel() != own[name].numel())
    ]
    if faults:
        more = any(value.shape[-1:] > (several,) for value in features.values()) and not channels
        remedy = "\nwith channels=True every channel is a network" if more else ""
        raise ValueError("the features do not fit the module:\n  " + "\n  ".join(faults) + remedy)
    weights = {name: value.movedim(-1, 1).reshape(-1, *own[name].shape) for name, value in features.items()}

    def run(weights: dict[str, Tensor]) -> Any:
        return functional_call(module, weights, tuple(inputs), dict(options or {}))

    outputs = torch.vmap(run, randomness="different", chunk_size=chunk_size)(weights)
    return tree_map(lambda value: value.unflatten(0, (-1, several)).movedim(1, -1), outputs) if channels else outputs
