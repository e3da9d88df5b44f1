"""Copies of modules to work on: as they are, with the same weights, or with weights in general position."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from symmetry.language.errors import SpecificationError

__all__ = ["in_general_position", "own_copy", "put_in_general_position"]


def own_copy(module: nn.Module, *, sharing: bool = False) -> nn.Module:
    """The module to work on, in evaluation mode; tensors that hooks compute from others are copied as they are.

    A copy that is `sharing` has parameters of its own in the memory of the module's, which nothing may write into.
    Raises `SpecificationError` for a module that cannot be copied.
    """
    instead = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    if sharing:
        same = (one for one in module.parameters() if type(one) is nn.Parameter)
        instead |= {id(one): nn.Parameter(one.detach(), requires_grad=one.requires_grad) for one in same}
    try:
        return copy.deepcopy(module, instead).eval()
    except Exception as error:  # copying runs the code of whatever the module holds
        remedy = "trace a module of tensors, modules and plain values"
        raise SpecificationError(
            f"the module cannot be copied: {type(error).__name__}: {error}", remedy=remedy
        ) from None


def in_general_position(module: nn.Module) -> nn.Module:
    """A copy with weights that no two entries of which are alike, and through which signals neither die nor grow.

    Freshly made norms are ones and zeros, and small initial weights hide in a deep network whatever happens early.
    """
    return put_in_general_position(copy.deepcopy(module))


def put_in_general_position(module: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """A module itself with such weights, its parameters in memory of their own and of a type, if one is given."""
    generator = torch.Generator().manual_seed(0)

    def normal(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator).to(tensor.device, dtype or tensor.dtype)

    with torch.no_grad():
        for tensor in module.parameters():
            if tensor.is_floating_point() and tensor.numel():
                if tensor.ndim > 1:
                    tensor.data = normal(tensor).div_((tensor.numel() / tensor.shape[0]) ** 0.5)
                else:
                    tensor.data = normal(tensor).mul_(0.3).add_(1 if float(tensor.mean()) > 0.5 else 0)
        kept = module.state_dict().keys()
        for name, buffer in module.named_buffers():
            # Buffers without negative entries may be variances; what is not finite masks something.
            if name in kept and buffer.is_floating_point() and buffer.numel():
                finite = buffer.isfinite()
                positive = bool((buffer[finite] >= 0).all()) and not name.endswith("running_mean")
                general = normal(buffer).tanh_().mul_(0.3).add_(1) if positive else normal(buffer).mul_(0.3)
                buffer.copy_(torch.where(finite, general, buffer))
    return module
