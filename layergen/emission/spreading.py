"""Printing the spreads: sums from the smallest value to the largest, then the target tensors."""

from __future__ import annotations

from layergen.emission.draft import INDENT, Draft, shape_text, side_name, side_text, tensor_identifier, whole_side
from layergen.emission.expressions import WIDTH, bracketed, channels, literal, tuple_code
from layergen.emission.names import identifier
from layergen.emission.pieces import joined, put_together
from layergen.emission.pooling import merging_pairs, permuted
from layergen.plan.steps import Spread, unordered
from symmetry.maps.isotypic import decomposed, targets
from symmetry.maps.sides import Side
from symmetry.space.layout import Piece, leaves
from symmetry.space.weight_space import Tensor

__all__ = ["print_spreads"]


def print_spreads(draft: Draft, slices: dict[Side, str]) -> dict[str, list[str]]:
    """Print every spread; return the expression of each target tensor as lines, the first without its indent."""
    ordered = {unordered(side): slice_expression(side, name) for side, name in slices.items()}
    values: dict[Side, str] = {}
    pieces: dict[Piece, str] = {}
    for tensor in draft.plan.maps.target:
        for piece in targets(tensor):
            steps = [step for step in draft.plan.spreads if step.side.piece == piece]
            for step in steps:
                values[step.side] = print_sum(draft, step, steps, ordered, values)
            pieces[piece] = print_diagonals(draft, piece, steps, values)
        print_from_irreps(draft, tensor, pieces)
    return {
        tensor.name: item_lines(
            *put_together(
                tensor.layout, pieces, [one.piece for one in decomposed(tensor.pieces, reading=False) if one.changes]
            )
        )
        for tensor in draft.plan.maps.target
    }


def print_from_irreps(draft: Draft, tensor: Tensor, values: dict[Piece, str]) -> None:
    """Put the pieces over representation indices together from their irreducible parts."""
    for parts in decomposed(tensor.pieces, reading=False):
        if not parts.changes:
            values[parts.piece] = values[next(leaves(parts.layout))]
        else:
            tail, items = put_together(parts.layout, values)
            name = values[parts.piece] = draft.namer.fresh(f"out_{identifier(tensor.name)}")
            if tail:
                draft.lines += bracketed(f"{name} = torch.cat([", items, tail, INDENT)
            elif not items[0].isidentifier():
                draft.assign(name, items)
            code = items[0] if items[0].isidentifier() and not tail else name
            for change in reversed(parts.changes):
                dims = tuple_code([str(place + 1) for place in change.places])
                sizes = tuple_code([str(size) for size in change.sizes])
                code = draft.call("_from_irreps", code, draft.basis(change, reading=False), dims, sizes)
            draft.assign(name, [code])


def item_lines(tail: str, items: list[str]) -> list[str]:
    """A tensor's expression, a concatenation over several lines where it is long."""
    line = joined(tail, items)
    if not tail or len(line) + len(INDENT) + 30 <= WIDTH:
        return [line]
    return ["torch.cat([", *(f"    {item}," for item in items), tail]


def print_sum(draft: Draft, step: Spread, steps: list[Spread], slices: dict[Side, str], values: dict[Side, str]) -> str:
    """The name of one side's value: its own slice, plus what smaller sides spread into it."""
    side = step.side
    tensor = draft.plan.maps.target[side.piece.tensor]
    below = [other.side for other in steps if other.into == side]
    own = [slices[side]] if side in slices else []
    if own and not below and (step.into is not None or own[0].isidentifier()):
        return own[0]
    summands = own + [values[other] + repeated(other, side) for other in below]
    if not own and not covers(below, side):
        total = f"({' + '.join(summands)})" if len(summands) > 1 else summands[0]
        full = "" if step.into else ".contiguous()"
        summands = [f"{total}.expand({', '.join(('batch', *sizes_of(draft, side), '-1'))}){full}"]
    whole = len(side.kept) == len(side.blocks) and not merging_pairs(side)
    base = tensor_identifier(draft.plan.maps.target, side.piece) if whole else side_name(draft.plan.maps.target, side)
    name = draft.namer.fresh(f"out_{base}")
    kept = [side_text(tensor, other)[0] for other in ([side] if own else []) + below]
    draft.assign(name, summands, f"{side_text(tensor, side)[1]} <- {', '.join(kept)}: {shape_text(side, 'out')}")
    return name


def slice_expression(side: Side, name: str) -> str:
    """A slice with its core's dimensions in the order of the blocks."""
    return permuted(name, tuple(sorted(range(len(side.kept)), key=lambda place: side.kept[place])))


def repeated(side: Side, into: Side) -> str:
    """The index that gives a value a dimension for every block that the larger side keeps."""
    marks = [":" if number in side.kept else "None" for number in into.kept]
    while marks and marks[-1] == ":":
        marks.pop()
    return f"[:, {', '.join(marks)}]" if marks else ""


def covers(below: list[Side], side: Side) -> bool:
    """Whether the sum of some smaller sides has every dimension of the larger at its full length."""
    return set(side.kept) <= {number for other in below for number in other.kept}


def sizes_of(draft: Draft, side: Side) -> list[str]:
    """The variables that hold the sizes of a side's kept blocks."""
    return [draft.sizes[side.piece.positions[side.blocks[number][0]].index.name] for number in side.kept]


def print_diagonals(draft: Draft, piece: Piece, steps: list[Spread], values: dict[Side, str]) -> str:
    """The name of a piece's value: the sum over all entries, with those on diagonals added there."""
    whole = whole_side(piece)
    diagonals = [step.side for step in steps if step.into is None and step.side != whole]
    if not diagonals and whole in values:
        return values[whole]
    if whole in values:
        value = values[whole]
    else:
        shape = ", ".join(("batch", *sizes_of(draft, whole), channels(piece.free_size, "c")))
        value = f"x[{literal(draft.plan.maps.source.names[0])}].new_zeros({shape})"
    base = f"out_{tensor_identifier(draft.plan.maps.target, piece)}"
    name = value if value.startswith("out_") else draft.namer.fresh(base)
    if not diagonals:  # nothing reaches this part
        draft.assign(name, [value])
    for side in diagonals:
        left, right = side_text(draft.plan.maps.target[piece.tensor], side)
        value = draft.call("_add_on_diagonal", value, values[side], str(merging_pairs(side)))
        draft.assign(name, [value], f"{right} <- {left}")
        value = name
    return name
