"""The page of NFN and NFT: the layers of the package nfn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from torch import nn

from layergen import EquivariantLinear
from papers.chains import SYMMETRIES, Chain
from papers.copying import copied
from papers.nfn.layer import HNPLayer
from papers.nfn.layers import NONLINEAR, PUBLISHED, network_spec
from papers.nfn.measuring import judge, judge_pool, watch
from papers.nfn.tables import HEADINGS, Row, nonlinear_row, other_row, own_row, pool_row, variant_row
from papers.page import Setting, System, Table
from symmetry import WeightSpace

__all__ = ["SYSTEM"]

PERCEPTRONS = tuple(
    Chain(widths)
    for widths in ((2, 4, 1), (3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 2), (3, 4, 4, 4, 2), (3, 4, 5, 4, 5, 2), (2, 3, 1, 2))
)
CONVOLUTIONS = Chain((2, 3, 4, 2), (1, 2)), Chain((1, 2, 3, 2), (3, 3))
INR = Chain((2, 32, 32, 1))
"""An implicit neural representation, as in the paper's experiments."""
MIDDLE = Chain((2, 3, 4, 2))
"""The network that is judged where one is enough."""


def own_rows(setting: Setting) -> Iterator[Row]:
    """Each layer against the symmetry that it is made for."""
    for layer, symmetry, more in (("HNPLinear", "HNP", ()), ("NPLinear", "NP", (Chain((3, 4)),))):
        for chain in (*more, *PERCEPTRONS, *CONVOLUTIONS):
            yield own_row(judge(layer, symmetry, chain))
        yield own_row(judge(layer, symmetry, INR, shrink=True))


def other_rows(setting: Setting) -> Iterator[Row]:
    """Each layer against the other symmetry, and the layer with embedded inputs and outputs against both."""
    pairs = ("HNPLinear", "NP"), ("NPLinear", "HNP"), ("NPLinear, io_embed", "NP"), ("NPLinear, io_embed", "HNP")
    for (layer, symmetry), widths in product(pairs, ((3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 2))):
        yield other_row(judge(layer, symmetry, Chain(widths)))


def variant_rows(setting: Setting) -> Iterator[Row]:
    """`HNPLinear` with the map that it lacks, and two in sequence."""
    for layer, widths in product(("HNPLinear and the map", "two HNPLinear"), ((3, 4, 2), (2, 3, 4, 2))):
        yield variant_row(judge(layer, "HNP", Chain(widths)))


def pool_rows(setting: Setting) -> Iterator[Row]:
    """Both pools against both symmetries."""
    chains = (Chain((3, 4, 2)), MIDDLE, Chain((3, 4, 4, 4, 2)), CONVOLUTIONS[0])
    for layer, symmetry, chain in product(("HNPPool", "NPPool"), ("HNP", "NP"), chains):
        yield pool_row(judge_pool(layer, symmetry, chain))


def nonlinear_rows(setting: Setting) -> Iterator[Row]:
    """Attention in each setting against NP, and what is made for one symmetry against the other."""
    settings = [name for name in NONLINEAR if name.startswith("NPAttention")]
    for variant, widths in product(settings, ((3, 4), (3, 4, 2), (2, 3, 4, 2), (3, 4, 4, 4, 2))):
        yield nonlinear_row(watch(variant, "NP", Chain(widths)))
    yield nonlinear_row(watch("NPAttention, share_projections=False", "NP", CONVOLUTIONS[0]))
    yield nonlinear_row(watch("NPAttention", "HNP", MIDDLE))
    for layer, symmetry in product(("NPLinear, ReLU, NPLinear", "NPLinear, ReLU, NPLinear, io_embed"), SYMMETRIES):
        yield nonlinear_row(watch(layer, symmetry, MIDDLE))


def copies(setting: Setting) -> Iterator[Row]:
    """Ours with the weights of the layers, two channels."""
    for chain in (Chain((3, 4, 2)), MIDDLE):
        spaces = {name: make(chain) for name, make in SYMMETRIES.items()}
        np_linear, hnp_linear = (layer(network_spec(spaces[name]), 2, 2) for layer, name in PUBLISHED)
        cases: tuple[tuple[str, str, nn.Module, nn.Module, WeightSpace], ...] = (
            ("NPLinear", "EquivariantLinear", np_linear, EquivariantLinear(spaces["NP"], 2, 2), spaces["NP"]),
            ("HNPLinear", "EquivariantLinear", hnp_linear, EquivariantLinear(spaces["HNP"], 2, 2), spaces["HNP"]),
            ("HNPLinear", "papers.nfn.layer.HNPLayer", hnp_linear, HNPLayer(chain, 2, 2), spaces["HNP"]),
        )
        for name, other, theirs, ours, space in cases:
            counts = (sum(p.numel() for p in network.parameters()) for network in (theirs, ours))
            error = copied(ours, theirs, space, form="nfn", channels=2).error
            yield f"`{name}`", f"`{other}`", str(chain), *map(str, counts), f"{error:.0e}"


COPIED = "layer", "ours", "widths", "its parameters", "of ours", "largest difference on new inputs"
SYSTEM = System(
    "NFN and NFT (Zhou et al. 2023): the package nfn",
    (
        Table("Each layer against its own symmetry", HEADINGS["own"], own_rows),
        Table("Each layer against the other symmetry", HEADINGS["other"], other_rows),
        Table("`HNPLinear` with the map, and twice", HEADINGS["variants"], variant_rows),
        Table("Pools", HEADINGS["pools"], pool_rows),
        Table("Ours with the published weights, two channels", COPIED, copies),
        Table("What is not linear", HEADINGS["nonlinear"], nonlinear_rows),
    ),
)
