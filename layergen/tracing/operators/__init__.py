"""The operator table: what each ATen operator demands of the axes of its arguments, and the axes of its result."""

from layergen.tracing.operators import batching, images, norms, pieces, products, recurrent, reductions, views
from layergen.tracing.operators.table import RULES

__all__ = ["RULES", "batching", "images", "norms", "pieces", "products", "recurrent", "reductions", "views"]
