"""Pictures of equivariant maps: the block matrix with its shared parameters, and the diagrams of a block.

Figures are made without pyplot, so nothing here changes matplotlib's state; `picture` gives the same bytes
for the same figure every time.
"""

from __future__ import annotations

from layergen.drawing.diagrams import diagram_gallery, partition_diagrams
from layergen.drawing.matrix import block_matrix
from layergen.drawing.rendering import picture

__all__ = ["block_matrix", "diagram_gallery", "partition_diagrams", "picture"]
