"""The kinds of index, one file each: how each is declared, moved, and joined by diagrams."""
