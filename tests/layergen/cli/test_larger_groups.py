"""The commands on specifications with signs, positive scales and vectors under O and GL."""

import pytest

from tests.layergen.cli.commands import run

TENSORS = """
[tensors]
"0.weight" = "h x"
"0.bias" = "h"
"2.weight" = "y h^-1"
"""
NETWORK = """
[sets]
h = {{ size = 3, scaled = "{}" }}
[free]
x = 2
y = 2
"""
SPECIFICATIONS = {
    "signs": NETWORK.format("sign") + TENSORS,
    "scales": NETWORK.format("positive") + TENSORS,
    "lora": """
[vectors]
r = { size = 4, group = "GL" }
[free]
i = 3
o = 2
[tensors]
A = "r i"
B = "o r^-1"
""",
    "heads": """
[sets]
head = 2
d = 3
[vectors]
dk = { size = 3, group = "GL", within = "head" }
o = { size = 3, group = "O" }
[tensors]
q = "(head dk) d"
k = "(head dk^-1) d"
c = "o d"
""",
}
ORDERS = {
    "signs": "2^3 3! = 48",
    "scales": "∞ (R_+ ≀ S_3)",
    "lora": "∞ (GL(4))",
    "heads": "2! · 3! = 12 · ∞ (GL(3)) · ∞ (O(3))",
}
DEEDS = {
    "signs": "multiplying element 0 of 'h' by -1",
    "scales": "multiplying element 0 of 'h' by 2",
    "lora": "multiplying coordinate 0 of 'r' by 2",
    "heads": "of copy (0,) of 'dk' by 2",
}
CODE = """
def shifted(x):
    return {name: value + 1 for name, value in x.items()}
"""


@pytest.fixture(params=SPECIFICATIONS)
def name(request, tmp_path, monkeypatch):
    """The name of a specification, `NAME.toml` in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{request.param}.toml").write_text(SPECIFICATIONS[request.param])
    (tmp_path / "code.py").write_text(CODE)
    return request.param


def lines(*arguments, status=0):
    """The output of a command, its spaces made single."""
    result = run(*arguments)
    assert result.exit_code == status, result.output
    return " ".join(result.stdout.split())


def test_show_names_the_group_and_its_order(name):
    shown = lines("show", f"{name}.toml")
    assert f"group order {ORDERS[name]}" in shown
    assert " 1 = 1" not in shown


def test_dims_are_verified(name):
    shown = lines("dims", "--verify", f"{name}.toml")
    assert "null space agrees on" in shown
    assert "emitted rank agrees on" in shown
    assert "disagrees" not in shown


def test_an_emitted_layer_passes_check_and_coverage(name):
    lines("generate", f"{name}.toml", "--name", "Layer", "--output", "layer.py")
    shown = lines("check", "layer.py:Layer", f"{name}.toml", "--sensitivity")
    assert "equivariant under 30 elements of the group" in shown
    assert "no more symmetric than declared" in shown
    assert "every equivariant linear map, and nothing else" in lines("coverage", "layer.py:Layer", f"{name}.toml")


def test_check_shows_one_flip_one_scale_one_coordinate(name):
    assert DEEDS[name] in lines("check", "code.py:shifted", f"{name}.toml", status=1)


def test_draw_draws_diagrams_and_refuses_the_matrix(name):
    tensor = {"lora": "A", "heads": "q"}.get(name, "0.weight")
    lines("draw", f"{name}.toml", "--block", tensor, tensor, "--output", "block.svg")
    lines("draw", f"{name}.toml", "--graph", "--output", "graph.svg")
    result = run("draw", f"{name}.toml", "--output", "matrix.svg")
    assert result.exit_code == 2
    assert "a block matrix cannot be drawn: the symmetry multiplies entries of" in result.stderr
