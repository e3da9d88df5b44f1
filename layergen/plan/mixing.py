"""The middle of a program: for each core one product, what smaller cores add to it, and the parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, bounds, columns, permuted, times
from layergen.plan.notation import core_names, piece_text, shape_text, side_name
from layergen.plan.parameters import Weights
from layergen.plan.steps import Mix, Run
from symmetry.maps.diagrams import Side

__all__ = ["mix_pools"]


def mix_pools(draft: Draft, weights: Sequence[Weights], pooled: Mapping[int, ops.Value]) -> dict[Side, ops.Value]:
    """Add the statements of every mix; return the value of each spread that goes to its target by itself."""
    draft.statements.append(
        ops.Heading(("Mixes, from the smallest core to the largest: in each, every pool feeds every spread.",))
    )
    found: dict[Side, ops.Value] = {}
    mixed: dict[int, ops.Variable] = {}
    for number, weight in enumerate(weights):
        draft.statements.append(heading(draft, weight.mix))
        mixed[number] = product(draft, weight, pooled.get(number))
        for run in draft.plan.additions:
            if run.large == number:
                draft.statements.append(addition(draft, run, mixed))
        found |= own_parts(draft, number, mixed[number])
    return found


def heading(draft: Draft, mix: Mix) -> ops.Heading:
    """What a mix is, and every spread that it writes."""
    core = core_names(mix.core.sets)
    count = f"{plural(len(mix.pools), 'pool')}, {plural(len(mix.spreads), 'spread')}"
    bound = "" if mix.rank is None else f", rank at most {mix.rank}"
    title = f"core ({' '.join(core)}): {count}, {plural(mix.rows * mix.columns, 'diagram')}{bound}"
    pieces = tuple(piece_text(draft.plan.maps.target, side) for side in mix.spreads)
    return ops.Heading((title, ops.Note(pieces, (" ".join(core) or "1",), shape_text(core, mix.columns, "out"))))


def plural(count: int, noun: str) -> str:
    """`1 pool`, `2 pools`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def product(draft: Draft, weight: Weights, pools: ops.Value | None) -> ops.Variable:
    """The product of the pools with the core's weight, and its bias."""
    mix = weight.mix
    value = pools or ops.Zeros(draft.feature(), (draft.batch, times(mix.columns, draft.outgoing)))
    for name in weight.factors:
        # With few rows, those of the scalar core, there is nothing to gain over `@`.
        value = ops.Product(value, name, swift=bool(mix.core.sets))
    mixed = draft.let("_".join(("mixed", weight.label)).strip("_"), value)
    if weight.bias is not None:
        ends = bounds(weight.bias, weight.bias + mix.columns, draft.plan.bias_dimension, draft.outgoing)
        draft.statements.append(ops.AddBias(mixed.name, *ends))
    return mixed


def addition(draft: Draft, run: Run, mixed: Mapping[int, ops.Variable]) -> ops.AddInto:
    """Add a row of a smaller core's spreads into those of a larger one, repeated over what they leave out."""
    small, large = draft.plan.mixes[run.small], draft.plan.mixes[run.large]
    stop = run.start + run.count
    value = permuted(mixed[run.small], [run.order.index(place) for place in range(len(run.order))])
    value = columns(value, small.spreads, run.start, stop, draft.outgoing)
    marks = tuple(place in run.dropped for place in range(len(large.core.sets)))
    into = columns(mixed[run.large], large.spreads, run.first, run.first + run.count, draft.outgoing)
    return ops.AddInto(into, ops.Repeat(value, marks))


def own_parts(draft: Draft, number: int, value: ops.Variable) -> dict[Side, ops.Value]:
    """Name the columns of a mix that are read by themselves: those that are not added into another mix."""
    mix, runs = draft.plan.mixes[number], [run for run in draft.plan.additions if run.small == number]
    first = sum(run.count for run in runs)
    sides = mix.spreads[first:]
    own = columns(value, mix.spreads, first, len(mix.spreads), draft.outgoing)
    if not sides:
        return {}
    if len(sides) == 1 and own == value:
        return {sides[0]: value}
    names = tuple(draft.namer.fresh(f"to_{side_name(draft.plan.maps.target, side)}") for side in sides)
    if len(names) == 1:
        draft.statements.append(ops.Let(names[0], own))
    else:
        lengths = tuple(times(side.piece.free_size, draft.outgoing) for side in sides)
        draft.statements.append(ops.Split(names, own, lengths, -1))
    return {side: ops.Variable(name) for side, name in zip(sides, names, strict=True)}
