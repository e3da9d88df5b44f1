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
    """An escnn network as a function of plain tensors, whose weights may be exchanged in evaluation mode too.

    The layers are the network's own, not copies, under the same names, so that the `state_dict` fits
    `steerable_space(network)` without a prefix. In evaluation mode escnn expands the filters of a layer once and reads
    its weights no more. Here the steerable layers stay in training mode, in which they expand their weights at every
    call; this module's `train` and `eval` (not the network's) switch the other modules only.

    Parameters
    ----------
    network
        An `escnn.nn.SequentialModule`, or a `torch.nn.Sequential` of escnn's modules.

    Raises
    ------
    SpecificationError
        If the network is no such sequence, if its first module is none of escnn's, or if escnn is not installed.

    References
    ----------
    Weiler and Cesa (2019), "General E(2)-Equivariant Steerable CNNs", NeurIPS.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # escnn warns that py3nj is missing, which nothing here needs
    ...     from escnn import gspaces, nn
    >>> import torch
    >>> plane = gspaces.rot2dOnR2(4)
    >>> image = nn.FieldType(plane, [plane.trivial_repr])
    >>> Steerable(nn.SequentialModule(nn.R2Conv(image, image, 3)))(torch.randn(5, 1, 8, 8)).shape
    torch.Size([5, 1, 6, 6])
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
        """Switch all modules but the steerable layers, which go on expanding their weights at every call.

        Parameters
        ----------
        mode
            Whether the modules are put into training mode.

        Returns
        -------
        Steerable
            The module itself.
        """
        super().train(mode)
        for module in self.modules():
            if is_a(module, LAYERS):
                module.train()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Apply the network.

        Parameters
        ----------
        x
            A tensor `(batch, channels, *positions)`, its channels those of the field type that the network takes.

        Returns
        -------
        Tensor
            The network's output, `(batch, channels, *positions)`, its channels those of the last field type.
        """
        y = self.in_type(x)
        modules: dict[str, Any] = self._modules  # not `children`, which leaves out a nonlinearity that is used again
        for module in modules.values():
            y = module(y)
        return y.tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> Steerable:
        """A copy with its own weights and the same escnn groups and representations, some of which cannot be copied."""
        memo |= {id(one): one for module in self.modules() for one in constants(module)}
        made = memo[id(self)] = self.__class__.__new__(self.__class__)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


def constants(module: nn.Module) -> Iterator[Any]:
    """The objects of escnn that a module refers to and that never change: types, representations, spaces, bases."""
    for value in vars(module).values():
        for one in value if isinstance(value, (tuple, list)) else [value]:
            if type(one).__module__.startswith("escnn."):
                yield one
