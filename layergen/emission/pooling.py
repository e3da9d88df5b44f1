"""Printing the pools: one statement each, with its diagram and shape."""

from __future__ import annotations

from layergen.emission.draft import Draft, shape_text, side_text, tensor_identifier
from layergen.emission.expressions import literal, tuple_code
from layergen.emission.pieces import read_pieces
from layergen.plan.steps import Pool, unordered
from symmetry.diagrams import Side, block_names
from symmetry.layout import Piece

__all__ = ["merging_pairs", "pool_expression", "print_pools"]


def print_pools(draft: Draft) -> dict[Side, str]:
    """Print every pool; return the name of each pooled feature by side."""
    pieces = read_sources(draft)
    names: dict[Side, str] = {}
    for pool in draft.plan.pools:
        print_pool(draft, pool, pieces, names)
    return names


def read_sources(draft: Draft) -> dict[object, str]:
    """Print the views that lead to the pieces that some pool reads; return each piece's expression."""
    wanted = {pool.side.piece for pool in draft.plan.pools if pool.origin is None}
    found: dict[object, str] = {}
    for tensor in draft.plan.maps.source:
        if wanted.isdisjoint(tensor.pieces):
            continue
        base = tensor_identifier(draft.plan.maps.source, tensor.pieces[0])
        base = base.removesuffix("_p0") if len(tensor.pieces) > 1 else base
        for code, piece in read_pieces(tensor.layout, f"x[{literal(tensor.name)}]", base, draft.namer, draft.sizes):
            if piece is None:
                draft.add(code)
            else:
                name = draft.namer.fresh(tensor_identifier(draft.plan.maps.source, piece))
                left, right = side_text(tensor, whole(piece))
                draft.add(f"{name} = {code}  # {left} <- {right}: {shape_text(whole(piece), 'in')}")
                found[piece] = name
    draft.add("")
    return found


def whole(piece: Piece) -> Side:
    """The side of a piece that identifies nothing and keeps everything."""
    return Side(piece, tuple((place,) for place in piece.permuted), tuple(range(len(piece.permuted))))


def print_pool(draft: Draft, pool: Pool, pieces: dict[object, str], names: dict[Side, str]) -> None:
    """One pool: nothing to do where it is the piece itself."""
    side, space = pool.side, draft.plan.maps.source
    if pool.origin is None:
        value, kept = pieces[side.piece], tuple(range(len(side.blocks)))
        if pairs := merging_pairs(side):
            value = draft.call("_diagonal", value, str(pairs))
    else:
        value, kept = names[pool.origin], pool.origin.kept
    dims = [str(kept.index(number) + 1) for number in kept if number not in side.kept]
    if not dims and not pool.origin and not merging_pairs(side):
        names[side] = value
        return
    if dims:
        value += f".mean({dims[0] if len(dims) == 1 else tuple_code(dims)})"
    blocks = block_names(side.piece.positions, side.blocks)
    ending = "_".join(blocks[number].replace("'", "_") for number in side.kept) or "mean"
    merged = "_diagonal" if merging_pairs(side) else ""
    names[side] = draft.namer.fresh(f"{tensor_identifier(space, side.piece)}{merged}_{ending}".strip("_"))
    left, right = side_text(space[side.piece.tensor], side)
    draft.add(f"{names[side]} = {value}  # {left} <- {right}: {shape_text(side, 'in')}")


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
