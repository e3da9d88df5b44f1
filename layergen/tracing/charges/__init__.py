"""More than permutations: which sets of a followed module may be scaled or turned, by charges that operators relate."""

from layergen.tracing.charges import entries, norms, products, recurrent, shapes
from layergen.tracing.charges.motion import Motion, motions
from layergen.tracing.charges.table import CHARGES

__all__ = ["CHARGES", "Motion", "entries", "motions", "norms", "products", "recurrent", "shapes"]
