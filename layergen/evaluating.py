"""Run every network of a batch: what their weights, given as features, compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from layergen.features import Features

__all__ = ["functional"]


def functional(
    module: nn.Module,
    features: Features,
    inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
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
        Weights by their `state_dict` keys, `{tensor: (network, *axes, 1)}`.
    inputs
        The positional arguments of the module, the same for all networks.
    options
        Its arguments by name.
    chunk_size
        How many networks run at a time, to bound the memory; by default all.

    Returns
    -------
    Any
        What the module returns, each tensor with the axes `(network, …)`.

    Raises
    ------
    ValueError
        If a tensor is not the module's, or does not have its shape and one channel; the message lists all.

    Examples
    --------
    >>> import layergen
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"weight": "y x", "bias": "y"}, free={"x": 2, "y": 3})
    >>> networks = [nn.Linear(2, 3) for _ in range(5)]
    >>> x = layergen.stack([network.state_dict() for network in networks], space)
    >>> functional(networks[0], x, [torch.ones(7, 2)]).shape
    torch.Size([5, 7, 3])
    """
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    faults = [f"{name!r} is no parameter or buffer of the module" for name in features if name not in own]
    faults += [
        f"{name!r} has shape {tuple(value.shape)}, expected (networks, {', '.join(map(str, own[name].shape))}, 1)"
        for name, value in features.items()
        if name in own and (value.shape[-1:] != (1,) or value[0].numel() != own[name].numel())
    ]
    if faults:
        raise ValueError("the features do not fit the module:\n  " + "\n  ".join(faults))
    weights = {name: value.reshape(-1, *own[name].shape) for name, value in features.items()}

    def run(weights: dict[str, Tensor]) -> Any:
        return functional_call(module, weights, tuple(inputs), dict(options or {}))

    return torch.vmap(run, randomness="different", chunk_size=chunk_size)(weights)
