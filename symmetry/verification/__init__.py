"""Three proofs of a dimension that do not use the formula, and a count by listing.

- `characters.py`: the mean over the group of the product of the traces on target and source (Burnside's lemma).
- `null_space.py`: the matrices that commute with the generators of the group, in floating point (Finzi et al. 2021).
- `irreducibles.py`: how often each irreducible representation occurs in target and source (Schur's lemma); those of
  permutations are in `young.py`.
- `listing.py`: the orbits of index pairs, listed one by one; not one of the proofs that `verify` runs.

`report.py` runs the proofs. It alone uses the formula (`symmetry.maps`), for the dimensions to compare with. The proofs
share weight spaces and kinds of index and, for representation indices, the matrices that `symmetry.groups` gets from
escnn: a wrong matrix would mislead all three.

The proofs by characters and by irreducible representations both read characters, in different ways. `characters.py`
takes the mean of their product over the group, a compact one by its conjugacy classes (`class_means.py`).
`irreducibles.py` takes no mean: it solves for the multiplicities by least squares, at all elements of a finite group or
at random elements of a compact one, and shares no code with `class_means.py`.
"""
