"""Printing the mixes: for each core one product, and the names of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layergen.emission.draft import INDENT, Draft, tensor_identifier
from layergen.emission.expressions import WIDTH, bracketed, channels, literal
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
    for number, weight in enumerate(weights):
        if number:
            draft.add("")
        slices |= print_mix(draft, weight, pooled)
    return slices


def print_mix(draft: Draft, weights: Weights, pooled: dict[Side, str]) -> dict[Side, str]:
    """One core's product, its bias where it is the scalar core, and its slices."""
    mix = weights.mix
    count = f"{plural(len(mix.pools), 'pool')}, {plural(len(mix.spreads), 'spread')}"
    draft.add(f"# core ({mix.core}): {count}, {plural(mix.rows * mix.columns, 'diagram')}")
    product = print_product(draft, weights, pooled)
    slices = {
        side: draft.namer.fresh("_".join(("to", tensor_identifier(draft.plan.maps.target, side.piece), *mix.core.sets)))
        for side in mix.spreads
    }
    if not mix.biased and len(slices) == 1:
        draft.add(f"{next(iter(slices.values()))} = {product}")
        return slices
    draft.add(f"mixed = {product}")
    if weights.bias is not None:
        print_bias(draft, weights)
    print_slices(draft, slices)
    return slices


def print_product(draft: Draft, weights: Weights, pooled: dict[Side, str]) -> str:
    """The expression of the product of the pools with the core's matrix."""
    pools = [pool_expression(pooled, side) for side in weights.mix.pools]
    if not pools:
        first = draft.plan.maps.source.names[0]
        return f"x[{literal(first)}].new_zeros(batch, {channels(weights.mix.columns, 'c')})"
    if len(pools) == 1:
        return f"{pools[0]} @ self.{weights.name}"
    lines = bracketed("pools = torch.cat([", pools, "], dim=-1)", INDENT)
    draft.lines += lines
    return f"pools @ self.{weights.name}"


def print_bias(draft: Draft, weights: Weights) -> None:
    """Add the scalar core's biases."""
    start, end = weights.bias or 0, (weights.bias or 0) + weights.mix.columns
    whole = end - start == draft.plan.bias_dimension
    part = "self.bias" if whole else f"self.bias[{channels(start, 'c') if start else '0'} : {channels(end, 'c')}]"
    draft.add("if self.bias is not None:", f"    mixed = mixed + {part}")


def print_slices(draft: Draft, slices: dict[Side, str]) -> None:
    """Name the slices of a mix's columns."""
    names = list(slices.values())
    if len(names) == 1:
        draft.add(f"{names[0]} = mixed")
        return
    lengths = [channels(side.piece.free_size, "c") for side in slices]
    split = "c" if set(lengths) == {"c"} else f"[{', '.join(lengths)}]"
    one_line = f"{INDENT}{', '.join(names)} = mixed.split({split}, dim=-1)"
    if len(one_line) <= WIDTH:
        draft.lines.append(one_line)
        return
    draft.lines += bracketed("(", names, ") = mixed.split(", INDENT)
    draft.lines[-1:] = (
        [f"{draft.lines[-1]}c, dim=-1)"]
        if split == "c"
        else [f"{draft.lines[-1]}", f"{INDENT}    [{', '.join(lengths)}], dim=-1", f"{INDENT})"]
    )


def plural(count: int, noun: str) -> str:
    """`1 pool`, `2 pools`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
