"""The parameters of a layer: one matrix a core, or two where its rank is bounded, and the columns of the bias."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, times
from layergen.plan.names import Namer
from layergen.plan.steps import Mix, Plan
from symmetry.language.axes import Atom, product
from symmetry.maps.isotypic import targets
from symmetry.maps.sides import Side
from symmetry.space.layout import Piece

__all__ = ["OUT_CHANNELS", "Weights", "bounded_ranks", "name_weights", "parameters", "target_labels"]

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


def bounded_ranks(draft: Draft, weights: Sequence[Weights]) -> Iterator[ops.Rank]:
    """The ranks that are bounded, each with a variable."""
    for weight in weights:
        if weight.mix.rank is not None and weight.factors:
            variable = Atom(draft.namer.fresh("_".join(("rank", weight.label)).strip("_")))
            shape = times(weight.mix.rows, IN_CHANNELS), times(weight.mix.columns, OUT_CHANNELS)
            yield ops.Rank(variable, weight.mix.rank, shape, weight.factors[0])


def parameters(
    draft: Draft, weights: Sequence[Weights], ranks: Sequence[ops.Rank], labels: Mapping[Piece, str]
) -> Iterator[ops.Parameter]:
    """The matrices with the scales of their initial values, as `layergen.plan.scaling` has them."""
    variables = {rank.factor: rank.variable for rank in ranks}
    for weight in weights:
        mix = weight.mix
        pools = mix.pools * len(mix.steps)
        means = [product(list(draft.block_sizes(side, side.dropped))) for side in pools]
        rows = scales(pools, means, draft.incoming)
        columns = scales(mix.spreads, [labels[side.piece] for side in mix.spreads], draft.outgoing)
        height, width = times(mix.rows, IN_CHANNELS), times(mix.columns, OUT_CHANNELS)
        match weight.factors:
            case [name]:
                yield ops.Parameter(name, (height, width), rows, columns)
            case [first, second]:
                every, inner = times(mix.rows, draft.incoming), variables[first]
                yield ops.Parameter(first, (height, inner), rows, (ops.Scale(inner, every),))
                yield ops.Parameter(second, (inner, width), (ops.Scale(inner, every, inner),), columns)


def scales(sides: Sequence[Side], values: Sequence[ops.Size | str], channels: Atom) -> tuple[ops.Scale, ...]:
    """The columns of some sides with their values; neighbours with the same value together."""
    pairs = groupby(zip(sides, values, strict=True), key=lambda pair: pair[1])
    return tuple(
        ops.Scale(times(sum(side.piece.free_size for side, _ in group), channels), value) for value, group in pairs
    )


def target_labels(plan: Plan) -> dict[Piece, str]:
    """A name for each target piece: that of its tensor, with a number where the tensor has several pieces."""
    namer, found = Namer(set()), dict[Piece, str]()
    for tensor in plan.maps.target:
        pieces = targets(tensor)
        found |= {p: namer.fresh(f"{tensor.name}#{p.number}" if len(pieces) > 1 else tensor.name) for p in pieces}
    return found
