"""Modules that make a metanetwork, together with the derived layers; each of them respects the symmetry.

They take and give features, `{tensor: (batch, *axes, channels)}`; `GraphMetanet` takes networks of any architectures.
"""

from typing import TYPE_CHECKING, Any

from layergen.nn.aggregation import Aggregation
from layergen.nn.companions import Companions, with_companions
from layergen.nn.contraction import Contraction
from layergen.nn.embedding import FourierFeatures, PerTensorLinear, PositionalEmbedding
from layergen.nn.folding import FreeLinear, folded
from layergen.nn.heads import InvariantHead, OutputHead
from layergen.nn.metanet import Metanet
from layergen.nn.normalisation import ChannelNorm, Standardise, TensorNorm
from layergen.nn.pointwise import Dropout, Gated, NormPointwise, Pointwise, Residual
from layergen.nn.probes import Probes
from layergen.nn.propagation import Propagation
from layergen.nn.set_pools import FixedValues, SetAttention, SetMax, SetStatistics
from layergen.nn.settled import Settled

if TYPE_CHECKING:
    from layergen.graph import GraphMetanet

__all__ = [
    "Aggregation",
    "ChannelNorm",
    "Companions",
    "Contraction",
    "Dropout",
    "FixedValues",
    "FourierFeatures",
    "FreeLinear",
    "Gated",
    "GraphMetanet",
    "InvariantHead",
    "Metanet",
    "NormPointwise",
    "OutputHead",
    "PerTensorLinear",
    "Pointwise",
    "PositionalEmbedding",
    "Probes",
    "Propagation",
    "Residual",
    "SetAttention",
    "SetMax",
    "SetStatistics",
    "Settled",
    "Standardise",
    "TensorNorm",
    "folded",
    "with_companions",
]


def __getattr__(name: str) -> Any:
    """The graph network, which needs torch_geometric: that is loaded when it is asked for, and may be missing."""
    if name != "GraphMetanet":
        raise AttributeError(f"module 'layergen.nn' has no attribute {name!r}")
    from layergen.graph import GraphMetanet

    return GraphMetanet
