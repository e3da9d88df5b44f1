"""Graph networks among the methods: GMN, NG-GNN and NG-T of `layergen.nn.GraphMetanet`."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.learning.methods import Method, trained
from benchmarks.learning.tasks import Task
from layergen import Features
from layergen.graph import feature_graphs
from layergen.nn import GraphMetanet

__all__ = ["CONFIGURATIONS", "GRAPHS", "GraphInvariants", "GraphSteps", "Kind", "also"]

Kind = Literal["gmn", "ng-gnn", "ng-t"]
STATISTICS = 200
"""How many of the training networks the statistics of a graph network are taken from."""


class OnFeatures(nn.Module):
    """A graph network on features `{tensor: (network, *axes, 1)}`; statistics are those of a task's networks."""

    def __init__(self, task: Task, network: GraphMetanet) -> None:
        super().__init__()
        self.network, self.space = network, task.space
        network.fit(self.graphs(task.train.take(slice(STATISTICS)).features))

    def graphs(self, x: Features) -> Any:
        """The networks' graphs, as the graph network has them."""
        return feature_graphs(x, self.space, parallel=self.network.parallel, vector_nodes=self.network.vector_nodes)


class GraphInvariants(OnFeatures):
    """Answers of a graph network, `(network, output)`."""

    def __init__(self, task: Task, kind: Kind, **options: Any) -> None:
        super().__init__(task, GraphMetanet(task.outputs, kind=kind, **options))

    def forward(self, x: Features) -> Tensor:
        found: Tensor = self.network(self.graphs(x))
        return found


class GraphSteps(OnFeatures):
    """What a graph network gives for each weight."""

    def __init__(self, task: Task, kind: Kind, **options: Any) -> None:
        super().__init__(task, GraphMetanet(out_channels=1, kind=kind, **options))

    def forward(self, x: Features) -> Features:
        found = self.network(self.graphs(x))
        return {name: torch.stack([state[name] for state in found])[..., None] for name in self.space.names}


def invariants(task: Task, *, kind: Kind, **options: Any) -> GraphInvariants:
    """A graph network that answers a task."""
    return GraphInvariants(task, kind, **options)


CONFIGURATIONS: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = (
    {"hidden": 16, "layers": 3, "rate": 3e-3},
    {"hidden": 32, "layers": 4, "rate": 1e-3},
    {"hidden": 16, "layers": 3, "fourier": 0, "rate": 3e-3},
)


def also(configurations: tuple[dict[str, Any], ...], **more: Any) -> tuple[Any, Any, Any]:
    """Configurations with more options."""
    first, second, third = ({**one, **more} for one in configurations)
    return first, second, third


GRAPHS: dict[str, Method] = {
    kind: Method(
        f"`GraphMetanet`, {kind}",
        trained(invariants),
        also(CONFIGURATIONS, kind=kind),
    )
    for kind in ("gmn", "ng-gnn", "ng-t")
}
"""By name, each in three configurations, for every task that asks for invariants."""
