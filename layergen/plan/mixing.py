"""The middle of a program: for each core one product, what smaller cores add to it, and the parts of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, permuted, times
from layergen.plan.notation import core_text, piece_text, range_name, shape_text
from layergen.plan.parameters import Weights
from layergen.plan.steps import Mix, Run, by_mix
from symmetry.maps.sides import Side, primed

__all__ = ["mix_pools"]


def mix_pools(draft: Draft, weights: Sequence[Weights], pooled: Mapping[int, ops.Value]) -> dict[Side, ops.Value]:
    """Add the statements of every mix; return the value of each spread that goes to its target by itself."""
    text = "Mixes, from the smallest core to the largest: in each, every pool feeds every spread."
    draft.statements.append(ops.Heading((text,)))
    into, out = (by_mix(draft.plan.additions, end) for end in ("large", "small"))
    found: dict[Side | Run, ops.Value] = {}
    biases = draft.plan.bias_dimension
    for number, weight in enumerate(weights):
        draft.statements.append(heading(draft, weight.mix))
        mixed = product(draft, weight, pooled.get(number), biases)
        for run in into[number]:
            taken = draft.columns(mixed, "into", weight.mix.spreads, run, draft.outgoing)
            draft.statements.append(ops.Let(mixed.name, ops.Add(mixed, repeated(run, found[run]), taken)))
        for part, value in parts(draft, weight.mix, out[number], mixed).items():
            if part in found:  # neighbouring values have pools for this spread that its own value has not
                value = draft.let("_".join(("whole", weight.label)), ops.Sum((found[part], value)))
            found[part] = value
    return {side: value for side, value in found.items() if isinstance(side, Side)}


def heading(draft: Draft, mix: Mix) -> ops.Heading:
    """What a mix is, and every spread that it writes."""
    core = primed(mix.core.sets)
    count = f"{plural(len(mix.pools), 'pool')}, {plural(len(mix.spreads), 'spread')}"
    bound = "" if mix.rank is None else f", rank at most {mix.rank}"
    title = (
        f"core ({core_text(draft.plan.maps, mix.core)}): {count}, {plural(mix.rows * mix.columns, 'diagram')}{bound}"
    )
    pieces = tuple(piece_text(draft.plan.maps.target, side) for side in mix.spreads)
    return ops.Heading((title, ops.Note(pieces, (" ".join(core) or "1",), shape_text(core, mix.columns, "out"))))


def plural(count: int, noun: str) -> str:
    """`1 pool`, `2 pools`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def product(draft: Draft, weight: Weights, pools: ops.Value | None, biases: int) -> ops.Variable:
    """The product of the pools with the core's weight, and what it has of the layer's biases."""
    mix = weight.mix
    value = pools or ops.Zeros(draft.feature(), (draft.batch, times(mix.columns, draft.outgoing)))
    if mix.steps != ((),):
        value = with_neighbours(draft, weight, value)
    for name in weight.factors:
        # With few rows, those of the scalar core, there is nothing to gain over `@`.
        value = ops.Product(value, name, swift=bool(mix.core.sets))
    if weight.bias is not None and mix.columns == biases and isinstance(value, ops.Product):
        value = ops.Affine(value.value, value.parameter)
    mixed = draft.let("_".join(("mixed", weight.label)).strip("_"), value)
    if weight.bias is not None and not isinstance(value, ops.Affine):
        stop, taken = weight.bias + mix.columns, ""
        if mix.columns < biases:
            columns = ops.Slice(times(weight.bias, draft.outgoing), times(stop, draft.outgoing))
            taken = draft.let("_".join(("biases", weight.label)).strip("_"), columns).name
        draft.statements.append(ops.AddBias(mixed.name, taken))
    return mixed


def with_neighbours(draft: Draft, weight: Weights, pools: ops.Value) -> ops.Variable:
    """A core's pools beside the same pools of neighbouring values: each step moves all of them."""
    core, values, read = weight.mix.core.sets, list[ops.Value](), list[str]()
    for steps in weight.mix.steps:
        value = pools
        for name, places in steps:
            value = ops.Moved(value, core.index(name) + 1, places)
        values.append(value)
        stepped = dict(steps)
        read.append(" ".join(f"{name}{-stepped[name]:+d}" if name in stepped else name for name in primed(core)))
    note = ops.Note((" ".join(primed(core)),), tuple(read), shape_text(primed(core), weight.mix.rows, "in"))
    value = ops.Concatenate(tuple(values), -1) if len(values) > 1 else values[0]
    return draft.let("_".join(("near", weight.label)).strip("_"), value, note)


def repeated(run: Run, value: ops.Value) -> ops.Value:
    """A part of a smaller core's product, to be repeated over what the core leaves out."""
    value = permuted(value, [run.order.index(place) for place in range(len(run.order))])
    count = len(run.order) + len(run.dropped)
    return ops.Repeat(value, tuple(place in run.dropped for place in range(count)))


def parts(draft: Draft, mix: Mix, runs: Sequence[Run], mixed: ops.Variable) -> dict[Side | Run, ops.Value]:
    """A product in parts: first those that are added into larger cores' products, then one for each other spread.

    A part that is the only one to another core is named after that core, others after their spreads.
    """
    space = draft.plan.maps.target
    ends: dict[Side | Run, tuple[int, int]] = {run: (run.start, run.start + run.count) for run in runs}
    first = sum(run.count for run in runs)
    ends |= {side: (place, place + 1) for place, side in enumerate(mix.spreads[first:], start=first)}
    if len(ends) == 1:
        return dict.fromkeys(ends, mixed)
    goals = Counter(run.large for run in runs)
    names, lengths = [], []
    for part, (start, stop) in ends.items():
        wish = f"to_{range_name(space, mix.spreads[start:stop])}"
        if isinstance(part, Run) and goals[part.large] == 1:
            goal = draft.plan.mixes[part.large].core.sets
            wish = "_".join((*mix.core.sets, "to", *goal)).replace(".", "_")
        names.append(draft.namer.fresh(wish))
        lengths.append(times(sum(side.piece.free_size for side in mix.spreads[start:stop]), draft.outgoing))
    draft.statements.append(ops.Split(tuple(names), mixed, tuple(lengths), -1))
    return {part: ops.Variable(name) for part, name in zip(ends, names, strict=True)}
