"""The proof of a dimension that needs torch: the rank of the emitted layer's own maps.

`symmetry.verification` holds the other proofs. `layergen dims --verify` runs all of them.
"""

from layergen.verification.emitted_rank import by_emitted_rank

__all__ = ["by_emitted_rank"]
