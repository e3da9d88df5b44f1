"""Times and memory of the layers, held against what else one could run: `python -m benchmarks`."""
