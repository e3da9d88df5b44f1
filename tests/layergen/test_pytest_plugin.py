"""The marker and the fixtures, in a pytest of their own, and here: the plugin is loaded for this suite too."""

import contextlib
import io
import itertools
import os
import re
import subprocess
import sys

import pytest

import layergen
from symmetry import WeightSpace
from tests.test_imports import ROOT

SPECIFICATION = '[sets]\nh = 4\n[tensors]\nw = "h 2"\nb = "h"\n'
TESTS = """
import pytest
import torch
from symmetry import WeightSpace

pytestmark = pytest.mark.weight_space("space.toml")
REAL = WeightSpace({"0.weight": "h 2", "0.bias": "h", "2.weight": "1 h", "2.bias": "1"}, sets={"h": 4})
WRONG = WeightSpace({"0.weight": "h 2", "0.bias": "k", "2.weight": "1 h", "2.bias": "1"}, sets={"h": 4, "k": 4})

def Network():
    return torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))

def test_sound(assert_equivariant):
    assert_equivariant(lambda x: {name: 2 * value for name, value in x.items()})

def test_faulty(assert_equivariant):
    assert_equivariant(lambda x: {**x, "b": x["b"].cumsum(1)})

def test_invariant(assert_invariant):
    assert_invariant(lambda x: x["b"].amax(1))

@pytest.mark.weight_space(REAL)
def test_preserved_by_the_module(assert_function_preserved):
    assert_function_preserved(Network(), [torch.randn(3, 2)])

@pytest.mark.weight_space(WRONG)
def test_not_preserved(assert_function_preserved):
    assert_function_preserved(Network(), [torch.randn(3, 2)], examples=3)

def test_coverage(coverage):
    assert not coverage(lambda x: x).is_complete

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
    return run_in(folder, command)


def run_in(folder, command):
    """What a command prints where nothing says where hypothesis may write."""
    kept = {name: value for name, value in os.environ.items() if name != "HYPOTHESIS_STORAGE_DIRECTORY"}
    environment = {**kept, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment).stdout


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The folder of a suite, and what pytest printed there."""
    folder = tmp_path_factory.mktemp("suite")
    return folder, outcome(folder)


def test_in_a_suite_of_its_own(suite):
    _, out = suite
    assert "2 failed, 5 passed, 2 errors" in out
    assert "not equivariant: exchanging elements 0 and 1 of 'h'" in out
    assert "the function is not preserved: exchanging elements 0 and 1 of 'h'" in out
    assert "nowhere.toml" in out


def test_a_failure_shows_the_users_line_and_not_the_kit(suite):
    _, out = suite
    assert '>       assert_equivariant(lambda x: {**x, "b": x["b"].cumsum(1)})' in out
    assert "test_layer.py:" in out
    for own in ("raise_unless", "checking.py", "verdict.py", "preserved.py", "pytest_plugin.py"):
        assert own not in out


def test_the_code_of_a_failure_runs_as_printed(suite):
    _, out = suite
    lines = out.partition("to see it again:\n")[2].splitlines()
    said = itertools.takewhile(lambda line: line.startswith("E"), lines)
    code = "\n".join(line.removeprefix("E").strip() for line in said)
    shown = io.StringIO()
    space = WeightSpace({"w": "h 2", "b": "h"}, sets={"h": 4})
    with contextlib.redirect_stdout(shown):
        exec(code, {"f": lambda x: {**x, "b": x["b"].cumsum(1)}, "space": space})
    expected, found = re.findall(r"-?\d+\.\d+", shown.getvalue())
    assert f"expected {float(expected):.3g}"[:12] in out
    assert abs(float(expected) - float(found)) > 0.1


def test_no_folder_is_left_behind(suite):
    folder, _ = suite
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {
        "pytest.ini",
        "space.toml",
        "test_layer.py",
        "test_unmarked.py",
    }


def test_what_hypothesis_keeps_for_the_user_stays(tmp_path):
    code = """
from hypothesis.configuration import storage_directory
from pathlib import Path
from layergen.testing import assert_invariant
from symmetry import WeightSpace
assert_invariant(lambda x: x["b"].amax(1), WeightSpace({"b": "h"}, sets={"h": 3}))
assert not Path(".hypothesis").exists()
home = storage_directory()
print(getattr(home, "path", home))
"""
    assert run_in(tmp_path, [sys.executable, "-c", code]).strip() == str(tmp_path / ".hypothesis")


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
