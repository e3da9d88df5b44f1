"""Printing the mixes: for each core one product, and the names of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layergen.emission.draft import INDENT, Draft, comment_lines, core_names, side_name, side_text
from layergen.emission.expressions import WIDTH, bracketed, channels, listed, literal
from layergen.emission.names import Namer
from layergen.emission.pooling import column_range, permuted, range_code
from layergen.plan.steps import Mix
from symmetry.maps.sides import Side

__all__ = ["Weights", "mix_labels", "name_weights", "print_mixes"]


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameter of one mix, and the place of its bias among all biases (None without one)."""

    mix: Mix
    name: str
    bias: int | None


def name_weights(mixes: Sequence[Mix]) -> list[Weights]:
    """A parameter name for each mix, after its core; biases in order."""
    namer, found, biases = Namer(set()), [], 0
    for mix in mixes:
        name = namer.fresh("_".join(("mix", *mix.core.sets)).replace(".", "_"))
        found.append(Weights(mix, name, biases if mix.biased else None))
        biases += mix.columns if mix.biased else 0
    return found


def mix_labels(weights: Sequence[Weights]) -> list[str]:
    """What tells each mix's variables apart: its parameter's name without `mix`."""
    return [weight.name.removeprefix("mix").strip("_") for weight in weights]


def print_mixes(draft: Draft, weights: Sequence[Weights], pooled: Sequence[str]) -> dict[Side, str]:
    """Print every mix; return the name of each slice that is read by itself."""
    slices: dict[Side, str] = {}
    names: dict[int, str] = {}
    for number, weight in enumerate(weights):
        draft.add("")
        print_heading(draft, weight.mix)
        names[number] = print_product(draft, weight, pooled[number], mix_labels(weights)[number])
        print_additions(draft, number, names)
        slices |= print_slices(draft, number, names[number])
    return slices


def print_heading(draft: Draft, mix: Mix) -> None:
    """What a mix is, and every spread that it writes."""
    count = f"{plural(len(mix.pools), 'pool')}, {plural(len(mix.spreads), 'spread')}"
    bound = "" if mix.rank is None else f", rank at most {mix.rank}"
    core = core_names(mix.core.sets)
    draft.add(f"# core ({' '.join(core)}): {count}, {plural(mix.rows * mix.columns, 'diagram')}{bound}")
    space = draft.plan.maps.target
    targets = ", ".join(side_text(space[side.piece.tensor], side)[1] for side in mix.spreads)
    shape = ", ".join(("batch", *core, channels(mix.columns, "out").replace(" * ", "·")))
    draft.add(*comment_lines(f"({shape}): {targets} <- {' '.join(core) or 1}"))


def print_product(draft: Draft, weights: Weights, pools: str, label: str) -> str:
    """The product of the pools with the core's matrix, and its bias; returns its name."""
    mix, columns = weights.mix, channels(weights.mix.columns, "c")
    name = draft.namer.fresh("_".join(("mixed", label)).strip("_"))
    if not pools:
        draft.add(f"{name} = x[{literal(draft.plan.maps.source.names[0])}].new_zeros(batch, {columns})")
    else:
        for ending in ("",) if mix.rank is None else ("_in", "_out"):
            pools = product(draft, mix, pools, f"self.{weights.name}{ending}")
        draft.add(f"{name} = {pools}")
    if weights.bias is not None:
        part = range_code(weights.bias, weights.bias + mix.columns, draft.plan.bias_dimension, "c")
        draft.add("if self.bias is not None:", f"    {name} = {name} + self.bias{f'[{part}]' if part else ''}")
    return name


def product(draft: Draft, mix: Mix, pools: str, weight: str) -> str:
    """A product with a matrix: with few rows, those of the scalar core, there is nothing to gain over `@`."""
    return draft.call("_product", pools, weight) if mix.core.sets else f"{pools} @ {weight}"


def print_additions(draft: Draft, number: int, names: dict[int, str]) -> None:
    """Add the products of smaller cores into this one, repeated over what they leave out."""
    mix = draft.plan.mixes[number]
    for run in draft.plan.additions:
        if run.large == number:
            small = draft.plan.mixes[run.small]
            widths = [side.piece.free_size for side in small.spreads]
            start, stop = sum(widths[: run.start]), sum(widths[: run.start + run.count])
            marks = ["None" if place in run.dropped else ":" for place in range(len(mix.core.sets))]
            columns = range_code(start, stop, sum(widths), "c")
            index = ", ".join([":", *marks, *([columns] if columns else [])])
            stays = tuple(run.order.index(place) for place in range(len(run.order)))
            value = permuted(names[run.small], stays)
            draft.add(f"{names[number]}{column_range(mix.spreads, run, 'c')}.add_({value}[{trimmed(index)}])")


def trimmed(index: str) -> str:
    """An index without the full ranges at its end."""
    while index.endswith(", :"):
        index = index.removesuffix(", :")
    return index


def print_slices(draft: Draft, number: int, value: str) -> dict[Side, str]:
    """Name the slices of a mix's columns that are read by themselves: those that are not added into another mix."""
    mix = draft.plan.mixes[number]
    added = {
        place
        for run in draft.plan.additions
        if run.small == number
        for place in range(run.start, run.start + run.count)
    }
    sides = [side for place, side in enumerate(mix.spreads) if place not in added]
    if not sides:
        return {}
    first = sum(side.piece.free_size for place, side in enumerate(mix.spreads) if place in added)
    part = range_code(first, mix.columns, mix.columns, "c")
    value += f"[..., {part}]" if part else ""
    if len(sides) == 1 and not part:
        return {sides[0]: value}
    names = [draft.namer.fresh(f"to_{side_name(draft.plan.maps.target, side)}") for side in sides]
    lengths = [channels(side.piece.free_size, "c") for side in sides]
    split = lengths[0] if len(set(lengths)) == 1 else f"[{', '.join(lengths)}]"
    ending = f" = {value}.split({split}, dim=-1)" if len(sides) > 1 else f" = {value}"
    if len(INDENT + ", ".join(names) + ending) <= WIDTH:
        draft.add(", ".join(names) + ending)
        return dict(zip(sides, names, strict=True))
    if len(names) == 1:
        draft.add(f"{names[0]} = (", f"    {value}", ")")
        return {sides[0]: names[0]}
    draft.lines += [f"{INDENT}(", *listed(names, INDENT + "    ")]
    if len(INDENT + ")" + ending) <= WIDTH:
        draft.add(")" + ending)
    else:
        draft.add(f") = {value}.split(")
        draft.lines += bracketed("[", lengths, "],", INDENT + "    ")
        draft.add("    dim=-1,", ")")
    return dict(zip(sides, names, strict=True))


def plural(count: int, noun: str) -> str:
    """`1 pool`, `2 pools`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
