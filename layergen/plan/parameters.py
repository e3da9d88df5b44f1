"""The parameters of a layer: one matrix a core, or two where its rank is bounded, and the columns of the bias."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from layergen.plan import operations as ops
from layergen.plan.draft import times
from layergen.plan.names import Namer
from layergen.plan.scaling import averaged, fan_in
from layergen.plan.steps import Mix, Plan
from symmetry.language.axes import Atom

__all__ = ["OUT_CHANNELS", "Weights", "name_weights", "parameters"]

IN_CHANNELS, OUT_CHANNELS = Atom("in_channels"), Atom("out_channels")
"""The constructor's arguments."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameter of one mix, named after its core, and the place of its bias among all biases (None without one)."""

    mix: Mix
    name: str
    bias: int | None

    @property
    def label(self) -> str:
        """What tells the mix's variables apart: its parameter's name without `mix`."""
        return self.name.removeprefix("mix").strip("_")

    @property
    def factors(self) -> tuple[str, ...]:
        """The names of the matrices whose product the parameter is; none in a mix that has a bias only."""
        if not self.mix.pools:
            return ()
        return (self.name,) if self.mix.rank is None else (f"{self.name}_in", f"{self.name}_out")


def name_weights(mixes: Sequence[Mix]) -> list[Weights]:
    """A parameter name for each mix; biases in order."""
    namer, found, biases = Namer(set()), [], 0
    for mix in mixes:
        name = namer.fresh("_".join(("mix", *mix.core.sets)).replace(".", "_"))
        found.append(Weights(mix, name, biases if mix.biased else None))
        biases += mix.columns if mix.biased else 0
    return found


def parameters(plan: Plan, weights: Sequence[Weights], incoming: Atom, outgoing: Atom) -> Iterator[ops.Parameter]:
    """The matrices with their initial values, as `layergen.plan.scaling` has them; sizes in channels."""
    fan = fan_in(plan)
    for weight in weights:
        mix = weight.mix
        rows = scales([(side.piece.free_size, Fraction(averaged(side))) for side in mix.pools], incoming)
        columns = scales([(side.piece.free_size, fan[side.piece]) for side in mix.spreads], outgoing, incoming)
        shape, every = (times(mix.rows, IN_CHANNELS), times(mix.columns, OUT_CHANNELS)), times(mix.rows, incoming)
        if not mix.pools:
            continue
        if mix.rank is None:
            yield ops.Parameter(weight.name, shape, rows, columns)
            continue
        inner = Atom("", mix.rank)
        first, second = weight.factors
        yield ops.Parameter(first, (shape[0], inner), rows, (ops.Scale(inner, None, every),))
        yield ops.Parameter(second, (inner, shape[1]), (ops.Scale(inner, None, every, mix.rank),), columns)


def scales(
    runs: Sequence[tuple[int, Fraction]], channels: Atom, factor: ops.Size | None = None
) -> tuple[ops.Scale, ...]:
    """Numbers of rows or columns with their values; neighbours with the same value together."""
    return tuple(
        ops.Scale(times(sum(count for count, _ in group), channels), value, factor)
        for value, group in groupby(runs, key=lambda run: run[1])
    )
