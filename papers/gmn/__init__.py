"""Graph Metanetworks (Lim et al., ICLR 2024): message passing over a graph with an edge for each parameter."""
