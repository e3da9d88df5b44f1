"""Every kind keeps the promises of the interface, and a kind from outside needs nothing but its row in the registry."""

import os
import re
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

import symmetry
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace, element
from symmetry.kinds.irreducible import IrrepIndex
from symmetry.kinds.registry import KINDS
from tests.symmetry.kinds.even import EvenIndex
from tests.test_imports import ROOT

ORDERED = KINDS["positional"].declared("l", {"size": 3, "ordered": True})
SETS = [KINDS["sets"]("h", 3), KINDS["positional"]("p", 3), ORDERED, IrrepIndex("i", 3), EvenIndex("e", 3)]
PROPERTIES = [
    "tests/symmetry/space/test_elements.py::test_group_laws_and_action",
    "tests/layergen/test_action.py::test_acts_on_features_of_numpy_and_torch_alike",
    "tests/symmetry/space/test_specification.py::test_text_form_round_trips",
    "tests/symmetry/maps/test_dimensions.py::test_formula_orbits_characters_and_null_space_agree",
    "tests/symmetry/maps/test_dimensions.py::test_diagrams_are_a_basis_of_commuting_maps",
    "tests/symmetry/maps/test_projection.py::test_sums_of_diagrams_are_read_back",
    "tests/layergen/plan/test_plan.py::test_passes_change_nothing",
    "tests/layergen/test_linear.py::test_layer_is_the_oracle",
    "tests/layergen/test_linear.py::test_every_parameter_has_its_own_diagram",
    "tests/layergen/test_linear.py::test_layer_is_equivariant",
    "tests/layergen/test_linear.py::test_parameters_move_the_output_independently",
    "tests/layergen/test_linear.py::test_layers_between_two_spaces",
    "tests/layergen/nn/test_nn.py::test_metanets_on_any_space",
]


@pytest.fixture
def even(monkeypatch):
    monkeypatch.setitem(KINDS, "even", EvenIndex)


@pytest.mark.parametrize("index", SETS, ids=lambda index: type(index).__name__)
def test_halves_and_whole_blocks_agree(index):
    """A block of both sides is allowed where each half keeps the same charge, one of a single side where it closes."""
    for written, read in product(range(5), repeat=2):
        labels = [index.label(1, read=False)] * written + [index.label(1, read=True)] * read
        if written and read:
            kept = index.keeps([1] * written)
            assert index.allows(labels) == (kept is not None and kept == index.keeps([1] * read))
        elif written or read:
            assert index.allows(labels) == index.closes([1] * (written or read))


def test_a_kind_is_known_while_it_is_registered(monkeypatch, even):
    space = WeightSpace({"w": "h h"}, even={"h": 3})
    assert symmetry.parse(str(space)) == space
    monkeypatch.delitem(KINDS, "even")
    with pytest.raises(SpecificationError, match="even"):
        WeightSpace({"w": "h h"}, even={"h": 3})


@pytest.mark.parametrize(("positions", "dimension"), [(1, 0), (2, 1), (4, 4), (6, 31), (8, 379)])
def test_even_partitions_are_counted(positions, dimension, even):
    """The dimensions of the hyperoctahedral group (Banica and Speicher 2009)."""
    assert EquivariantMaps(WeightSpace({"w": "h " * positions}, even={"h": 4}), SCALAR).dimension == dimension


def test_signs_by_hand(even):
    """Element 0 goes to 1 with its sign changed, element 1 to 0."""
    space = WeightSpace({"w": "h h", "b": "h"}, even={"h": 2})
    g = element(space, {"h": [[1, -1], [0, 1]]})
    moved = g.act({"w": np.array([[1, 2], [3, 4]]), "b": np.array([5, 6])})
    assert moved["b"].tolist() == [6, -5]
    assert moved["w"].tolist() == [[4, -3], [-2, 1]]


def test_a_kind_from_outside_passes_the_property_suite():
    """The properties of spaces, elements, maps, projections, plans, layers and metanetworks, unchanged."""
    pytest.importorskip("torch", exc_type=ImportError)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.symmetry.kinds.with_even"]
    environment = os.environ | {"HYPOTHESIS_PROFILE": "quick"}
    found = subprocess.run([*command, *PROPERTIES], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"\d+ passed in", found.stdout)
    assert int(re.search(r"(\d+) passed", found.stdout)[1]) >= len(PROPERTIES)
