"""A weight space and its layer as one page to explore: `layergen report`, and `page` in Python."""

from layergen.report.rendering import page

__all__ = ["page"]
