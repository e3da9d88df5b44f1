"""Metanetworks that do not change when what the networks encode is rotated or mirrored."""
