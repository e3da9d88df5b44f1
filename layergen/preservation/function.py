"""What a module computes on some inputs, as a function of its weights: the thing that a symmetry preserves."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from layergen.preservation.outputs import change, doubled, outputs
from layergen.stacking import gathered, owners, parted
from symmetry import WeightSpace

__all__ = ["Function", "tied_names"]


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A module in evaluation mode and float64, with inputs for it and what it computes there."""

    module: nn.Module
    space: WeightSpace
    weights: Mapping[str, Tensor]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    expected: Sequence[Tensor]

    @classmethod
    def of(
        cls, module: nn.Module, space: WeightSpace, inputs: Sequence[Any], options: Mapping[str, Any] | None = None
    ) -> Function:
        """The function of a copy of the module. Raises `ValueError` for tensors that do not fit the weight space."""
        state = module.state_dict(keep_vars=True)
        once = {id(value): doubled(value.detach()) for value in state.values()}
        weights = {name: once[id(value)] for name, value in state.items()}
        check_fit(weights, space)
        own = {id(value): held_like(value, once[id(value)]) for value in state.values() if isinstance(value, Tensor)}
        module = copy.deepcopy(module, own).double().eval()
        return cls(module, space, weights, (), {}, ()).at(inputs, options)

    def at(self, inputs: Sequence[Any], options: Mapping[str, Any] | None = None) -> Function:
        """The function of the same module on other inputs; its weights are not copied."""
        arguments: tuple[Any, ...] = tree_map(doubled, tuple(inputs))
        keywords: dict[str, Any] = tree_map(doubled, dict(options or {}))
        expected = outputs(self.module, self.weights, arguments, keywords)
        return replace(self, arguments=arguments, keywords=keywords, expected=expected)

    def declared(self, name: str) -> Tensor:
        """A declared tensor, `(*axes)`."""
        return gathered(self.weights, self.space[name])

    def change(self, replaced: Mapping[str, Tensor]) -> float:
        """How far the output moves when some declared weights are replaced, and those tied to them alike.

        The change is relative to the largest entry, as `outputs.change` measures it.
        """
        own = [parted(value, self.space[name]) for name, value in replaced.items()]
        return self.change_with({name: value for parts in own for name, value in parts.items()})

    def change_with(self, replaced: Mapping[str, Tensor]) -> float:
        """How far the output moves when some declared weights are replaced, by the names that the module has for them.

        The change is that of `change`.
        """
        weights = {**self.weights, **replaced}
        for name, leader in self.leaders().items():
            weights[name] = weights[leader]
        return change(self.expected, outputs(self.module, weights, self.arguments, self.keywords))

    def leaders(self) -> dict[str, str]:
        """For each undeclared weight that is tied to a declared one the name of the declared one."""
        ties = tied_names(self.module)
        own = owners(self.space)
        declared = {ties.get(name, name): name for name in reversed(own)}
        undeclared = {name: tie for name, tie in ties.items() if name in self.weights and name not in own}
        return {name: declared[tie] for name, tie in undeclared.items() if tie in declared}


def tied_names(module: nn.Module) -> dict[str, str]:
    """For each parameter and buffer the first name of the same tensor: tied weights have several names."""
    first: dict[int, str] = {}
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {name: first.setdefault(id(tensor), name) for name, tensor in named}


def held_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """A weight as a module holds it: a parameter where the tensor that it stands for is one."""
    return nn.Parameter(weight, requires_grad=False) if isinstance(tensor, nn.Parameter) else weight


def check_fit(weights: Mapping[str, Tensor], space: WeightSpace) -> None:
    """Raise `ValueError` listing the declared tensors that the module lacks or has in another shape."""
    faults = [f"{name!r} is not in the state_dict" for name in owners(space) if name not in weights]
    faults += [
        f"{name!r} has shape {tuple(weights[name].shape)}, declared {tensor.own_shape}"
        for name, tensor in owners(space).items()
        if name in weights and tuple(weights[name].shape) not in (tensor.own_shape, tensor.stored)
    ]
    if faults:
        raise ValueError("the specification does not fit the module:\n  " + "\n  ".join(faults))
