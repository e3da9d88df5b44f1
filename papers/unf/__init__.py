"""UNF (Zhou, Finn and Harrison, 2024): equivariant layers of any tensors, from a permutation specification."""
