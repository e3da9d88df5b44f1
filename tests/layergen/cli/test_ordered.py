"""Ordered indices on the command line: shown, counted, told from positional ones; their layers written and covered."""

import pytest

from tests.layergen.cli.commands import fill, run

DEEP = """
[sets]
d = 3
f = { size = 2, within = "layer" }
[positional]
layer = { size = 4, ordered = true }
[tensors]
"{layer}.norm" = "d"
"{layer}.up" = "f d"
"""
AROUND = """
from layergen import EquivariantLinear
from symmetry import load

class Around(EquivariantLinear):
    def forward(self, x):
        out = super().forward(x)
        return out | {"{layer}.norm": out["{layer}.norm"] + x["{layer}.norm"].roll(1, dims=1)}

def around():
    return Around(load("deep.toml"), 1, 1)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    fill(tmp_path, monkeypatch)
    (tmp_path / "deep.toml").write_text(DEEP)
    (tmp_path / "alike.toml").write_text(DEEP.replace("{ size = 4, ordered = true }", "4"))
    (tmp_path / "around.py").write_text(AROUND)
    return tmp_path


def test_what_acts_is_shown():
    result = run("show", "deep.toml")
    assert result.exit_code == 0
    assert "ordered" in result.stdout
    assert "S_3 × (S_2)^4" in " ".join(result.stdout.split())
    assert "S_4" not in result.stdout


def test_dimensions_are_proved():
    result = run("dims", "deep.toml", "--verify")
    assert result.exit_code == 0
    assert "34" in result.stdout
    assert "an ordered index, on which no group acts" in " ".join(result.stdout.split())


def test_specifications_differ():
    result = run("diff", "deep.toml", "alike.toml")
    assert result.exit_code == 1
    assert "'layer' ({layer}.norm, its numbers) is ordered in the first, positional in the second" in result.stdout


def test_layers_are_written_and_covered(folder):
    assert run("generate", "deep.toml", "--name", "Deep", "--output", "deep.py").exit_code == 0
    assert "layer-1 is the value before layer" in (folder / "deep.py").read_text()
    result = run("coverage", "around.py:around", "deep.toml")
    assert result.exit_code == 1
    assert "{layer}.norm" in result.stdout


def test_pictures_are_drawn(folder):
    assert run("draw", "deep.toml", "--output", "deep.svg").exit_code == 0
    assert (folder / "deep.svg").stat().st_size > 1000
