"""Pictures of equivariant maps: the block matrix, the diagrams of a block, the architecture graph.

Figures are made without pyplot, so that matplotlib's state stays as it is; `picture` gives the same bytes for the same
figure every time.
"""

from __future__ import annotations

from layergen.drawing.architecture import architecture
from layergen.drawing.diagrams import diagram_gallery, partition_diagrams
from layergen.drawing.matrix import block_matrix
from layergen.drawing.rendering import picture

__all__ = ["architecture", "block_matrix", "diagram_gallery", "partition_diagrams", "picture"]
