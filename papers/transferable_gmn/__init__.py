"""Transferable Graph Metanetworks (2026): one metanetwork for every width, invariant to neurons that are repeated."""
