"""Monomial-NFN (Tran et al., NeurIPS 2024): linear layers equivariant to permutations with signs or positive scales."""
