"""The page of Monomial-NFN."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from layergen import EquivariantLinear
from layergen.testing import coverage
from papers.chains import Chain
from papers.copying import copied
from papers.monomial_nfn.published import LAYERS, REPOSITORY, layer
from papers.page import Setting, System, Table, attempted, both, further, holds, missing, reached
from papers.scalegmn.spaces import dimension_by_formula, scaled
from symmetry import EquivariantMaps

__all__ = ["SYSTEM"]

PERCEPTRONS = tuple(map(Chain, ((2, 3, 4, 1), (2, 3, 4, 2), (3, 4, 4, 4, 2))))


def dimensions(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The linear maps of a perceptron, and how many parameters are spared."""
    for chain, kind in product((*PERCEPTRONS, Chain((2, 32, 32, 1))), LAYERS.values()):
        maps, permuted = EquivariantMaps(scaled(chain, kind)), EquivariantMaps(scaled(chain, None))
        numbers = dimension_by_formula(chain, kind), maps.dimension, maps.bias_dimension, permuted.dimension
        yield str(chain), kind, *map(str, numbers)


def judged(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Each layer against the symmetry that it is made for."""
    for (name, kind), chain in product(LAYERS.items(), PERCEPTRONS):

        def judge(name: str = name, kind: str = kind, chain: Chain = chain) -> tuple[str, ...]:
            space = scaled(chain, kind)
            made, form = layer(setting.published, name, space)
            verdict, more = both(made, space, form, 1)
            found = coverage(made, space, form=form, channels=1)
            biases = f"{found.bias.rank} / {found.bias.dimension}"
            return holds(verdict), further(more), reached(found), biases, str(found.linear.parameters), missing(found)

        yield f"`{name}`", kind, str(chain), *attempted(judge)


def copies(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Ours with the published weights."""
    for name, kind in LAYERS.items():
        space = scaled(PERCEPTRONS[1], kind)
        made, form = layer(setting.published, name, space, 2)
        ours = EquivariantLinear(space, 2, 2)
        error = copied(ours, made, space, form=form, channels=2).error
        counts = (sum(p.numel() for p in network.parameters()) for network in (made, ours))
        yield f"`{name}`", str(PERCEPTRONS[1]), *map(str, counts), f"{error:.0e}"


SYSTEM = System(
    'Monomial-NFN (Tran et al., NeurIPS 2024, "Monomial Matrix Group Equivariant Neural Functional Networks")',
    (
        Table(
            "Dimension of the linear maps",
            ("widths", "neurons are multiplied by", "by formula", "derived", "biases", "permutations alone"),
            dimensions,
        ),
        Table(
            "The published layers against their own symmetry",
            (
                "layer",
                "neurons are multiplied by",
                "widths",
                "equivariant",
                "further symmetry",
                "maps: reached / all",
                "biases",
                "parameters",
                "missing",
            ),
            judged,
            REPOSITORY,
        ),
        Table(
            "Ours with the published weights, two channels",
            ("layer", "widths", "their parameters", "ours", "largest difference on new inputs"),
            copies,
            REPOSITORY,
        ),
    ),
)
