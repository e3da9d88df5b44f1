"""Tensors to pieces and back: the printed form of a layout.

A piece's value has axes `(batch, *permuted positions, free values · channels)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from layergen.emission.expressions import size_code, tuple_code
from layergen.emission.names import Namer
from symmetry.layout import Layout, Leaf, Piece, Split, Unflatten

__all__ = ["Writing", "put_together", "read_pieces"]


def read_pieces(layout: Layout, value: str, base: str, namer: Namer, sizes: Mapping[str, str]) -> Iterator[tuple[str, Piece | None]]:
    """Yield `(statement, None)` for each line of code and `(expression, piece)` for each piece reached."""
    if isinstance(layout, Leaf):
        yield value + free_last(layout.piece), layout.piece
    elif isinstance(layout, Unflatten):
        dim = layout.dim + 1
        factors = tuple_code([size_code(factor, sizes) for factor in layout.factors]) if layout.factors else ""
        view = f".unflatten({dim}, {factors})" if factors else f".squeeze({dim})"
        yield from read_pieces(layout.below, value + view, base, namer, sizes)
    else:
        parts = [namer.fresh(f"{base}_part") for _ in layout.branches]
        lengths = ", ".join(size_code(term, sizes) for term in layout.terms)
        yield f"{', '.join(parts)} = {value}.split([{lengths}], dim={layout.dim + 1})", None
        for part, branch in zip(parts, layout.branches, strict=True):
            yield from read_pieces(branch, part, base, namer, sizes)


def free_last(piece: Piece) -> str:
    """The call that moves a piece's free positions behind the others and merges them with the channels."""
    if not piece.free:
        return ""
    permuted, free, last = piece.permuted, piece.free, len(piece.positions)
    merge = f".flatten({len(permuted) + 1})"
    if permuted + free == tuple(range(last)):
        return merge
    order = ", ".join(str(dim) for dim in (0, *(place + 1 for place in permuted + free), last + 1))
    return f".permute({order}){merge}"


def free_back(piece: Piece, sizes: Mapping[str, str]) -> str:
    """The inverse of `free_last`; `c` are the output channels."""
    if not piece.free:
        return ""
    permuted, free, last = piece.permuted, piece.free, len(piece.positions)
    lengths = [str(piece.positions[place].index.size) for place in free]
    part = f".unflatten(-1, {tuple_code([*lengths, 'c'])})"
    order = (*permuted, *free)
    if order == tuple(range(last)):
        return part
    back = ", ".join(str(dim) for dim in (0, *(order.index(place) + 1 for place in range(last)), last + 1))
    return f"{part}.permute({back})"


@dataclass(frozen=True, slots=True)
class Writing:
    """The value of each piece, and the sizes' variables, from which tensors are put together."""

    values: Mapping[Piece, str]
    sizes: Mapping[str, str]


def put_together(layout: Layout, writing: Writing) -> str:
    """The expression of a whole tensor, axes `(batch, *axes, channels)`."""
    if isinstance(layout, Leaf):
        return writing.values[layout.piece] + free_back(layout.piece, writing.sizes)
    if isinstance(layout, Split):
        parts = ", ".join(put_together(branch, writing) for branch in layout.branches)
        return f"torch.cat([{parts}], dim={layout.dim + 1})"
    inner, dim = put_together(layout.below, writing), layout.dim + 1
    if not layout.factors:
        return f"{inner}.unsqueeze({dim})"
    return f"{inner}.flatten({dim}, {dim + len(layout.factors) - 1})"
