"""`--terms` and `--rank`: what they leave out, that every report says so, and what they refuse."""

import json
import re
import shlex
from pathlib import Path

import pytest

import layergen
import symmetry
from tests.layergen.cli.commands import fill, run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return fill(tmp_path, monkeypatch)


def test_dims_of_local_terms(folder):
    found = json.loads(run("dims", "mlp.toml", "--terms", "local", "--verify", "--json").stdout)
    maps = symmetry.EquivariantMaps(symmetry.load("mlp.toml"), terms="local")
    assert (found["dimension"], found["restriction"]) == (maps.dimension, "terms local")
    assert found["verified"]
    assert sum(one["source"] is None for one in found["proofs"]["characters"]) == 6
    assert json.loads(run("dims", "mlp.toml", "--json").stdout)["restriction"] is None
    lines = [line.split() for line in run("dims", "mlp.toml", "--terms", "local").stdout.splitlines()]
    assert ["restricted", "terms", "local"] in lines
    assert ["0.weight", "8", "4", "4", "·", "·", "·", "2"] in lines


def test_the_emitted_file_says_how_to_make_it_again(folder):
    made = ["generate", "mlp.toml", "--name", "Layer", "--output", "layer.py"]
    result = run(*made, "--terms", "local", "--rank", "8", "--rank", "h1=2")
    assert result.exit_code == 0
    assert "terms local, rank of core () at most 8, rank of core (h1) at most 2" in result.stdout
    text = Path("layer.py").read_text()
    assert text == layergen.generate(symmetry.load("mlp.toml"), "Layer", terms="local", rank={"": 8, "h1": 2})
    (command,) = re.findall(r"#     layergen (generate .*)", text)
    again = shlex.split(command.replace("SPEC", "mlp.toml").replace("FILE", "again.py"))
    assert run(*again).exit_code == 0
    assert Path("again.py").read_text() == text


@pytest.mark.parametrize(
    ("option", "given", "message"),
    [
        ("--terms", "near", "terms are 'near'\ngive 'all', 'local'"),
        ("--rank", "many", "--rank 'many'\ngive a number, or sets and a number: 'h2 h1=4'"),
        ("--rank", "h1=", "--rank 'h1='\ngive a number, or sets and a number: 'h2 h1=4'"),
        ("--rank", "0", "rank 0 of core ''\nranks are integers"),
    ],
)
def test_nonsense_is_refused(folder, option, given, message):
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", "layer.py", option, given)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("layer.py").exists()


@pytest.mark.parametrize("command", [("dims",), ("generate", "--name", "Layer", "--output", "layer.py")])
def test_a_rank_of_a_core_that_is_not_there_is_refused(folder, command):
    result = run(command[0], "mlp.toml", *command[1:], "--rank", "h1 h1=2")
    assert result.exit_code == 2
    assert "there is no core (h1 h1) to bound the rank of\ncores: (), (h1), " in result.stderr
    assert not Path("layer.py").exists()
