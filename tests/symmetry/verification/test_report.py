"""Every proof that applies finds the dimension of the formula, whatever the kinds of index."""

from hypothesis import given

import symmetry
from symmetry import EquivariantMaps
from symmetry.strategies import weight_spaces


@given(weight_spaces(max_tensors=2, max_order=3, max_entries=16, max_diagrams=200))
def test_every_proof_agrees(space):
    """`verify` raises where one does not."""
    report = symmetry.verify(EquivariantMaps(space))
    assert all(finding.found is not None for finding in report.findings if finding.proof == "characters")
