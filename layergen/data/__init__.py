"""Folders of trained networks as data sets of PyTorch.

folder of checkpoints ─▶ Zoo ─▶ batches of one width ─▶ features
"""

from layergen.data.batch import Batch, Network
from layergen.data.batches import Batches
from layergen.data.faults import Fault, ZooError
from layergen.data.fitting import sizes_of
from layergen.data.zoo import Zoo

__all__ = ["Batch", "Batches", "Fault", "Network", "Zoo", "ZooError", "sizes_of"]
