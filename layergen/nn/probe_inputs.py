"""Learned inputs: where they start, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ProbeInput", "stacked", "starts"]


class ProbeInput(nn.Module):
    """Inputs to run networks on, `(probe, *axes)`: given one by one, or as a linear map of short codes.

    Parameters
    ----------
    start
        What they are at first; with codes, as near to it as there can be.
    learned
        Whether they are parameters; else they are buffers.
    code
        The length of the codes; without, each input has numbers of its own.

    References
    ----------
    Kahana et al. (2024), "Deep Linear Probe Generators for Weight Space Learning": probes as linear maps of codes.

    Examples
    --------
    >>> ProbeInput(torch.ones(16, 3))().shape, ProbeInput(torch.randn(16, 3), code=2)().shape
    (torch.Size([16, 3]), torch.Size([16, 3]))
    """

    values: Tensor
    codes: Tensor
    map: Tensor
    shift: Tensor

    def __init__(self, start: Tensor, *, learned: bool = True, code: int | None = None) -> None:
        super().__init__()
        tensors = {"values": start.clone()}
        if code is not None:
            flat = start.flatten(1)
            if not 1 <= code <= min(flat.shape):
                raise ValueError(f"code={code!r}: give an integer from 1 to {min(flat.shape)}, or None")
            u, s, v = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
            scale = flat.shape[0] ** 0.5
            tensors = {"codes": u[:, :code] * scale, "map": s[:code, None] * v[:code] / scale, "shift": flat.mean(0)}
        for name, value in tensors.items():
            setattr(self, name, nn.Parameter(value) if learned else nn.Buffer(value))
        self.shape, self.code = start.shape, code

    def forward(self) -> Tensor:
        if self.code is None:
            return self.values
        return (self.codes @ self.map + self.shift).reshape(self.shape)

    def extra_repr(self) -> str:
        return f"{tuple(self.shape)}, code={self.code}"


def stacked(leaves: Sequence[Any], count: int) -> list[Any]:
    """Arguments whose tensors have `count` rows, those given repeated in turn, or the first of them.

    Raises
    ------
    ValueError
        If there are no tensors, or if they have other numbers of rows.
    """
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if not tensors or len({shape[:1] for shape in shapes}) > 1 or not shapes[0] or not shapes[0][0]:
        raise ValueError(
            f"inputs have shapes {shapes}: give tensors with an example in each row, all with as many rows"
        )
    rows = torch.arange(count) % shapes[0][0]
    return [leaf[rows.to(leaf.device)].detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves]


def starts(start: Any, examples: Sequence[Tensor], rows: Sequence[int | None]) -> list[Tensor]:
    """What each input is at first: the examples, numbers from -1 to 1, or what is given.

    Parameters
    ----------
    start
        "examples", "uniform", or a tensor for each input.
    examples
        The inputs of the module, with a row for each probe.
    rows
        The number of rows of the embedding for each input of tokens; weights of these rows are given for it.

    Returns
    -------
    list of Tensor
        One for each input.

    Raises
    ------
    ValueError
        If something else is given, or tensors of other shapes.
    """
    shapes = [tuple(e.shape) if n is None else (*e.shape, n) for e, n in zip(examples, rows, strict=True)]
    if start == "examples":
        return [e if n is None else chosen(e, n) for e, n in zip(examples, rows, strict=True)]
    if start == "uniform":
        drawn = [torch.rand(shape, device=e.device) for shape, e in zip(shapes, examples, strict=True)]
        return [2 * x - 1 if n is None else x / x.sum(-1, keepdim=True) for x, n in zip(drawn, rows, strict=True)]
    if isinstance(start, str) or not isinstance(start, (list, tuple)) or len(start) != len(shapes):
        raise ValueError(f'start is "examples", "uniform" or a list of tensors, of shapes {shapes}')
    if (given := [tuple(getattr(one, "shape", ())) for one in start]) != shapes:
        raise ValueError(f"probes of shapes {given} given, expected {shapes}")
    return [one.detach() for one in start]


def chosen(tokens: Tensor, count: int) -> Tensor:
    """Weights of `count` rows that choose one for each token."""
    return nn.functional.one_hot(tokens.long(), count).to(torch.get_default_dtype())
