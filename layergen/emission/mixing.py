"""Printing the mixes: for each core one product, and the names of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layergen.emission.draft import INDENT, Draft, side_name
from layergen.emission.expressions import WIDTH, bracketed, channels, listed, literal
from layergen.emission.names import Namer
from layergen.emission.pooling import pool_expression
from layergen.plan.steps import Mix
from symmetry.diagrams import Side

__all__ = ["Weights", "name_weights", "print_mixes"]


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
        name = namer.fresh("_".join(("mix", *mix.core.sets)))
        found.append(Weights(mix, name, biases if mix.biased else None))
        biases += mix.columns if mix.biased else 0
    return found


def print_mixes(draft: Draft, weights: Sequence[Weights], pooled: dict[Side, str]) -> dict[Side, str]:
    """Print every mix; return the name of each spread's slice."""
    slices: dict[Side, str] = {}
    for weight in weights:
        draft.add("")
        slices |= print_mix(draft, weight, pooled)
    return slices


def print_mix(draft: Draft, weights: Weights, pooled: dict[Side, str]) -> dict[Side, str]:
    """One core's product, its bias where it is the scalar core, and its slices."""
    mix = weights.mix
    count = f"{plural(len(mix.pools), 'pool')}, {plural(len(mix.spreads), 'spread')}"
    bound = "" if mix.rank is None else f", rank at most {mix.rank}"
    draft.add(f"# core ({mix.core}): {count}, {plural(mix.rows * mix.columns, 'diagram')}{bound}")
    product = print_product(draft, weights, pooled)
    if len(mix.spreads) == 1:
        only = draft.namer.fresh(slice_name(draft, mix.spreads[0]))
        draft.add(f"{only} = {product}")
        print_bias(draft, weights, only)
        return {mix.spreads[0]: only}
    draft.add(f"mixed = {product}")
    print_bias(draft, weights, "mixed")
    slices = {side: draft.namer.fresh(slice_name(draft, side)) for side in mix.spreads}
    print_slices(draft, slices)
    return slices


def slice_name(draft: Draft, side: Side) -> str:
    """The name of the slice that a spread writes."""
    return f"to_{side_name(draft.plan.maps.target, side)}"


def print_product(draft: Draft, weights: Weights, pooled: dict[Side, str]) -> str:
    """The expression of the product of the pools with the core's matrix."""
    pools = [pool_expression(pooled, side) for side in weights.mix.pools]
    if not pools:
        first = draft.plan.maps.source.names[0]
        return f"x[{literal(first)}].new_zeros(batch, {channels(weights.mix.columns, 'c')})"
    matrix = f"self.{weights.name}" if weights.mix.rank is None else f"self.{weights.name}_in @ self.{weights.name}_out"
    if len(pools) == 1:
        return f"{pools[0]} @ {matrix}"
    draft.lines += bracketed("pools = torch.cat([", pools, "], dim=-1)", INDENT)
    return f"pools @ {matrix}"


def print_bias(draft: Draft, weights: Weights, name: str) -> None:
    """Add the scalar core's biases."""
    if weights.bias is None:
        return
    start, end = weights.bias, weights.bias + weights.mix.columns
    whole = end - start == draft.plan.bias_dimension
    part = "self.bias" if whole else f"self.bias[{channels(start, 'c') if start else '0'} : {channels(end, 'c')}]"
    draft.add("if self.bias is not None:", f"    {name} = {name} + {part}")


def print_slices(draft: Draft, slices: dict[Side, str]) -> None:
    """Name the slices of a mix's columns."""
    names = list(slices.values())
    lengths = [channels(side.piece.free_size, "c") for side in slices]
    split = lengths[0] if len(set(lengths)) == 1 else f"[{', '.join(lengths)}]"
    ending = f" = mixed.split({split}, dim=-1)"
    if len(INDENT + ", ".join(names) + ending) <= WIDTH:
        draft.add(", ".join(names) + ending)
        return
    draft.lines += [f"{INDENT}(", *listed(names, INDENT + "    ")]
    if len(INDENT + ")" + ending) <= WIDTH:
        draft.add(")" + ending)
    else:
        draft.add(") = mixed.split(")
        draft.lines += bracketed("[", lengths, "],", INDENT + "    ")
        draft.add("    dim=-1,", ")")


def plural(count: int, noun: str) -> str:
    """`1 pool`, `2 pools`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
