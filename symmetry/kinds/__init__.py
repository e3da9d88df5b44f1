"""The kinds of index, one file each: how an index is declared, how its group acts, which diagrams it allows."""
