"""Graphs: of an architecture's indices and tensors, and the number of automorphisms of a graph."""
