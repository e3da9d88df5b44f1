"""What the layer computes: pools, one product a core, spreads. Decided here, printed in `layergen.emission`."""
