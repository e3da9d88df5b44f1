"""The page of Neural Graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from layergen.nn import GraphMetanet
from layergen.testing import check, sensitivity
from papers.chains import Chain, inputs_first
from papers.neural_graphs.layer import difference
from papers.neural_graphs.published import HIDDEN, REPOSITORY, gnn, transformer
from papers.page import DASH, Setting, System, Table, attempted, further, holds

__all__ = ["CHAIN", "NETWORKS", "SYSTEM"]

CHAIN = Chain((2, 4, 5, 3))
NETWORKS: dict[str, Callable[[Setting], nn.Module]] = {
    "NG-GNN, as published": lambda setting: gnn(setting.published, CHAIN),
    "NG-GNN without its norm": lambda setting: gnn(setting.published, CHAIN, norm=None),
    "NG-T, as published": lambda setting: transformer(setting.published, CHAIN),
    "NG-T without `modulate_v`": lambda setting: transformer(setting.published, CHAIN, modulate_v=False),
}


def judged(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The published networks on perceptrons."""
    for name, make in NETWORKS.items():

        def judge(make: Callable[[Setting], nn.Module] = make) -> tuple[str, ...]:
            return verdicts(make(setting), "pairs")

        yield name, *attempted(judge)


def ours(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Our networks on our graph."""
    for kind in ("ng-gnn", "ng-t"):
        torch.manual_seed(0)
        yield f"`GraphMetanet(kind={kind!r})`", *verdicts(GraphMetanet(out_features=10, kind=kind, hidden=16), "graphs")


def verdicts(network: nn.Module, form: str) -> tuple[str, ...]:
    """Whether a network is invariant, and which further symmetry it has, in cells."""
    options: dict[str, Any] = {"invariant": True, "form": form, "channels": 1}
    space = inputs_first(CHAIN)
    verdict = check(network.eval(), space, **options)
    return holds(verdict), further(sensitivity(network, space, **options)) if verdict.passed else DASH


def copies(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Our layer with the published weights, as it is and without the number that it adds under a root."""
    network = gnn(setting.published, CHAIN).gnn
    place: Any = (network.convs[1], network.edge_update[1], HIDDEN)  # type: ignore[index, union-attr]
    yield "`PNAConv`, `EdgeMLP`, a norm for each node between", "`GNNLayer`", f"{difference(*place):.0e}"
    with patch("layergen.graph.layers.EPSILON", 0.0):
        yield "the same", "… deviations √variance, not √(variance + 1e-5)", f"{difference(*place):.0e}"


SYSTEM = System(
    'Neural Graphs (Kofinas et al., ICLR 2024, "Graph Neural Networks for Learning Equivariant Representations of '
    'Neural Networks")',
    (
        Table(f"Our networks on perceptrons {CHAIN}", ("network", "invariant", "further symmetry"), ours),
        Table(
            f"The published networks on perceptrons {CHAIN}",
            ("network", "invariant", "further symmetry"),
            judged,
            REPOSITORY,
        ),
        Table("Ours with the published weights", ("published", "ours", "largest difference"), copies, REPOSITORY),
    ),
)
