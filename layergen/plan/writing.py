"""The last part of a program: sums from the smallest value to the largest, diagonals, then the target tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, permuted, times
from layergen.plan.names import identifier
from layergen.plan.notation import kept_text, piece_text, shape_of, side_name, tensor_name
from layergen.plan.reading import merging_pairs, whole_side
from layergen.plan.steps import Spread, unordered
from symmetry.language.axes import Atom
from symmetry.maps.isotypic import Decomposed, decomposed, targets
from symmetry.maps.sides import Side
from symmetry.space.layout import Layout, Leaf, Piece, Unflatten

__all__ = ["write_tensors"]


def write_tensors(draft: Draft, mixed: Mapping[Side, ops.Value]) -> Iterator[tuple[str, ops.Value]]:
    """Add the statements of every spread; yield each target tensor, axes `(batch, *axes, out_channels)`."""
    own = {
        unordered(side): permuted(value, sorted(range(len(side.kept)), key=lambda place: side.kept[place]))
        for side, value in mixed.items()
    }
    steps: dict[Piece, list[Spread]] = {}
    for step in draft.plan.spreads:
        steps.setdefault(step.side.piece, []).append(step)
    for tensor in draft.plan.maps.target:
        pieces = {
            piece: free_back(write_piece(draft, piece, steps.get(piece, []), own), piece, draft.outgoing)
            for piece in targets(tensor)
        }
        outer = {one.piece: whole_piece(draft, one, pieces) for one in decomposed(tensor.pieces, reading=False)}
        yield tensor.name, put_together(tensor.layout, outer)


def write_piece(draft: Draft, piece: Piece, steps: Sequence[Spread], own: Mapping[Side, ops.Value]) -> ops.Value:
    """A piece's value: the sum over all entries, with those on diagonals added there."""
    sums: dict[Side, ops.Value] = {}
    for step in steps:
        sums[step.side] = write_sum(draft, step, steps, own, sums)
    whole = whole_side(piece)
    diagonals = [step.side for step in steps if step.into is None and step.side != whole]
    if not diagonals and whole in sums:
        return sums[whole]
    sizes = (draft.batch, *draft.block_sizes(whole, whole.kept), times(piece.free_size, draft.outgoing))
    value = sums.get(whole, ops.Zeros(draft.feature(), sizes))
    if isinstance(value, ops.Variable) and value != own.get(whole):
        name = value.name
    else:
        name = draft.namer.fresh(f"out_{tensor_name(draft.plan.maps.target, piece)}")
    if not diagonals:  # nothing reaches this piece
        draft.statements.append(ops.Let(name, value))
    for side in diagonals:
        note = ops.Note((piece_text(draft.plan.maps.target, side),), (kept_text(side),))
        draft.statements.append(ops.Let(name, ops.Embed(value, sums[side], merging_pairs(side)), note))
        value = ops.Variable(name)
    return ops.Variable(name)


def write_sum(
    draft: Draft, step: Spread, steps: Sequence[Spread], own: Mapping[Side, ops.Value], sums: Mapping[Side, ops.Value]
) -> ops.Value:
    """One side's value: its own columns of a mix, plus what smaller sides spread into it."""
    side, space = step.side, draft.plan.maps.target
    below = [other.side for other in steps if other.into == side]
    if side in own and not below and (step.into is not None or isinstance(own[side], ops.Variable)):
        return own[side]
    summands = [own[side]] if side in own else []
    summands += [ops.Repeat(sums[other], tuple(number not in other.kept for number in side.kept)) for other in below]
    value = ops.Sum(tuple(summands)) if len(summands) > 1 else summands[0]
    if side not in own and not set(side.kept) <= {number for other in below for number in other.kept}:
        value = ops.Expand(value, (draft.batch, *draft.block_sizes(side, side.kept)), dense=step.into is None)
    whole = len(side.kept) == len(side.piece.joined)
    base = tensor_name(space, side.piece) if whole else side_name(space, side)
    kept = tuple(kept_text(other) for other in ([side] if side in own else []) + below)
    return draft.let(f"out_{base}", value, ops.Note((piece_text(space, side),), kept, shape_of(side, "out")))


def free_back(value: ops.Value, piece: Piece, channels: Atom) -> ops.Value:
    """A piece with its free positions in their places, not merged with the channels."""
    if not piece.free:
        return value
    if piece.free_size == 1:
        for place in piece.free:
            value = ops.View(value, "unsqueeze", (place + 1,))
        return value
    order = (*piece.joined, *piece.free)
    lengths = tuple(Atom("", piece.positions[place].index.size) for place in piece.free)
    value = ops.View(value, "unflatten", (-1, (*lengths, channels)))
    return permuted(value, [order.index(place) for place in range(len(order))])


def whole_piece(draft: Draft, one: Decomposed, pieces: Mapping[Piece, ops.Value]) -> ops.Value:
    """A piece from its irreducible parts, where it has such."""
    value = put_together(one.layout, pieces)
    if not one.changes:
        return value
    name = draft.namer.fresh(f"out_{identifier(one.piece.tensor)}")
    if not isinstance(value, ops.Variable):
        draft.statements.append(ops.Let(name, value))
        value = ops.Variable(name)
    for change in reversed(one.changes):
        dims = tuple(place + 1 for place in change.places)
        value = ops.FromIrreps(value, draft.basis(change, reading=False), dims, change.sizes)
    draft.statements.append(ops.Let(name, value))
    return ops.Variable(name)


def put_together(layout: Layout, pieces: Mapping[Piece, ops.Value]) -> ops.Value:
    """A tensor from its pieces."""
    match layout:
        case Leaf(piece):
            return pieces[piece]
        case Unflatten(dim, factors, _, below):
            value = put_together(below, pieces)
            return (
                ops.View(value, "flatten", (dim + 1, dim + len(factors)))
                if factors
                else ops.View(value, "unsqueeze", (dim + 1,))
            )
        case _:
            return ops.Concatenate(tuple(put_together(branch, pieces) for branch in layout.branches), layout.dim + 1)
