"""Judgements as rows of tables."""

from __future__ import annotations

from layergen.testing import Coverage, Verdict
from papers.chains import dimension_by_formula
from papers.nfn.measuring import Judged, Pooled, Watched

__all__ = [
    "HEADINGS",
    "further_symmetries",
    "nonlinear_row",
    "other_row",
    "own_row",
    "pool_row",
    "variant_row",
]

Row = tuple[str, ...]

MOST = 2
"""More further symmetries than these are only counted."""

REACHED = ("maps: reached / all", "biases: reached / all")
HEADINGS = {
    "own": ("layer", "widths", "equivariant", "further symmetry", *REACHED, "formula", "parameters", "missing"),
    "other": ("layer", "against", "widths", "equivariant", "further symmetry", *REACHED, "tied", "missing"),
    "variants": ("layer", "widths", "equivariant", "maps: reached / all", "missing"),
    "pools": ("layer", "against", "widths", "invariant", "further symmetry", "features", "alone", "with a readout"),
    "nonlinear": ("layer", "against", "widths", "parameters", "equivariant", "further symmetry"),
}
"""The column titles of each table."""


def further_symmetries(verdict: Verdict) -> list[str]:
    """What `sensitivity` found, one text each."""
    if verdict.passed:
        return []
    return verdict.message.removeprefix("more symmetric than declared: ").split("\n    and ")


def further(verdict: Verdict) -> str:
    """What `sensitivity` found, in a cell."""
    found = further_symmetries(verdict)
    more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
    return "; ".join((*found[:MOST], *more)) or "none found"


def holds(verdict: Verdict) -> str:
    """Yes, or the first thing that is wrong, without the numbers."""
    return "yes" if verdict.passed else f"no: {verdict.message.splitlines()[0].split(': ')[1].split(' does')[0]}"


def missing(found: Coverage) -> str:
    """The diagrams that are not reached."""
    return "; ".join(f"`{diagram}`" for diagram in (*found.linear.missing, *found.bias.missing)) or "–"


def maps(found: Coverage) -> str:
    """How many linear maps are reached."""
    return f"{found.linear.rank} / {found.linear.dimension}"


def biases(found: Coverage) -> str:
    """How many biases are reached."""
    return f"{found.bias.rank} / {found.bias.dimension}"


def own_row(one: Judged) -> Row:
    """A layer against the symmetry that it is made for; the parameters are those of the maps and of the biases."""
    found, formula = one.coverage, dimension_by_formula(one.chain, one.symmetry)
    sizes = " ".join(f"{name}={size}" for name, size in found.sizes.items())
    cells = (
        f"`{one.layer}`",
        f"{one.chain}{f' (counted at {sizes})' if sizes else ''}",
        holds(one.equivariance),
        further(one.further),
        maps(found),
        biases(found),
        "–" if formula is None else str(formula),
        f"{found.linear.parameters} + {found.bias.parameters}",
        missing(found),
    )
    return cells


def other_row(one: Judged) -> Row:
    """A layer against the other symmetry; tied are the diagrams that come only in combination with others."""
    found = one.coverage
    cells = (
        f"`{one.layer}`",
        one.symmetry,
        str(one.chain),
        "in its linear part" if stray_in_biases_only(found) else holds(one.equivariance),
        further(one.further),
        maps(found),
        biases(found),
        str(len(found.linear.tied) + len(found.bias.tied)),
        missing(found),
    )
    return cells


def stray_in_biases_only(found: Coverage) -> bool:
    """Whether the linear part is equivariant and the biases are not."""
    return bool(found.stray) and all(not source for _, source in found.stray)


def variant_row(one: Judged) -> Row:
    """What is put together from layers, against HNP."""
    cells = one.layer, str(one.chain), holds(one.equivariance), maps(one.coverage), missing(one.coverage)
    return cells


def pool_row(one: Pooled) -> Row:
    """A pool."""
    cells = (f"`{one.layer}`", one.symmetry, str(one.chain), holds(one.invariance).split(" changes")[0])
    return (*cells, further(one.further), str(one.features), maps(one.alone), maps(one.readout))


def nonlinear_row(one: Watched) -> Row:
    """What is not linear."""
    cells = (f"`{one.layer}`", one.symmetry, str(one.chain), str(one.parameters), holds(one.equivariance))
    return (*cells, further(one.further))
