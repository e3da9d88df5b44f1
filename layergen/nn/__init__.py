"""Modules that make a metanetwork, together with the derived layers; each of them respects the symmetry.

They take and give features, `{tensor: (batch, *axes, channels)}`.
"""

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
from layergen.nn.set_pools import FixedValues, SetAttention, SetMax
from layergen.nn.settled import Settled

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
    "InvariantHead",
    "Metanet",
    "NormPointwise",
    "OutputHead",
    "PerTensorLinear",
    "Pointwise",
    "PositionalEmbedding",
    "Probes",
    "Residual",
    "SetAttention",
    "SetMax",
    "Settled",
    "Standardise",
    "TensorNorm",
    "folded",
    "with_companions",
]
