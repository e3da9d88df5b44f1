"""Layers that `layergen` wrote for well-known architectures; `python -m generated.regenerate` writes them again."""
