"""Weight spaces: tensors over indices, their layout, and the elements of their group."""
