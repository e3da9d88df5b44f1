"""Weight spaces: tensors over indices, how they are laid out in pieces, and the elements of their group."""
