"""More than permutations: which sets of a followed module may be scaled or turned, from charges that operators relate."""

from layergen.tracing.charges.motions import Motion, motions

__all__ = ["Motion", "motions"]
