"""Which diagram each weight of a plan belongs to: what the layer is held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from layergen.plan.scaling import averaged
from layergen.plan.steps import Plan
from symmetry.maps.diagrams import Diagram
from symmetry.maps.relations import Steps
from symmetry.maps.sides import Side
from symmetry.space.weight_space import SCALAR

__all__ = ["Term", "bias_diagrams", "bias_terms", "terms"]


@dataclass(frozen=True, slots=True)
class Term:
    """Entry `(row, column)` of a mix's matrix, a channel pair: it multiplies `diagram` divided by `averaged`."""

    mix: int
    row: int
    column: int
    diagram: Diagram
    averaged: int


def terms(plan: Plan) -> Iterator[Term]:
    """Every weight of a plan with its diagram, in the order of the parameters."""
    for number, mix in enumerate(plan.mixes):
        columns = [(side, values) for side in mix.spreads for values in free_values(side)]
        rows = [(steps, side, values) for steps in mix.steps for side in mix.pools for values in free_values(side)]
        for (row, (steps, pool, read)), (column, (spread, written)) in product(enumerate(rows), enumerate(columns)):
            yield Term(number, row, column, diagram(plan, (spread, pool), written + read, steps), averaged(pool))


def bias_terms(plan: Plan) -> Iterator[tuple[Side, tuple[int, ...]]]:
    """For every bias its spread and free values, in the order of the parameters."""
    for mix in plan.mixes:
        if mix.biased:
            yield from ((side, values) for side in mix.spreads for values in free_values(side))


def bias_diagrams(plan: Plan) -> Iterator[Diagram]:
    """The diagram of every bias, from a scalar, in the order of the parameters."""
    (scalar,) = SCALAR.tensors
    for side, values in bias_terms(plan):
        target = plan.maps.target[side.piece.tensor]
        yield Diagram(target, scalar, side.piece, scalar.pieces[0], side.blocks, values)


def free_values(side: Side) -> Iterator[tuple[int, ...]]:
    """The values of a side's free positions, row-major."""
    return product(*(range(side.piece.positions[place].index.size) for place in side.piece.free))


def diagram(plan: Plan, sides: tuple[Side, Side], values: tuple[int, ...], steps: Steps) -> Diagram:
    """The diagram of which a spread and a pool are the two sides, with free values and steps."""
    spread, pool = sides
    shift = len(spread.piece.positions)
    shifted = [tuple(place + shift for place in block) for block in pool.blocks]
    stepped = [name in dict(steps) for name in spread.core.sets]
    pairs = [(spread.blocks[a], shifted[b]) for a, b in zip(spread.kept, pool.kept, strict=True)]
    core = [a + b for (a, b), apart in zip(pairs, stepped, strict=True) if not apart]
    core += [block for pair, apart in zip(pairs, stepped, strict=True) if apart for block in pair]
    alone = [spread.blocks[number] for number in spread.dropped] + [shifted[number] for number in pool.dropped]
    return Diagram(
        plan.maps.target[spread.piece.tensor],
        plan.maps.source[pool.piece.tensor],
        spread.piece,
        pool.piece,
        tuple(sorted(core + alone)),
        values,
        steps,
    )
