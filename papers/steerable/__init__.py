"""The weight spaces of group-equivariant networks, as inputs of graph metanetworks (Lim et al. 2023)."""
