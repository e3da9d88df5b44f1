"""The equivariant linear maps between weight spaces: partitions, diagrams, blocks, and their exact dimensions."""
