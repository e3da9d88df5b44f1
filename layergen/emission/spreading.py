"""Printing the spreads: sums from the smallest value to the largest, then the target tensors."""

from __future__ import annotations

from layergen.emission.draft import INDENT, Draft, shape_text, side_text, tensor_identifier
from layergen.emission.expressions import WIDTH, channels
from layergen.emission.pieces import Writing, put_together
from layergen.emission.pooling import merging_pairs
from layergen.plan.steps import Spread, unordered
from symmetry.diagrams import Side
from symmetry.layout import Piece

__all__ = ["print_spreads"]


def print_spreads(draft: Draft, slices: dict[Side, str]) -> dict[str, str]:
    """Print every spread; return the expression of each target tensor."""
    ordered = {unordered(side): (side, name) for side, name in slices.items()}
    values: dict[Side, str] = {}
    pieces: dict[Piece, str] = {}
    for tensor in draft.plan.maps.target:
        for piece in tensor.pieces:
            steps = [step for step in draft.plan.spreads if step.side.piece == piece]
            for step in steps:
                values[step.side] = print_sum(draft, step, steps, ordered, values)
            pieces[piece] = print_diagonals(draft, piece, steps, values)
    writing = Writing(pieces, draft.sizes)
    return {tensor.name: put_together(tensor.layout, writing) for tensor in draft.plan.maps.target}


def print_sum(
    draft: Draft,
    step: Spread,
    steps: list[Spread],
    slices: dict[Side, tuple[Side, str]],
    values: dict[Side, str],
) -> str:
    """The name of one side's value: its own slice, plus what smaller sides spread into it."""
    side = step.side
    below = [other.side for other in steps if other.into == side]
    summands = [slice_expression(*slices[side])] if side in slices else []
    summands += [values[other] + repeated(other, side) for other in below]
    if len(summands) == 1 and side in slices and step.into is not None:
        return summands[0]
    total = " + ".join(summands)
    if side not in slices and not covers(below, side):
        shape = ", ".join(("batch", *sizes_of(draft, side), "-1"))
        total = f"({total})" if len(summands) > 1 else total
        total += f".expand({shape})"
    name = draft.namer.fresh(value_name(draft, side))
    tensor = draft.plan.maps.target[side.piece.tensor]
    kept = [side_text(tensor, other)[0] for other in ([side] if side in slices else []) + below]
    comment = f"{side_text(tensor, side)[1]} <- {', '.join(kept)}: {shape_text(side, 'out')}"
    print_statement(draft, f"{name} = ", summands, total, comment)
    return name


def print_statement(draft: Draft, head: str, summands: list[str], total: str, comment: str) -> None:
    """One sum, on one line with its comment, or with the comment above it."""
    line = f"{head}{total}  # {comment}"
    if len(INDENT + line) <= WIDTH:
        draft.add(line)
    elif len(INDENT + head + total) <= WIDTH:
        draft.add(f"# {comment}", head + total)
    else:
        first, *others = summands
        draft.add(f"# {comment}", f"{head}(", f"    {first}", *(f"    + {other}" for other in others))
        draft.add(")" + total[total.rindex(".expand") :] if ".expand(" in total else ")")


def slice_expression(side: Side, name: str) -> str:
    """A slice with its core's dimensions in the order of the blocks."""
    order = sorted(range(len(side.kept)), key=lambda place: side.kept[place])
    if order == list(range(len(order))):
        return name
    dims = ", ".join(str(dim) for dim in (0, *(place + 1 for place in order), len(order) + 1))
    return f"{name}.permute({dims})"


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


def value_name(draft: Draft, side: Side) -> str:
    """A name for a value on its way into a target."""
    base = f"out_{tensor_identifier(draft.plan.maps.target, side.piece)}"
    if merging_pairs(side):
        base += "_diagonal"
    kept = [side.piece.positions[side.blocks[number][0]].index.name for number in side.kept]
    return base if len(kept) == len(side.blocks) else "_".join((base, *kept))


def print_diagonals(draft: Draft, piece: Piece, steps: list[Spread], values: dict[Side, str]) -> str:
    """The name of a piece's value: the sum over all entries, with those on diagonals added there."""
    whole = [step.side for step in steps if step.into is None]
    plain = [side for side in whole if not merging_pairs(side)]
    if plain:
        value = values[plain[0]]
    else:
        shape = [draft.sizes[piece.positions[place].index.name] for place in piece.permuted]
        first = values[whole[0]]
        value = f"{first}.new_zeros({', '.join(('batch', *shape, channels(piece.free_size, 'c')))})"
    diagonals = [side for side in whole if merging_pairs(side)]
    if not diagonals:
        return value
    name = draft.namer.fresh(value_name(draft, plain[0] if plain else Side(piece, (), ())))
    for side in diagonals:
        _, right = side_text(draft.plan.maps.target[piece.tensor], side)
        value = draft.call("_add_on_diagonal", value, values[side], str(merging_pairs(side)))
        draft.add(f"{name} = {value}  # {right}")
        value = name
    return name
