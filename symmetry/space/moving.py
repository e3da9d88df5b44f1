"""How the parts of a group element act on arrays: entries are multiplied along their axes, then gathered."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.kinds.action import Part
from symmetry.space.layout import Piece, take_apart
from symmetry.space.weight_space import Tensor

__all__ = ["along", "chain", "floating_copy", "images_on", "multiplied", "multiply"]

Indices = NDArray[np.intp]


def images_on(piece: Piece, parts: Mapping[str, Part]) -> tuple[Indices, ...]:
    """For each position of a piece, the coordinate to which each entry goes; each array has the piece's shape."""
    grid = np.indices(piece.shape)
    found = []
    for place, index in enumerate(position.index for position in piece.positions):
        where = None if index.action is None else index.images(parts[index.action.name])
        found.append(grid[place] if where is None else where[tuple(grid[p] for p in chain(piece, place))])
    return tuple(found)


def multiplied(tensor: Tensor, array: Any, parts: Mapping[str, Part], *, lead: int) -> Any:
    """A tensor's entries times the factors and matrices of the parts, before the entries are moved.

    `lead` dimensions come before the tensor's axes. Integers become floating-point numbers where anything is
    multiplied.
    """
    found = [(piece, place) for piece in tensor.pieces for place in range(len(piece.positions))]
    found = [(piece, place) for piece, place in found if multiplies(piece, place, parts)]
    if not found:
        return array
    array = floating_copy(array)
    pieces = dict(take_apart(tensor.layout, array, lead))
    for piece, place in found:
        multiply(pieces[piece], piece, place, parts, lead)
    return array


def multiplies(piece: Piece, place: int, parts: Mapping[str, Part]) -> bool:
    """Whether the parts multiply entries along a position."""
    index, charge = piece.positions[place].index, piece.positions[place].charge
    if index.action is None:
        return False
    part = parts[index.action.name]
    return index.factors(part, charge) is not None or index.matrices(part, charge) is not None


def multiply(
    array: Any, piece: Piece, place: int, parts: Mapping[str, Part], lead: int, *, batched: bool = False
) -> None:
    """Multiply the entries of a piece, in place, by the factors or matrices that act along one position.

    With `batched` the first dimension of the array is also the first of the parts: each of its values has its own.
    """
    index, charge = piece.positions[place].index, piece.positions[place].charge
    part = parts[index.action.name] if index.action else None
    dims = [*range(batched), *(lead + above for above in chain(piece, place))]
    if (factors := index.factors(part, charge)) is not None:
        array *= like(np.ascontiguousarray(along(factors, dims, array.ndim, np)), array)
    if (matrices := index.matrices(part, charge)) is not None:
        module = importlib.import_module(type(array).__module__.partition(".")[0])  # numpy, or torch
        axes, fresh = list(range(array.ndim)), array.ndim
        out = [fresh if axis == dims[-1] else axis for axis in axes]
        array[...] = module.einsum(array, axes, like(matrices, array), [*dims[:-1], fresh, dims[-1]], out)


def along(values: Any, dims: Sequence[int], rank: int, library: Any) -> Any:
    """An array with one axis for each of `dims`, so that it broadcasts along these of `rank` dimensions.

    It is of a library that is numpy or torch.
    """
    order = [sorted(dims).index(dim) for dim in dims]
    lengths = iter((ordered := library.moveaxis(values, tuple(range(len(dims))), tuple(order))).shape)
    return ordered.reshape([next(lengths) if dim in dims else 1 for dim in range(rank)])


def like(values: NDArray[np.float64], array: Any) -> Any:
    """Numbers as an array of the same library (numpy or torch) as another array."""
    return values if isinstance(array, np.ndarray) else array.new_tensor(values)


def floating_copy(array: Any) -> Any:
    """A contiguous copy of a numpy or torch array with real or complex entries."""
    if isinstance(array, np.ndarray):
        return np.array(array, dtype=array.dtype if np.issubdtype(array.dtype, np.inexact) else float, order="C")
    return (array if array.is_floating_point() or array.is_complex() else array.float()).contiguous().clone()


def chain(piece: Piece, place: int) -> list[int]:
    """The positions that a position is nested in, outermost first, and the position itself."""
    found = [place]
    while (above := piece.positions[found[0]].parent) is not None:
        found.insert(0, above)
    return found
