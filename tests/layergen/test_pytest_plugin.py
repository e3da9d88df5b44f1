"""The marker and the fixtures, in a pytest of their own, and here: the plugin is loaded for this suite too."""

import subprocess
import sys

import pytest

import layergen
from symmetry import WeightSpace

SPECIFICATION = '[sets]\nh = 4\n[tensors]\nw = "h 2"\nb = "h"\n'
TESTS = """
import pytest

pytestmark = pytest.mark.weight_space("space.toml")

def test_sound(assert_equivariant):
    assert_equivariant(lambda x: {name: 2 * value for name, value in x.items()})

def test_faulty(assert_equivariant):
    assert_equivariant(lambda x: {**x, "b": x["b"].cumsum(1)})

def test_invariant(assert_invariant):
    assert_invariant(lambda x: x["b"].amax(1))

def test_space(weight_space):
    assert weight_space.names == ("w", "b")

@pytest.mark.weight_space("nowhere.toml")
def test_no_file(weight_space):
    pass
"""


def outcome(folder, *options):
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "space.toml").write_text(SPECIFICATION)
    (folder / "test_layer.py").write_text(TESTS)
    (folder / "test_unmarked.py").write_text("def test_unmarked(weight_space): pass")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--strict-markers",
        "-p",
        "no:cacheprovider",
        *options,
        str(folder),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_in_a_suite_of_its_own(tmp_path):
    out = outcome(tmp_path)
    assert "1 failed, 3 passed, 2 errors" in out
    assert "not equivariant: exchanging elements 0 and 1 of 'h'" in out
    assert "nowhere.toml" in out


@pytest.mark.weight_space(WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2}))
def test_with_a_weight_space(assert_equivariant, assert_no_more_symmetric, weight_space):
    layer = layergen.EquivariantLinear(weight_space, 1, 2)
    assert_equivariant(layer)
    assert_no_more_symmetric(layer)


def test_a_test_without_marker_is_told(tmp_path):
    out = outcome(tmp_path, "-k", "unmarked")
    assert "mark the test: @pytest.mark.weight_space" in out


def test_loading_the_plugin_is_light():
    code = "import sys, layergen.pytest_plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "hypothesis", "numpy", "symmetry"} & set(loaded)
