"""The page of ScaleGMN."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch

from layergen.nn import Metanet
from layergen.testing import check, sensitivity
from papers.chains import Chain
from papers.page import DASH, Setting, System, Table, further, holds
from papers.scalegmn.published import REPOSITORY, VARIANTS, invariants
from papers.scalegmn.spaces import dimension_by_formula, scaled
from symmetry import SCALAR, EquivariantMaps

__all__ = ["CHAIN", "SYSTEM"]

PERCEPTRONS = tuple(map(Chain, ((2, 3, 4, 2), (2, 32, 32, 1), (3, 4, 4, 4, 2), (1, 5, 6, 5, 6, 3))))
CHAIN, ONE_OUTPUT = Chain((2, 4, 5, 3)), Chain((2, 4, 5, 1))
KINDS = {"permutation": None, "sign": "sign", "scale": "positive"}
"""The symmetries as the code names them, and as a set is declared."""
ADDED_TO_NORMS = 1e-8
"""The tolerance for the published network, which adds 1e-10 to the norms that it divides by."""
OPTIONS: dict[str, Any] = {"invariant": True, "channels": 1, "dtype": torch.float64}


def dimensions(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The dimension of the linear maps with signs and with positive scales, by formula and by derivation."""
    for chain in PERCEPTRONS:
        cells = [str(chain), str(EquivariantMaps(scaled(chain, None)).dimension)]
        for kind in ("sign", "positive"):
            space = scaled(chain, kind)
            maps = EquivariantMaps(space)
            cells += [str(dimension_by_formula(chain, kind)), str(maps.dimension)]
            cells.append(str(EquivariantMaps(space, SCALAR).dimension))
        yield tuple(cells)


def ours(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Our metanetwork over the larger groups."""
    for name, kind in KINDS.items():
        space = scaled(CHAIN, kind)
        torch.manual_seed(0)
        network = Metanet(space, out_features=10).double().eval()
        yield name, holds(check(network, space, **OPTIONS)), further(sensitivity(network, space, **OPTIONS))


def judged(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The published network in each direction, for each symmetry and with one output and more."""
    for chain, variant, (name, kind) in product((ONE_OUTPUT, CHAIN), VARIANTS, KINDS.items()):
        space = scaled(chain, kind, inputs_first=True)
        made = invariants(setting.published, chain, variant, name)
        options = OPTIONS | {"form": "pairs", "tolerance": ADDED_TO_NORMS}
        verdict = check(made, space, **options)
        asked = verdict.passed and (setting.full or variant == "bidirectional")
        more = further(sensitivity(made, space, **options)) if asked else DASH
        yield str(chain), variant, name, holds(verdict), more


SYSTEM = System(
    'ScaleGMN (Kalogeropoulos, Bouritsas and Panagakis, NeurIPS 2024, "Scale Equivariant Graph Metanetworks")',
    (
        Table(
            "Dimension of the linear maps",
            (
                "widths",
                "permutations",
                "signs, by formula",
                "derived",
                "invariants",
                "positive scales, by formula",
                "derived",
                "invariants",
            ),
            dimensions,
        ),
        Table(f"Our `Metanet` on perceptrons {CHAIN}", ("symmetry", "invariant", "further symmetry"), ours),
        Table(
            "The published network",
            ("widths", "variant", "symmetry", "invariant", "further symmetry"),
            judged,
            REPOSITORY,
        ),
    ),
)
