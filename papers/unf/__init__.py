"""UNF (Zhou, Finn and Harrison, 2024): equivariant layers of any collection of tensors, from a permutation specification."""
