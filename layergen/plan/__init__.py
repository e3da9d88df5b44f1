"""What the layer computes: pools, one product a core, spreads; then its operations, printed in `layergen.emission`."""
