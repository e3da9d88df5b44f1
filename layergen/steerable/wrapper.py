"""An escnn network as a function of plain tensors."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from layergen.steerable.modules import LAYERS, is_a, modules_of
from symmetry.language.errors import SpecificationError

__all__ = ["Steerable"]


class Steerable(nn.Module):
    """An escnn network as a function of plain tensors, whose weights may be swapped in evaluation mode too.

    Its layers are the network's own, not copies, under the same names: its `state_dict` fits
    `steerable_space(network)` without a prefix. escnn expands filters when a layer is put into evaluation mode and
    reads its weights no more; here the steerable layers stay in training mode, in which they expand their weights at
    every call, and its `train` and `eval` (not the network's) switch the other modules only. ::

        layergen.testing.assert_function_preserved(Steerable(network), steerable_space(network), [images])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        chain = list(modules_of(network))
        if not chain or not hasattr(chain[0][1], "in_type"):
            remedy = "the first module of the network is one of escnn.nn"
            raise SpecificationError("it is not known which fields the network takes", remedy=remedy)
        self.in_type = chain[0][1].in_type
        for name, module in network._modules.items():
            self.add_module(name, module)
        self.train(network.training)

    def train(self, mode: bool = True) -> Steerable:
        """Switch all modules but the steerable layers, which keep expanding their weights."""
        super().train(mode)
        for module in self.modules():
            if is_a(module, LAYERS):
                module.train()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, channels, *positions)` to the same, channels being those of the field types."""
        y = self.in_type(x)
        modules: dict[str, Any] = self._modules  # not `children`, which leaves out a nonlinearity that is used again
        for module in modules.values():
            y = module(y)
        return y.tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> Steerable:
        """A copy with weights of its own that shares escnn's groups and representations, some of which cannot copy."""
        memo |= {id(one): one for module in self.modules() for one in constants(module)}
        made = memo[id(self)] = self.__class__.__new__(self.__class__)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


def constants(module: nn.Module) -> Iterator[Any]:
    """What a module refers to of escnn's types, representations, spaces and bases: nothing changes those."""
    for value in vars(module).values():
        for one in value if isinstance(value, (tuple, list)) else [value]:
            if type(one).__module__.startswith("escnn."):
                yield one
