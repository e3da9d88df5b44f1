"""Neural Graphs (Kofinas et al., ICLR 2024): NG-GNN and NG-T, graph networks on the computation graph."""
