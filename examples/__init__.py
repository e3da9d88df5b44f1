"""First programs with `layergen`: functions edited, an optimiser learned, accuracy predicted, all through weights."""
