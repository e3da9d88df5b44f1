"""A demonstration: reading a small network's accuracy off its weights."""
