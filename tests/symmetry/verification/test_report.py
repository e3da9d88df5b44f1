"""Every proof that applies finds the dimension of the formula, whatever the kinds of index."""

import numpy as np
import pytest
from hypothesis import given

import symmetry
from symmetry import SCALAR, EquivariantMaps, WeightSpace
from symmetry.groups.groups import find_group
from symmetry.groups.representations import Representation, representation
from symmetry.maps.isotypic import sources, targets
from symmetry.strategies import weight_spaces
from symmetry.verification import report
from symmetry.verification.irreducibles import multiplicities
from symmetry.verification.null_space import small_sizes
from symmetry.verification.report import PROOFS, Finding


@given(weight_spaces(max_tensors=2, max_order=3, max_entries=16, max_diagrams=200))
def test_every_proof_agrees(space):
    """`verify` raises where one does not."""
    report = symmetry.verify(EquivariantMaps(space))
    assert all(finding.found is not None for finding in report.findings if finding.proof == "characters")


@pytest.mark.parametrize(("size", "found", "note"), [(3, 2, ""), (2049, None, "a set too large for exact characters")])
def test_only_what_a_proof_leaves_out_has_a_reason(size, found, note):
    space = WeightSpace({"b": "h"}, sets={"h": size})
    (one, *_) = symmetry.verify(EquivariantMaps(space), proofs=PROOFS[:1]).findings
    assert (one.proof, one.found, one.expected, one.note) == ("characters", found, 2, note)


@pytest.mark.parametrize(
    ("axes", "sizes"),
    [
        ("h", {"h": 99}),
        ("h h", {"h": 8}),
        ("h h h", {"h": 6}),
        ("h h k k k", {"h": 5, "k": 2}),
        ("h h h h", {"h": 4}),
        ("h h h h h", {"h": 3}),
        ("h h h h h h h", {"h": 2}),
        ("h h h h h h h h h", None),
    ],
)
def test_sets_are_cut_down_to_the_largest_size_that_fits(axes, sizes):
    """Not below the order of the number of positions where the count would depend on it, but evenly."""
    space = WeightSpace({"w": axes}, sets={"h": 99} | ({"k": 2} if "k" in axes else {}))
    (target,), (source,) = targets(*space), sources(*SCALAR)
    assert small_sizes((target, source)) == sizes


@pytest.mark.parametrize(
    ("sections", "axes", "note"),
    [
        ({"sets": {"h": {"size": 2, "scaled": "sign"}}}, "h", "a group beyond the symmetric ones"),
        ({"sets": {"h": 2, "k": {"size": 2, "within": "h"}}}, "h k", "nested sets"),
    ],
)
def test_the_proof_by_irreducibles_says_why_it_does_not_apply(sections, axes, note, monkeypatch):
    def missing(*sides):
        raise AssertionError("the proof does not apply")

    monkeypatch.setattr(report, "irreducible_dimension", missing)
    maps = EquivariantMaps(WeightSpace({"w": axes}, **sections))
    blocks = [*maps.blocks, *maps.bias_blocks]
    findings = symmetry.verify(maps, proofs=PROOFS[2:]).findings
    assert findings == tuple(Finding("irreducibles", block, None, block.dimension, note) for block in blocks)


def test_matrices_whose_traces_are_no_character_are_refused():
    """Traces that are orthogonal to every character: they have multiplicity nought everywhere, and are not nought."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    group = find_group("D3")
    turns = [g for g in group.elements if np.linalg.det(representation("D3", "standard").matrix(g)) < 0]
    signs = {turns[0]: 1.0, turns[1]: -1.0}
    one = Representation(group, 1, 0, lambda g: np.array([[signs.get(g, 0.0)]]))
    with pytest.raises(ArithmeticError, match="no whole numbers"):
        multiplicities((one,))
    half = Representation(group, 1, 0, lambda g: np.array([[0.5]]))
    with pytest.raises(ArithmeticError, match="are no whole numbers"):
        multiplicities((half,))
