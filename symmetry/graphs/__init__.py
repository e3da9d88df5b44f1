"""Graphs of an architecture, and how many automorphisms a graph has."""
