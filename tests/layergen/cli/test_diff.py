"""`layergen diff` and `layergen check --function --maximal`: their words, exit statuses and JSON."""

import json

import pytest

from tests.layergen.cli.commands import fill, run

NET = """
from torch import nn

def network():
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))
"""
SPEC = """
[sets]
h = 3
[free]
k = 2
x = 2
y = 2
[tensors]
"0.weight" = "h x"
"0.bias" = "h"
"2.weight" = "k h"
"2.bias" = "k"
"4.weight" = "y k"
"4.bias" = "y"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    fill(tmp_path, monkeypatch)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "small.toml").write_text(SPEC)
    (tmp_path / "whole.toml").write_text(SPEC.replace("k = 2\n", "").replace("h = 3", "h = 3\nk = 2"))
    (tmp_path / "wrong.toml").write_text(SPEC.replace("x = 2\n", "").replace("h = 3", "h = 3\nx = 2"))
    return tmp_path


def test_what_two_specifications_disagree_about():
    found = run("diff", "small.toml", "whole.toml")
    assert (found.exit_code, found.stderr) == (1, "")
    assert found.stdout.splitlines() == [
        "'k' (2.weight, axis 0) is free in the first, set (S_2) in the second",
        "the group of the second has 2 times as many elements",
    ]
    found = json.loads(run("diff", "small.toml", "whole.toml", "--json").stdout)
    assert (found["same"], len(found["differences"])) == (False, 2)


def test_specifications_that_agree():
    found = run("diff", "mlp.toml", "mlp.toml")
    assert (found.exit_code, found.stdout) == (0, "the two specifications declare the same\n")
    assert json.loads(run("diff", "mlp.toml", "mlp.toml", "--json").stdout) == {"same": True, "differences": []}


@pytest.mark.parametrize("other", ["missing.toml", "malformed.toml", "empty.toml"])
def test_bad_specifications_are_bad_input(other):
    found = run("diff", "mlp.toml", other)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr


def test_a_group_that_is_not_the_largest():
    arguments = ["check", "net.py:network", "small.toml", "--function", "--input", "4,2"]
    assert run(*arguments).exit_code == 0
    found = run(*arguments, "--maximal")
    assert found.exit_code == 1
    assert found.stdout.splitlines() == [
        "the function is preserved",
        "so it is by more than is declared: permuting the free index 'k'",
    ]
    as_json = json.loads(run(*arguments, "--maximal", "--json").stdout)
    assert (as_json["passed"], as_json["maximal"]["passed"]) == (False, False)


def test_a_group_beyond_which_nothing_is_found():
    found = run("check", "net.py:network", "whole.toml", "--function", "--input", "4,2", "--maximal")
    assert (found.exit_code, found.stdout.splitlines()[1]) == (0, "nothing more that was tried preserves it")


def test_a_specification_that_is_wrong_is_not_asked_for_more():
    found = run("check", "net.py:network", "wrong.toml", "--function", "--input", "4,2", "--maximal")
    assert found.exit_code == 1
    assert found.stdout.startswith("the function is not preserved")
    assert len(found.stdout.splitlines()) == 1


def test_maximal_goes_with_function():
    found = run("check", "nets.py:equivariant", "mlp.toml", "--maximal")
    assert (found.exit_code, "--maximal goes with --function" in found.stderr) == (2, True)
