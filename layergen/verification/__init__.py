"""The proof of a dimension that needs torch: the rank of the emitted layer's own maps.

`symmetry.verification` has the proofs that need no torch. `layergen dims --verify` runs them all.
"""

from layergen.verification.emitted_rank import by_emitted_rank

__all__ = ["by_emitted_rank"]
