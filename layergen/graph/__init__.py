"""Networks as graphs: of their parameters, and graph networks that read these, of any architecture.

It needs torch_geometric: `pip install "layergen[graph]"`.
"""

import warnings

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch_geometric's own: it still uses torch.jit when it is loaded (2.8)
        import torch_geometric.nn  # noqa: F401
except ImportError as error:
    raise ImportError(f'graphs need torch_geometric: pip install "layergen[graph]" ({error})') from error

from layergen.graph.data import Network, ParameterGraph, parameter_graph, parameter_graphs, state_dicts
from layergen.graph.heterogeneous import heterogeneous_graph, heterogeneous_state_dict
from layergen.graph.messages import Messages, feature_graphs, graph_features
from layergen.graph.metanet import GraphMetanet

__all__ = [
    "GraphMetanet",
    "Messages",
    "Network",
    "ParameterGraph",
    "feature_graphs",
    "graph_features",
    "heterogeneous_graph",
    "heterogeneous_state_dict",
    "parameter_graph",
    "parameter_graphs",
    "state_dicts",
]
