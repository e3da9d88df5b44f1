"""What a module computes in float64, and how far two results of it are apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["change", "doubled", "outputs"]

WIDER = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
}


LARGE = 10_000
"""Of weights of more entries there is no copy for each run: what is written into them is undone."""


def doubled(value: Any) -> Any:
    """A floating-point tensor in float64, a complex one in complex128, anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    return value.to(torch.complex128) if value.is_complex() else value.double() if value.is_floating_point() else value


class Undone(TorchDispatchMode):
    """What is written into some tensors is undone at the end: they are copied before something is written into them."""

    def __init__(self, kept: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.kept: dict[int, list[Tensor]] = {}
        for tensor in kept:
            if tensor.layout == torch.strided:
                self.kept.setdefault(tensor.untyped_storage().data_ptr(), []).append(tensor)
        self.written: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func._schema.is_mutable and self.kept:
            self.keep(one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor))
        return func(*args, **kwargs)

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        with torch.no_grad():
            for tensor, before in self.written:
                tensor.copy_(before)

    def keep(self, changed: Iterable[Tensor]) -> None:
        """Copy the tensors of which some may be changed, each before it is for the first time."""
        for one in changed:
            own = self.kept.pop(one.untyped_storage().data_ptr(), []) if one.layout == torch.strided else []
            self.written += [(tensor, tensor.clone()) for tensor in own]


class InDouble(Undone):
    """Casts to a floating type are casts to float64: norms that compute in float32 would round differently."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.get("dtype") in WIDER:
            kwargs["dtype"] = WIDER[kwargs["dtype"]]
        floats = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.is_floating_point()]
        if len({one.dtype for one in floats}) > 1 and not func._schema.is_mutable:
            args, kwargs = tree_map(doubled, (args, kwargs))
        return super().__torch_dispatch__(func, types, args, kwargs)


def outputs(
    module: nn.Module, weights: Mapping[str, Tensor], arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> list[Tensor]:
    """The tensors and numbers in what a module returns, each as a dense tensor of real numbers in float64.

    The module may change its inputs and its weights: of these it gets copies, or they are restored. Raises
    `AssertionError` where it returns nothing that can be compared.
    """
    fresh: Any = tree_map(copied, (tuple(arguments), dict(keywords)))
    large = {name: value for name, value in weights.items() if value.numel() > LARGE and value.layout == torch.strided}
    own = {name: value if name in large else copied(value) for name, value in weights.items()}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # for what the module makes itself
    try:
        with torch.no_grad(), InDouble(large.values()):
            leaves = tree_leaves(functional_call(module, own, *fresh, tie_weights=False))
    finally:
        torch.set_default_dtype(default)
    tensors = [real(leaf) for leaf in leaves if isinstance(leaf, Tensor)]
    tensors += [torch.tensor(leaf, dtype=torch.float64) for leaf in leaves if type(leaf) in (int, float)]
    if not any(tensor.numel() for tensor in tensors):
        kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
        raise AssertionError(f"the module returned no tensor to compare ({kinds}): wrap it in one that does")
    return tensors


def copied(value: Any) -> Any:
    """A copy of a tensor, anything else as it is."""
    return value.clone() if isinstance(value, Tensor) else value


def real(value: Tensor) -> Tensor:
    """A dense tensor of real numbers; complex numbers become pairs along a last axis."""
    value = value.to_dense() if value.layout != torch.strided else value
    return torch.view_as_real(value) if value.is_complex() else value.double()


def change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """The largest change of any entry, relative to the largest finite entry of its tensor.

    Entries that are not finite have to stay as they are; where one does not, the change is infinite, and so it is
    where the shapes differ.
    """
    if [tensor.shape for tensor in before] != [tensor.shape for tensor in after]:
        return math.inf
    return max(map(relative_change, before, after), default=0.0)


def relative_change(before: Tensor, after: Tensor) -> float:
    """The change of one tensor."""
    finite = torch.isfinite(before)
    if not torch.equal(finite, torch.isfinite(after)) or not same_marks(before[~finite], after[~finite]):
        return math.inf
    if not finite.any():
        return 0.0
    difference, largest = (torch.where(finite, one, 0).abs().max() for one in (before - after, before))
    return float(difference) / max(float(largest), 1e-300)


def same_marks(before: Tensor, after: Tensor) -> bool:
    """Whether entries that are not finite are alike: NaN for NaN, an infinity for the same infinity."""
    return bool(((before == after) | (before.isnan() & after.isnan())).all())
