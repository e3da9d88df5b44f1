"""`layergen.explain`: the layer of some maps, one line a core."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from layergen.plan.lowering import lower
from layergen.plan.notation import core_text, piece_text
from layergen.plan.steps import Mix, Plan
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.markup import table
from symmetry.space.weight_space import WeightSpace

__all__ = ["CoreLine", "Explanation", "explain"]

NAMED = 3
"""The most pools or spreads of a core that a line names."""
HEAD = ("core", "pools", "matrix", "spreads", "weights", "biases")


@dataclass(frozen=True, slots=True)
class CoreLine:
    """What a layer does over one core: every pool feeds every spread, by one matrix.

    Parameters
    ----------
    core
        The indices that survive, empty for the scalar core.
    pools, spreads
        The diagonals that are read, and those that are written, in index notation.
    rows, columns
        The shape of the matrix, an input and an output channel: the free values of the pools and of the spreads.
    rank
        The bound on the rank of the matrix, if there is one.
    biases
        Biases an output channel.
    """

    core: str
    pools: tuple[str, ...]
    spreads: tuple[str, ...]
    rows: int
    columns: int
    rank: int | None
    biases: int

    @property
    def weights(self) -> int:
        """The number of maps over the core: weights a channel pair."""
        return self.rows * self.columns

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the line."""
        matrix = f"{self.rows} × {self.columns}" + (f", rank {self.rank}" if self.rank else "")
        ends = said(self.pools), matrix, said(self.spreads)
        return f"({self.core})", *ends, f"{self.weights:,}", f"{self.biases:,}"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """A layer, one line a core; `print` shows the table, notebooks too. `layergen.explain` makes it.

    Parameters
    ----------
    maps
        The maps that the layer is.
    lines
        One for each matrix of the layer, from the smallest core to the largest.

    Examples
    --------
    >>> found = explain(WeightSpace({"b": "h"}, sets={"h": 32}))
    >>> found, [(line.core, line.weights) for line in found.lines]
    (Explanation(EquivariantMaps(1 tensors to 1, dimension 2): 2 cores), [('', 1), ('h', 1)])
    """

    maps: EquivariantMaps
    lines: tuple[CoreLine, ...]

    @property
    def dimension(self) -> int:
        """The sum of the weights: the dimension of the maps."""
        return sum(line.weights for line in self.lines)

    @property
    def bias_dimension(self) -> int:
        """The sum of the biases."""
        return sum(line.biases for line in self.lines)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The texts of all lines, the sums last."""
        total = ("", "", "", "", f"{self.dimension:,}", f"{self.bias_dimension:,}")
        return [*(line.cells for line in self.lines), total]

    def __repr__(self) -> str:
        return f"Explanation({self.maps!r}: {len(self.lines)} cores)"

    def __str__(self) -> str:
        rows = [HEAD, *self.rows]
        widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        return table(HEAD, [[escape(cell) for cell in row] for row in self.rows], escape(repr(self.maps)))


def explain(maps: EquivariantMaps | WeightSpace) -> Explanation:
    """What the layer of some maps does, one line a core: what is pooled, the matrix, what is spread, the parameters.

    Parameters
    ----------
    maps
        The maps, or a weight space for all of its maps to itself.

    Returns
    -------
    Explanation
        The lines; the weights sum up to the dimension.

    Raises
    ------
    SpecificationError
        If the maps have more diagrams than a layer may have (100,000, free values left open).

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> print(explain(WeightSpace({"w": "h x", "b": "h"}, sets={"h": 32}, free={"x": 2})))
    core  pools            matrix  spreads          weights  biases
    ()    2: w[h x], b[h]  3 × 3   2: w[h x], b[h]  9        3
    (h)   2: w[h x], b[h]  3 × 3   2: w[h x], b[h]  9        0
                                                    18       3
    """
    plan = lower(maps if isinstance(maps, EquivariantMaps) else EquivariantMaps(maps))
    return Explanation(plan.maps, tuple(line(plan, mix) for mix in plan.mixes))


def line(plan: Plan, mix: Mix) -> CoreLine:
    """The line of one mix."""
    pools = tuple(piece_text(plan.maps.source, side) for side in mix.pools)
    spreads = tuple(piece_text(plan.maps.target, side) for side in mix.spreads)
    biases = mix.columns if mix.biased else 0
    return CoreLine(core_text(plan.maps, mix.core), pools, spreads, mix.rows, mix.columns, mix.rank, biases)


def said(sides: tuple[str, ...]) -> str:
    """The number of sides, and the first of them."""
    more = ", …" if len(sides) > NAMED else ""
    return f"{len(sides)}: {', '.join(sides[:NAMED])}{more}"
