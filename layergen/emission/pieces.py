"""Tensors to pieces and back: the printed form of a layout.

A piece's value has axes `(batch, *permuted positions, free values · channels)`. A piece over representation indices is
taken apart further, into irreducible parts; its own value has axes `(batch, *positions, channels)`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from layergen.emission.expressions import size_code, tuple_code
from symmetry.space.layout import Layout, Leaf, Piece, Unflatten, leaves

__all__ = ["put_together", "read_pieces"]


def read_pieces(
    layout: Layout, value: str, names: Mapping[Piece, str], sizes: Mapping[str, str], whole: Collection[Piece] = ()
) -> Iterator[tuple[str, str, Piece | None]]:
    """Yield `(name, expression, piece)` for each statement that takes a tensor apart.

    `piece` is None for the splits, whose name is that of all their parts; a part with several pieces bears the name
    of its first until it is split further. The pieces `whole` keep their positions.
    """
    if isinstance(layout, Leaf):
        yield names[layout.piece], value + ("" if layout.piece in whole else free_last(layout.piece)), layout.piece
    elif isinstance(layout, Unflatten):
        factors = [size_code(factor, sizes) for factor in layout.factors]
        view = f".unflatten({layout.dim + 1}, {tuple_code(factors)})" if factors else f".squeeze({layout.dim + 1})"
        yield from read_pieces(layout.below, value + view, names, sizes, whole)
    else:
        parts = [names[next(leaves(branch))] for branch in layout.branches]
        lengths = ", ".join(size_code(term, sizes) for term in layout.terms)
        yield ", ".join(parts), f"{value}.split([{lengths}], dim={layout.dim + 1})", None
        for part, branch in zip(parts, layout.branches, strict=True):
            yield from read_pieces(branch, part, names, sizes, whole)


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


def free_back(piece: Piece) -> str:
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


def put_together(layout: Layout, values: Mapping[Piece, str], whole: Collection[Piece] = ()) -> tuple[str, list[str]]:
    """The parts of a whole tensor, axes `(batch, *axes, channels)`: its outermost call and that call's items.

    A tensor of one piece is one item without a call; a concatenation is `torch.cat([`, its items, and the rest.
    """
    inner, items, calls = layout, [], ""
    while isinstance(inner, Unflatten):
        last = inner.dim + len(inner.factors)
        calls = (f".flatten({inner.dim + 1}, {last})" if inner.factors else f".unsqueeze({inner.dim + 1})") + calls
        inner = inner.below
    if isinstance(inner, Leaf):
        return "", [values[inner.piece] + ("" if inner.piece in whole else free_back(inner.piece)) + calls]
    items = [joined(*put_together(branch, values, whole)) for branch in inner.branches]
    return f"], dim={inner.dim + 1}){calls}", items


def joined(tail: str, items: list[str]) -> str:
    """A tensor's expression in one line."""
    return f"torch.cat([{', '.join(items)}{tail}" if tail else items[0]
