"""The page of Graph Metanetworks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from layergen import Features
from layergen.nn import GraphMetanet
from layergen.testing import check, sensitivity
from papers.gmn.layer import difference
from papers.gmn.published import ATTENTION, NETWORKS, PERCEPTRON, REPOSITORY, invariants, module_of
from papers.page import DASH, Setting, System, Table, further, holds
from symmetry import SCALAR, EquivariantMaps, WeightSpace

__all__ = ["EXCHANGED", "SYSTEM", "TIED"]

EXCHANGED = WeightSpace(
    {
        "0.weight": "d x",
        "0.bias": "d",
        "1.attn.in_proj_weight": "(part u) d",
        "1.attn.in_proj_bias": "(other u)",
        "1.attn.out_proj.weight": "d u",
        "1.attn.out_proj.bias": "d",
        "2.weight": "y d",
        "2.bias": "y",
    },
    sets={"d": 4, "u": 4, "part": 3, "other": 3},
    free={"x": 2, "y": 2},
)
"""`ATTENTION` with the exchange of queries, keys and values, apart for weights and biases, and with no heads."""
TIED = WeightSpace(
    {name: str(axes) for name, axes in ATTENTION.declarations(ATTENTION.sizes)[0].items()}
    | {
        "1.attn.in_proj_weight": "((head dk) + (head dk) + (head dk)) d",
        "1.attn.in_proj_bias": "((head dk) + (head dk) + (head dk))",
        "1.attn.out_proj.weight": "d (head dk)",
    },
    sets={"d": 4, "head": 2, "dk": {"size": 2, "within": "head"}},
    free={"x": 2, "y": 2},
)
"""`ATTENTION` with the units of queries, keys and values moving together."""


def dimensions(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The linear maps of the networks that are judged, with and without the symmetry of the published graph."""
    for what, (_, space) in SYMMETRIES.items():
        yield what, *numbers(space)


def numbers(space: WeightSpace) -> tuple[str, str]:
    """The dimensions of the equivariant and of the invariant maps."""
    return str(EquivariantMaps(space).dimension), str(EquivariantMaps(space, SCALAR).dimension)


SYMMETRIES = {name: (name, space) for name, (space, _) in NETWORKS.items()} | {
    "with self-attention, units of q, k and v together": ("with self-attention", TIED),
    "with self-attention, q, k and v exchanged, no heads": ("with self-attention", EXCHANGED),
}
"""By what a row says: the network, and the symmetry against which it is judged."""
OPTIONS: dict[str, Any] = {"invariant": True, "form": "state_dict", "dtype": torch.float64}


def ours(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Our graph and network."""
    torch.manual_seed(0)
    network = GraphMetanet(out_features=5, kind="gmn", hidden=16).double().eval()
    for what, (name, space) in SYMMETRIES.items():

        def answer(state: Features, name: str = name) -> Tensor:
            found: Tensor = network([(NETWORKS[name][0], state)])
            return found

        yield what, holds(check(answer, space, **OPTIONS))


def judged(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The published graph and network."""
    for what, (name, space) in SYMMETRIES.items():
        made = invariants(setting.published, name)
        asked = space is PERCEPTRON or (setting.full and space is NETWORKS[name][0])
        more = further(sensitivity(made, space, **OPTIONS)) if asked else DASH
        yield what, holds(check(made, space, **OPTIONS)), more


def copies(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Our layer with the published weights."""
    block = module_of(setting.published, "gmn.graph_models").ResEdgeMPNNBlock
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield "`ResEdgeMPNNBlock`, 16 channels", "`GMNLayer(reverse=False)`", f"{difference(block(16), 16):.0e}"


SYSTEM = System(
    'Graph Metanetworks (Lim et al., ICLR 2024, "Graph Metanetworks for Processing Diverse Neural Architectures")',
    (
        Table("Linear maps of the networks judged here", ("network", "equivariant", "invariant"), dimensions),
        Table('`GraphMetanet(kind="gmn")` on our graph', ("network and symmetry", "invariant"), ours),
        Table(
            "The published network on the published graph",
            ("network and symmetry", "invariant", "further symmetry"),
            judged,
            REPOSITORY,
        ),
        Table("Ours with the published weights", ("published", "ours", "largest difference"), copies, REPOSITORY),
    ),
)
