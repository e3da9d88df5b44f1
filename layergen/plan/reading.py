"""The first half of a program: from the source tensors to the pools of each core, side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, permuted
from layergen.plan.names import identifier
from layergen.plan.notation import kept_text, piece_text, shape_of, shape_text, side_name, tensor_name
from layergen.plan.steps import Mix, Pool, Run, by_mix, unordered
from symmetry.maps.isotypic import Decomposed, decomposed, sources
from symmetry.maps.sides import Side, primed
from symmetry.space.layout import Layout, Leaf, Piece, Unflatten, leaves
from symmetry.space.weight_space import Tensor

__all__ = ["merging_pairs", "read_pools", "whole_side"]


def read_pools(draft: Draft, labels: Sequence[str]) -> dict[int, ops.Variable]:
    """Add the statements of every pool; return the pools of each mix, side by side, by its number."""
    found = read_single_pools(draft)
    draft.statements.append(ops.Heading(("Pools of each core, from the largest core to the smallest.",)))
    by_small, by_large = (by_mix(draft.plan.reductions, end) for end in ("small", "large"))
    pooled: dict[int, ops.Variable] = {}
    for number, (mix, label) in reversed(list(enumerate(zip(draft.plan.mixes, labels, strict=True)))):
        if mix.pools:
            values = pool_values(draft, mix, by_small[number], found, pooled)
            pooled[number] = side_by_side(draft, mix, "_".join(("pools", label)).strip("_"), values)
            for run in by_large[number]:  # names for the columns
                draft.columns(pooled[number], "from", mix.pools, run, draft.incoming)
    return pooled


def pool_values(
    draft: Draft, mix: Mix, runs: Sequence[Run], found: Mapping[Side, ops.Value], pooled: Mapping[int, ops.Variable]
) -> Iterator[ops.Value]:
    """The pools of one mix in order, those of a run as one value."""
    starts = {run.start: run for run in runs}
    place = 0
    while place < len(mix.pools):
        if run := starts.get(place):
            yield reduction(draft, run, pooled[run.large])
            place += run.count
        else:
            side = unordered(mix.pools[place])
            yield permuted(found[side], [side.kept.index(block) for block in mix.pools[place].kept])
            place += 1


def side_by_side(draft: Draft, mix: Mix, wish: str, pools: Iterable[ops.Value]) -> ops.Variable:
    """A name for the pools of one mix as one value."""
    value, *others = pools
    if isinstance(value, ops.Variable) and not others:
        return value
    core = primed(mix.core.sets)
    pieces = tuple(piece_text(draft.plan.maps.source, side) for side in mix.pools)
    note = ops.Note((" ".join(core) or "1",), pieces, shape_text(core, mix.width, "in"))
    return draft.let(wish, ops.Concatenate((value, *others), -1) if others else value, note)


def reduction(draft: Draft, run: Run, pooled: ops.Variable) -> ops.Value:
    """The mean of a row of a larger core's pools."""
    mix = draft.plan.mixes[run.large]
    taken = draft.columns(pooled, "from", mix.pools, run, draft.incoming)
    value = ops.Columns(pooled, taken) if taken else pooled
    dims = tuple(place + 1 for place in run.dropped)
    sizes = draft.block_sizes(mix.pools[0], [mix.pools[0].kept[place] for place in run.dropped])
    return permuted(ops.Mean(value, dims, sizes), run.order)


def read_single_pools(draft: Draft) -> dict[Side, ops.Value]:
    """The pools that are computed by themselves."""
    draft.statements.append(ops.Heading(("The source tensors, free values merged with the channels.",)))
    pieces = read_pieces(draft)
    whole = {pool.side for pool in draft.plan.pools if pool.side == whole_side(pool.side.piece)}
    found = {side: pieces[side.piece] for side in whole}
    if len(whole) < len(draft.plan.pools):
        draft.statements.append(ops.Heading(("Diagonals of the source, and means that several cores read.",)))
    for pool in draft.plan.pools:
        if pool.side not in whole:
            found[pool.side] = read_pool(draft, pool, pieces, found)
    return found


def read_pool(
    draft: Draft, pool: Pool, pieces: Mapping[Piece, ops.Value], found: Mapping[Side, ops.Value]
) -> ops.Value:
    """One pool: diagonals, then a mean."""
    side = pool.side
    if pool.origin is None:
        value, kept = pieces[side.piece], tuple(range(len(side.blocks)))
        if pairs := merging_pairs(side):
            value = ops.Diagonal(value, pairs)
    else:
        value, kept = found[pool.origin], pool.origin.kept
    if averaged := [number for number in kept if number not in side.kept]:
        dims = tuple(kept.index(number) + 1 for number in averaged)
        value = ops.Mean(value, dims, draft.block_sizes(side, averaged))
    return draft.let(side_name(draft.plan.maps.source, side), value, pool_note(draft, side))


def pool_note(draft: Draft, side: Side) -> ops.Note:
    """What a pool keeps of what, and its shape."""
    return ops.Note((kept_text(side),), (piece_text(draft.plan.maps.source, side),), shape_of(side, "in"))


def read_pieces(draft: Draft) -> dict[Piece, ops.Value]:
    """The pieces that some pool reads, free values merged with the channels."""
    wanted = {pool.side.piece for pool in draft.plan.pools if pool.origin is None}
    found: dict[Piece, ops.Value] = {}
    for tensor in draft.plan.maps.source:
        if not wanted.isdisjoint(sources(tensor)):
            found |= read_tensor(draft, tensor, wanted)
    return found


def read_tensor(draft: Draft, tensor: Tensor, wanted: Collection[Piece]) -> dict[Piece, ops.Value]:
    """The pieces of one tensor. A part with several pieces bears the name of its first until it is split further."""
    outer = {one.piece: one for one in decomposed(tensor.pieces, reading=True)}
    inner = {piece: draft.namer.fresh(tensor_name(draft.plan.maps.source, piece)) for piece in sources(tensor)}
    in_irreps = f"{identifier(tensor.name)}_in_irreps"
    names = {
        piece: draft.namer.fresh(in_irreps) if one.changes else inner[next(leaves(one.layout))]
        for piece, one in outer.items()
    }

    def walk(layout: Layout, value: ops.Value, names: Mapping[Piece, str], outer: Mapping[Piece, Decomposed]) -> None:
        match layout:
            case Leaf(piece) if piece in outer:
                for change in outer[piece].changes:
                    dims = tuple(place + 1 for place in change.places)
                    value = ops.ToIrreps(value, draft.basis(change, reading=True), dims)
                if outer[piece].changes:
                    draft.statements.append(ops.Let(names[piece], value))
                    value = ops.Variable(names[piece])
                walk(outer[piece].layout, value, inner, {})
            case Leaf(piece):
                if piece in wanted:
                    note = pool_note(draft, whole_side(piece))
                    draft.statements.append(ops.Let(names[piece], free_last(value, piece), note))
            case Unflatten(dim, factors, _, below):
                sizes = tuple(draft.size(factor) for factor in factors)
                view = (
                    ops.View(value, "unflatten", (dim + 1, sizes))
                    if factors
                    else ops.View(value, "squeeze", (dim + 1,))
                )
                walk(below, view, names, outer)
            case _:
                parts = tuple(names[next(leaves(branch))] for branch in layout.branches)
                lengths = tuple(draft.size(term) for term in layout.terms)
                draft.statements.append(ops.Split(parts, value, lengths, layout.dim + 1))
                for part, branch in zip(parts, layout.branches, strict=True):
                    walk(branch, ops.Variable(part), names, outer)

    walk(tensor.layout, draft.feature(tensor.name), names, outer)
    return {piece: ops.Variable(name) for piece, name in inner.items()}


def free_last(value: ops.Value, piece: Piece) -> ops.Value:
    """A piece with its free positions behind the others and merged with the channels."""
    if not piece.free:
        return value
    if piece.free_size == 1:
        for place in reversed(piece.free):
            value = ops.View(value, "squeeze", (place + 1,))
        return value
    return ops.View(permuted(value, (*piece.joined, *piece.free)), "flatten", (len(piece.joined) + 1,))


def whole_side(piece: Piece) -> Side:
    """The side of a piece that identifies nothing and keeps everything."""
    return Side(piece, tuple((place,) for place in piece.joined), tuple(range(len(piece.joined))))


def merging_pairs(side: Side) -> tuple[tuple[int, int], ...]:
    """Pairs of dimensions to take diagonals of, in turn, so that each block becomes one dimension."""
    dims = list(side.piece.joined)
    pairs = []
    for block in side.blocks:
        for place in block[1:]:
            first, second = dims.index(block[0]), dims.index(place)
            pairs.append((first + 1, second + 1))
            del dims[second]
    return tuple(pairs)
