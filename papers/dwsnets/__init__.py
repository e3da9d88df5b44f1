"""DWSNets (Navon et al., ICML 2023): all equivariant maps of a perceptron, block by block."""
