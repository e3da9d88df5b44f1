"""The equivariant linear maps of a weight space: partitions, diagrams, blocks, exact dimensions."""
