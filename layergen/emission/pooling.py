"""Printing the pools: one statement each, with its diagram and shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from layergen.emission.draft import Draft, core_names, shape_text, side_name, side_text, tensor_identifier, whole_side
from layergen.emission.expressions import channels, literal, tuple_code
from layergen.emission.names import identifier
from layergen.emission.pieces import read_pieces
from layergen.plan.steps import Pool, Run, unordered
from symmetry.maps.isotypic import decomposed, sources
from symmetry.maps.sides import Side
from symmetry.space.layout import Piece, leaves
from symmetry.space.weight_space import Tensor

__all__ = ["column_range", "merging_pairs", "permuted", "print_pools", "range_code"]


def print_pools(draft: Draft, labels: Sequence[str]) -> list[str]:
    """Print every pool, and for each mix their concatenation; return the name of each mix's by its number."""
    names = print_single_pools(draft)
    draft.add("", "# Pools of each core, from the largest core to the smallest.")
    found: dict[int, str] = {}
    for number in reversed(range(len(draft.plan.mixes))):
        if draft.plan.mixes[number].pools:
            found[number] = print_concatenation(draft, number, labels[number], names, found)
    return [found.get(number, "") for number in range(len(draft.plan.mixes))]


def print_concatenation(
    draft: Draft, number: int, label: str, names: dict[Side, str], larger: Mapping[int, str]
) -> str:
    """The pools of one mix side by side; returns their name."""
    mix = draft.plan.mixes[number]
    runs = {run.start: run for run in draft.plan.reductions if run.small == number}
    items, place = [], 0
    while place < len(mix.pools):
        run = runs.get(place)
        items.append(reduction(draft, run, larger[run.large]) if run else pool_expression(names, mix.pools[place]))
        place += run.count if run else 1
    if len(items) == 1 and items[0].isidentifier():
        return items[0]
    name = draft.namer.fresh("_".join(("pools", label)).strip("_"))
    space = draft.plan.maps.source
    sources = ", ".join(side_text(space[side.piece.tensor], side)[1] for side in mix.pools)
    core = core_names(mix.core.sets)
    shape = ", ".join(("batch", *core, channels(mix.rows, "in").replace(" * ", "·")))
    comment = f"({shape}): {' '.join(core) or 1} <- {sources}"
    draft.concatenate(name, items, comment)
    return name


def reduction(draft: Draft, run: Run, value: str) -> str:
    """The mean of a row of a larger core's pools."""
    mix = draft.plan.mixes[run.large]
    value += column_range(mix.pools, run, "n")
    value += mean_code(draft, [mix.core.sets[place] for place in run.dropped], [str(p + 1) for p in run.dropped])
    return permuted(f"({value})" if run.order != tuple(sorted(run.order)) else value, run.order)


def print_single_pools(draft: Draft) -> dict[Side, str]:
    """Print the pools that are computed by themselves; return the name of each by side."""
    draft.add("# The source tensors, free values merged with the channels.")
    pieces = print_sources(draft)
    names: dict[Side, str] = {}
    for pool in draft.plan.pools:
        if pool.side == whole_side(pool.side.piece):
            names[pool.side] = pieces[pool.side.piece]
    if len(names) < len(draft.plan.pools):
        draft.add("", "# Diagonals of the source, and means that several cores read.")
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
        if wanted.isdisjoint(sources(tensor)):
            continue
        names = {piece: draft.namer.fresh(tensor_identifier(space, piece)) for piece in sources(tensor)}
        for name, code, piece in read_parts(draft, tensor, names):
            if piece is None:
                draft.assign(name, [code])
            elif piece in wanted:
                left, right = side_text(tensor, whole_side(piece))
                draft.assign(name, [code], f"{left} <- {right}: {shape_text(whole_side(piece), 'in')}")
        found |= names
    return found


def read_parts(draft: Draft, tensor: Tensor, names: Mapping[Piece, str]) -> Iterator[tuple[str, str, Piece | None]]:
    """Each statement that takes a tensor apart into what maps read, as `read_pieces` gives them."""
    read = decomposed(tensor.pieces, reading=True)
    turned = {one.piece: one for one in read if one.changes}
    plain = {one.piece: next(leaves(one.layout)) for one in read if not one.changes}
    whole = {piece: draft.namer.fresh(f"{identifier(tensor.name)}_in_irreps") for piece in turned}
    called = whole | {piece: names[part] for piece, part in plain.items()}
    for name, code, piece in read_pieces(tensor.layout, f"x[{literal(tensor.name)}]", called, draft.sizes, turned):
        if piece not in turned:
            yield name, code, piece and plain[piece]
            continue
        for change in turned[piece].changes:
            dims = tuple_code([str(place + 1) for place in change.places])
            code = draft.call("_to_irreps", code, draft.basis(change, reading=True), dims)
        yield name, code, None
        yield from read_pieces(turned[piece].layout, name, names, draft.sizes)


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
        sets = [side.piece.positions[side.blocks[number][0]].index.name for number in averaged]
        value += mean_code(draft, sets, [str(kept.index(number) + 1) for number in averaged])
    names[side] = draft.namer.fresh(side_name(space, side))
    left, right = side_text(space[side.piece.tensor], side)
    draft.assign(names[side], [value], f"{left} <- {right}: {shape_text(side, 'in')}")


def mean_code(draft: Draft, sets: Sequence[str], dims: Sequence[str]) -> str:
    """The mean over some dimensions, as a sum and a division of what is left.

    The gradient of a mean is divided at full size, that of a sum is a view.
    """
    sizes = [draft.sizes[name] for name in sets]
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
    return permuted(names[stored], tuple(stored.kept.index(number) for number in side.kept))


def permuted(value: str, order: tuple[int, ...]) -> str:
    """A value with its core's dimensions in another order."""
    if order == tuple(range(len(order))):
        return value
    return f"{value}.permute({', '.join(str(dim) for dim in (0, *(place + 1 for place in order), len(order) + 1))})"


def column_range(sides: Sequence[Side], run: Run, symbol: str) -> str:
    """The index that takes a run's columns out of those of the larger mix; empty where it takes them all."""
    widths = [side.piece.free_size for side in sides]
    text = range_code(sum(widths[: run.first]), sum(widths[: run.first + run.count]), sum(widths), symbol)
    return f"[..., {text}]" if text else ""


def range_code(start: int, stop: int, total: int, symbol: str) -> str:
    """A slice of columns, counted in channels; empty where it is all of them."""
    if (start, stop) == (0, total):
        return ""
    first, last = channels(start, symbol) if start else "", "" if stop == total else channels(stop, symbol)
    simple = first.isalnum() or (not first and last.isalnum())
    return f"{first}:{last}" if simple and (not last or last.isalnum()) else f"{first} : {last}".strip()
