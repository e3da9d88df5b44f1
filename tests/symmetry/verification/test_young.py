"""Young's orthogonal form gives representations, all of them, each irreducible and unlike the others."""

import math
import subprocess
import sys

import numpy as np
import pytest

from symmetry.groups.representations import representation
from symmetry.verification.irreducibles import multiplicities
from symmetry.verification.young import Permutations, SymmetricGroup


def composed(g, h):
    return tuple(g[image] for image in h)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_matrices_multiply_as_the_permutations_do(size):
    group = SymmetricGroup(size)
    for one in (Permutations(group), *group.irreps(0)):
        for g in group.elements:
            np.testing.assert_allclose(one.matrix(g) @ one.matrix(g).T, np.eye(len(one.matrix(g))), atol=1e-12)
            for h in group.elements:
                np.testing.assert_allclose(one.matrix(g) @ one.matrix(h), one.matrix(composed(g, h)), atol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_the_characters_are_orthonormal_and_there_are_no_others(size):
    group = SymmetricGroup(size)
    characters = np.array([[np.trace(one.matrix(g)) for g in group.elements] for one in group.irreps(0)])
    np.testing.assert_allclose(characters @ characters.T / math.factorial(size), np.eye(len(characters)), atol=1e-9)
    assert sum(one.size**2 for one in group.irreps(0)) == math.factorial(size)
    assert len({one.label for one in group.irreps(0)}) == len(characters)


def test_characters_are_those_of_the_books():
    """Of the identity, an exchange, a cycle of three (James and Kerber, appendix I.A)."""
    elements = (0, 1, 2), (1, 0, 2), (1, 2, 0)
    found = {one.label: [round(np.trace(one.matrix(g))) for g in elements] for one in SymmetricGroup(3).irreps(0)}
    assert found == {"0": [1, 1, 1], "2+1": [2, 0, -1], "1+1+1": [1, -1, 1]}


def test_elements_are_a_constant_and_the_standard_representation():
    assert multiplicities((Permutations(SymmetricGroup(4)),)) == {"0": (1, 1), "3+1": (1, 1)}
    pair = (Permutations(SymmetricGroup(4)),) * 2
    assert multiplicities(pair) == {"0": (2, 1), "3+1": (3, 1), "2+2": (1, 1), "2+1+1": (1, 1)}


def test_permutations_are_verified_without_other_libraries():
    """escnn and torch take seconds to import."""
    code = (
        "import sys, symmetry; "
        "report = symmetry.verify(symmetry.EquivariantMaps(symmetry.WeightSpace({'w': 'h h'}, sets={'h': 3}))); "
        "print(sorted({'escnn', 'torch'} & set(sys.modules)), "
        "all(finding.found is not None for finding in report.findings))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]


@pytest.mark.parametrize(("size", "group", "elements"), [(2, "C2", "regular"), (3, "D3", "quotient(0, 1)")])
@pytest.mark.parametrize("factors", [1, 2, 3, 4])
def test_escnn_finds_as_many_of_each(size, group, elements, factors):
    """Two elements are the regular representation of C2, three the corners of a triangle."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    ours = multiplicities((Permutations(SymmetricGroup(size)),) * factors)
    theirs = multiplicities((representation(group, elements),) * factors)
    assert sorted(ours.values()) == sorted(theirs.values())
