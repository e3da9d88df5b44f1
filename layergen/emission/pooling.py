"""Printing the pools: one statement each, with its diagram and shape."""

from __future__ import annotations

from layergen.emission.draft import Draft, shape_text, side_name, side_text, tensor_identifier, whole_side
from layergen.emission.expressions import literal, tuple_code
from layergen.emission.pieces import read_pieces
from layergen.plan.steps import Pool, unordered
from symmetry.diagrams import Side
from symmetry.layout import Piece

__all__ = ["merging_pairs", "pool_expression", "print_pools"]


def print_pools(draft: Draft) -> dict[Side, str]:
    """Print every pool; return the name of each pooled feature by side."""
    draft.add("# The source tensors, free values merged with the channels.")
    pieces = print_sources(draft)
    names: dict[Side, str] = {}
    for pool in draft.plan.pools:
        if pool.side == whole_side(pool.side.piece):
            names[pool.side] = pieces[pool.side.piece]
    if len(names) < len(draft.plan.pools):
        draft.add("", "# Pools: diagonals of the source, averaged over what the core leaves out.")
    for pool in draft.plan.pools:
        if pool.side not in names:
            print_pool(draft, pool, pieces, names)
    return names


def print_sources(draft: Draft) -> dict[Piece, str]:
    """Print the views that lead to the pieces that some pool reads; return each piece's name."""
    wanted = {pool.side.piece for pool in draft.plan.pools if pool.origin is None}
    space = draft.plan.maps.source
    found: dict[Piece, str] = {}
    for tensor in space:
        if wanted.isdisjoint(tensor.pieces):
            continue
        names = {piece: draft.namer.fresh(tensor_identifier(space, piece)) for piece in tensor.pieces}
        for name, code, piece in read_pieces(tensor.layout, f"x[{literal(tensor.name)}]", names, draft.sizes):
            if piece is None:
                draft.assign(name, [code])
            elif piece in wanted:
                left, right = side_text(tensor, whole_side(piece))
                draft.assign(name, [code], f"{left} <- {right}: {shape_text(whole_side(piece), 'in')}")
        found |= names
    return found


def print_pool(draft: Draft, pool: Pool, pieces: dict[Piece, str], names: dict[Side, str]) -> None:
    """One pool: diagonals, then a mean."""
    side, space = pool.side, draft.plan.maps.source
    if pool.origin is None:
        value, kept = pieces[side.piece], tuple(range(len(side.blocks)))
        if pairs := merging_pairs(side):
            value = draft.call("_diagonal", value, str(pairs))
    else:
        value, kept = names[pool.origin], pool.origin.kept
    averaged = [number for number in kept if number not in side.kept]
    if averaged:
        value += mean_code(draft, side, averaged, [str(kept.index(number) + 1) for number in averaged])
    names[side] = draft.namer.fresh(side_name(space, side))
    left, right = side_text(space[side.piece.tensor], side)
    draft.assign(names[side], [value], f"{left} <- {right}: {shape_text(side, 'in')}")


def mean_code(draft: Draft, side: Side, blocks: list[int], dims: list[str]) -> str:
    """The mean over some blocks, as a sum and a division of what is left.

    The gradient of a mean is divided at full size, that of a sum is a view.
    """
    sizes = [draft.sizes[side.piece.positions[side.blocks[number][0]].index.name] for number in blocks]
    divisor = sizes[0] if len(sizes) == 1 else f"({' * '.join(sizes)})"
    return f".sum({dims[0] if len(dims) == 1 else tuple_code(dims)}) / {divisor}"


def merging_pairs(side: Side) -> list[tuple[int, int]]:
    """Pairs of dimensions to take diagonals of, in turn, so that each block becomes one dimension."""
    dims = list(side.piece.permuted)
    pairs = []
    for block in side.blocks:
        for place in block[1:]:
            first, second = dims.index(block[0]), dims.index(place)
            pairs.append((first + 1, second + 1))
            del dims[second]
    return pairs


def pool_expression(names: dict[Side, str], side: Side) -> str:
    """A pooled feature with its kept blocks in the order of a core."""
    stored = unordered(side)
    if stored == side:
        return names[stored]
    order = ", ".join(str(dim) for dim in (0, *(stored.kept.index(n) + 1 for n in side.kept), len(side.kept) + 1))
    return f"{names[stored]}.permute({order})"
