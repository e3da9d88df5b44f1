"""The public code of Graph Metanetworks, as functions of a `state_dict` that can be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from layergen import Features
from papers.published import Absent, Published
from symmetry import WeightSpace

__all__ = ["ATTENTION", "NETWORKS", "PERCEPTRON", "REPOSITORY", "importing", "invariants"]

REPOSITORY = "cptq/graph_metanetworks"
HIDDEN = 16

ATTENTION = WeightSpace(
    {
        "0.weight": "d x",
        "0.bias": "d",
        "1.attn.in_proj_weight": "((head dk) + (head dk) + (head dv)) d",
        "1.attn.in_proj_bias": "((head dk) + (head dk) + (head dv))",
        "1.attn.out_proj.weight": "d (head dv)",
        "1.attn.out_proj.bias": "d",
        "2.weight": "y d",
        "2.bias": "y",
    },
    sets={"d": 4, "head": 2, "dk": {"size": 2, "within": "head"}, "dv": {"size": 2, "within": "head"}},
    free={"x": 2, "y": 2},
)
"""A linear layer, self-attention with a residual connection, and a linear layer."""
PERCEPTRON = WeightSpace(
    {"0.weight": "h1 x", "0.bias": "h1", "1.weight": "h2 h1", "1.bias": "h2", "2.weight": "y h2", "2.bias": "y"},
    sets={"h1": 3, "h2": 4},
    free={"x": 2, "y": 2},
)
NORMED = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "1.weight": "h", "1.bias": "h", "2.weight": "y h", "2.bias": "y"},
    sets={"h": 4},
    free={"x": 2, "y": 2},
)
CONVOLUTIONS = WeightSpace(
    {
        "0.weight": "h1 x 2 3",
        "0.bias": "h1",
        "1.weight": "h2 h1 2 3",
        "1.bias": "h2",
        "2.weight": "y h2",
        "2.bias": "y",
    },
    sets={"h1": 3, "h2": 4},
    free={"x": 2, "y": 2},
)
NETWORKS: dict[str, tuple[WeightSpace, tuple[str, ...]]] = {
    "perceptron": (PERCEPTRON, ("Linear", "Linear", "Linear")),
    "with a layer norm": (NORMED, ("Linear", "LayerNorm", "Linear")),
    "CNN, kernels 2 × 3": (CONVOLUTIONS, ("Conv2d", "Conv2d", "Linear")),
    "with self-attention": (ATTENTION, ("Linear", "SelfAttention", "Linear")),
}
"""By name: the weight space, and the layers as the code names them; tensors begin with the layer's number."""


def importing(published: Published) -> Any:
    """The context in which the code's modules are imported; `scatter` of torch_geometric stands for torch_scatter's."""
    absent = Absent("torch_scatter")
    absent.scatter = scatter  # type: ignore[attr-defined]
    return published.importing(REPOSITORY, {"torch_scatter": absent, "opt_einsum": Absent("opt_einsum")})


def invariants(published: Published, network: str, outputs: int = 5) -> Callable[[Features], Tensor]:
    """The published metanetwork on the published graph of a network, `state_dict -> (1, outputs)`.

    Parameters
    ----------
    published
        Where the code is.
    network
        A name of `NETWORKS`.
    outputs
        How many invariants the metanetwork gives.

    Returns
    -------
    callable
        It takes one network's tensors by name, as the form "state_dict".
    """
    _, layers = NETWORKS[network]
    with importing(published) as module, torch.random.fork_rng():
        torch.manual_seed(0)
        made = module("gmn.feature_extractor_gmn").GraphPredGen("empnn_dit", HIDDEN, num_gnn_layers=4, out_dim=outputs)
        graph = module("gmn.graph_construct.model_arch_graph").arch_to_graph
        kinds = {"SelfAttention": module("gmn.graph_construct.layers").SelfAttention}
    made.double().eval()

    def answer(state: Features) -> Tensor:
        architecture = [
            [kinds.get(kind) or getattr(nn, kind), *tensors(state, number)] for number, kind in enumerate(layers)
        ]
        with doubles():
            x, edge_index, edge_attr = graph(architecture)
        found: Tensor = made(x.double(), edge_index, edge_attr, torch.zeros(len(x), dtype=torch.long))
        return found

    return answer


@contextmanager
def doubles() -> Iterator[None]:
    """Let new tensors be of float64, which the code's edges are made of."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def tensors(state: Features, number: int) -> list[Tensor]:
    """The tensors of a layer, in the order of the space."""
    return [value for name, value in state.items() if name.startswith(f"{number}.")]


def module_of(published: Published, name: str) -> ModuleType:
    """A module of the code."""
    with importing(published) as module:
        found: ModuleType = module(name)
    return found
