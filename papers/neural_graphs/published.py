"""The public code of Neural Graphs, judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import nn

from papers.chains import Chain
from papers.published import Absent, Published

__all__ = ["REPOSITORY", "gnn", "made", "transformer"]

REPOSITORY = "mkofinas/neural-graphs"
HIDDEN = 16


def instantiate(config: Mapping[str, Any], **more: Any) -> Any:
    """What `hydra.utils.instantiate` does with a `_target_` that is a class: the options in the code win."""
    return config["_target_"](**{name: value for name, value in config.items() if name != "_target_"} | more)


def stand_ins() -> dict[str, ModuleType]:
    """Modules that the code imports: what is not installed, and a module that torch_geometric has renamed."""
    found: dict[str, ModuleType] = {name: Absent(name) for name in ("hydra", "rff", "rff.layers")}
    found["hydra"].utils = SimpleNamespace(instantiate=instantiate)  # type: ignore[attr-defined]
    found["torch_geometric.utils.trim_to_layer"] = import_module("torch_geometric.utils._trim_to_layer")
    return found


def made(published: Published, make: Callable[[Callable[[str], ModuleType]], nn.Module]) -> nn.Module:
    """A network of the code's modules, with the same parameters in every run, in evaluation mode."""
    with published.importing(REPOSITORY, stand_ins()) as module, torch.random.fork_rng():
        torch.manual_seed(0)
        return make(module).eval()


def constructor(module: Callable[[str], ModuleType]) -> dict[str, Any]:
    """The configuration of the graph, weights and biases entering linearly instead of by random frequencies."""
    graph = module("nn.graph_constructor").GraphConstructor
    return {"_target_": graph, "d_in": 1, "d_edge_in": 1, "stats": {}}


def gnn(published: Published, chain: Chain, outputs: int = 10, **options: Any) -> nn.Module:
    """NG-GNN for invariants, as `experiments/inr_classification/configs/model/pna.yaml` but narrower."""
    backbone = {
        "in_channels": HIDDEN,
        "hidden_channels": HIDDEN,
        "out_channels": HIDDEN,
        "num_layers": 4,
        "aggregators": ["mean", "min", "max", "std"],
        "scalers": ["identity", "amplification"],
        "edge_dim": HIDDEN,
        "norm": "layernorm",
        "act": "silu",
        "deg": None,
        "update_edge_attr": True,
        "modulate_edges": True,
        "final_edge_update": False,
    }
    return made(
        published,
        lambda module: module("nn.gnn").GNNForClassification(
            d_hid=HIDDEN,
            d_out=outputs,
            graph_constructor=constructor(module),
            gnn_backbone={"_target_": module("nn.gnn").PNA} | backbone | options,
            layer_layout=list(chain.widths),
            rev_edge_features=True,
            pooling_method="cat",
            pooling_layer_idx="last",
        ),
    )


def transformer(published: Published, chain: Chain, outputs: int = 10, **options: Any) -> nn.Module:
    """NG-T for invariants, as `rtransformer.yaml` but narrower."""
    sizes = dict.fromkeys(("d_node", "d_edge", "d_attn_hid", "d_node_hid", "d_edge_hid", "d_out_hid"), HIDDEN)
    return made(
        published,
        lambda module: module("nn.relational_transformer").RelationalTransformer(
            **sizes,
            d_out=outputs,
            n_layers=3,
            n_heads=4,
            layer_layout=list(chain.widths),
            graph_constructor=constructor(module),
            use_cls_token=False,
            rev_edge_features=True,
            **options,
        ),
    )
