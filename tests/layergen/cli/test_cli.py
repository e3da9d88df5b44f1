"""The command line: what it prints, what it writes, and what it leaves unimported."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import layergen
import symmetry
from layergen.cli.console import print_json
from symmetry.verification.report import Finding
from tests.layergen.cli.commands import fill, run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return fill(tmp_path, monkeypatch)


def test_dims_as_json(folder):
    found = json.loads(run("dims", "mlp.toml", "--json").stdout)
    assert (found["dimension"], found["bias_dimension"]) == (114, 9)
    assert len(found["blocks"]) == 36
    assert sum(block["dimension"] for block in found["blocks"]) == 114
    assert {"target": "2.weight", "source": "2.weight", "dimension": 4} in found["blocks"]
    assert {"target": "0.weight", "source": "4.bias", "dimension": 4} in found["blocks"]
    assert found["bias_blocks"][0] == {"target": "0.weight", "dimension": 2}
    maps = symmetry.EquivariantMaps(symmetry.load("mlp.toml"))
    assert found["symbolic_dimension"] == str(maps.symbolic_dimension())


def test_dims_as_tables(folder):
    result = run("dims", "mlp.toml")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["dimension", "114"] in lines
    assert ["0.weight", "8", "4", "4", "2", "4", "4", "2"] in lines


def test_dims_of_very_many_free_sizes(folder):
    free = "".join(f"x{n} = 2\n" for n in range(200))
    tensors = "".join(f'"{n}" = "x{n}"\n' for n in range(200))
    Path("free.toml").write_text(f"[free]\n{free}[tensors]\n{tensors}")
    assert "too many free sizes to write out" in run("dims", "free.toml").stdout
    assert json.loads(run("dims", "free.toml", "--json").stdout)["symbolic_dimension"] is None


def test_dims_of_small_sets_say_so(folder):
    Path("small.toml").write_text('[sets]\nh = 2\n[tensors]\nw = "h h"\n')
    result = run("dims", "small.toml")
    assert "symbolic        15 where every set is large enough; here some are not" in result.stdout
    assert json.loads(run("dims", "small.toml", "--json").stdout)["dimension"] == 8


SMALL = '[sets]\nh = 2\na = 3\nc = 5\nk = 4\n[tensors]\nw = "h h"\nq = "(a c)"\nb = "k"\n'


@pytest.mark.parametrize("command", ["dims small.toml", "generate small.toml --name Layer --output layer.py"])
def test_sets_to_whose_sizes_a_layer_is_bound_are_named(folder, command):
    Path("small.toml").write_text(SMALL)
    rows = dict(line.split(maxsplit=1) for line in run(*command.split()).stdout.splitlines() if " " in line.strip())
    assert rows["fixed"].rstrip() == "h = 2 (below its order, 4), c = 5 (its axes do not show it)"


def test_nothing_is_said_of_sets_that_are_large_enough(folder):
    assert "fixed" not in run("dims", "mlp.toml").stdout


def test_very_many_blocks_are_counted_and_not_listed(folder, monkeypatch):
    monkeypatch.setattr("layergen.cli.dims.LISTED", 35)
    result = run("dims", "mlp.toml")
    assert result.exit_code == 0
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if " " in line.strip())
    assert rows["blocks"].rstrip() == "6 × 6, more than the 35 that are listed"
    assert (rows["dimension"].rstrip(), "0.weight" in result.stdout) == ("114", False)
    for option, what in (("--json", "lists"), ("--verify", "proves")):
        result = run("dims", "mlp.toml", option)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"there are more blocks than the 35 that {option} {what}" in result.stderr
        assert "--target" in result.stderr
    assert len(json.loads(run("dims", "mlp.toml", "--invariant", "--json").stdout)["blocks"]) == 6


def test_dims_of_invariants_and_of_another_target(folder):
    invariant = json.loads(run("dims", "mlp.toml", "--invariant", "--json").stdout)
    assert [block["target"] for block in invariant["blocks"]] == ["invariant"] * 6
    assert invariant["dimension"] == 9
    head = json.loads(run("dims", "mlp.toml", "--target", "head.toml", "--json").stdout)
    assert [block["dimension"] for block in head["blocks"]] == [4, 2, 2, 1, 2, 2]


def test_wide_block_matrices_are_numbered_then_summed(folder, monkeypatch):
    names = [f'"a_long_name_{number}" = "h"' for number in range(12)]
    Path("wide.toml").write_text("[sets]\nh = 8\n[tensors]\n" + "\n".join(names))
    monkeypatch.setenv("COLUMNS", "100")
    assert ["1", "a_long_name_0", *["2"] * 12, "1"] in [
        line.split() for line in run("dims", "wide.toml").stdout.split("\n")
    ]
    monkeypatch.setenv("COLUMNS", "60")
    text = run("dims", "wide.toml").stdout
    assert "12 × 12, too wide to show: --json lists them" in text
    assert ["a_long_name_0", "24", "1"] in [line.split() for line in text.splitlines()]


def test_huge_dimensions_are_readable_and_exact(folder):
    size = 10**2500
    Path("huge.toml").write_text(f'[sets]\nh = {size}\n[free]\nx = {size}\n[tensors]\nw = "h x"\nb = "h"\n')
    assert "about 10^5000" in run("dims", "huge.toml").stdout
    found = json.loads(run("dims", "huge.toml", "--json").stdout, parse_int=str)
    assert found["dimension"] == "2" + "0" * 2499 + "4" + "0" * 2499 + "2"
    assert "about 10^5000" in run("show", "huge.toml").stdout


def test_verify_shows_every_proof(folder):
    result = run("dims", "mlp.toml", "--verify")
    assert result.exit_code == 0
    for proof in ("characters", "null space", "emitted rank"):
        assert f"{proof:<12}  agrees on 42 of 42 blocks" in result.stdout
    found = json.loads(run("dims", "mlp.toml", "--verify", "--json").stdout)
    assert found["verified"] is True
    assert {name: len(findings) for name, findings in found["proofs"].items()} == {
        "characters": 42,
        "null space": 42,
        "irreducibles": 42,
        "emitted rank": 42,
    }
    assert found["proofs"]["emitted rank"][0]["found"] == 8
    assert found["proofs"]["characters"][-1]["source"] is None


LORA = """
[vectors]
r = { size = 8, group = "GL" }
[free]
i = 3
o = 2
[tensors]
A = "r i"
B = "o r^-1"
"""


def test_commands_on_a_space_without_biases(folder):
    """And with a group that is not finite, under which entries are more than permuted."""
    Path("lora.toml").write_text(LORA)
    result = run("dims", "lora.toml", "--verify")
    assert "emitted rank  agrees on 6 of 6 blocks" in result.stdout, result.stderr
    rows = dict(line.split(maxsplit=2)[1:] for line in run("show", "lora.toml").stdout.splitlines() if "order" in line)
    assert rows["order"].rstrip() == "∞ (GL(8))"
    result = run("draw", "lora.toml", "--output", "lora.png")
    assert result.exit_code == 2
    assert result.stderr.startswith("a block matrix cannot be drawn: the symmetry multiplies entries of 'A'")


def test_verify_says_no_when_a_proof_disagrees(folder, monkeypatch):
    def liar(maps, blocks):
        return [
            Finding("liar", block, block.dimension + (number == 3), block.dimension)
            for number, block in enumerate(blocks)
        ]

    monkeypatch.setattr("layergen.cli.dims.PROOFS", (liar,))
    result = run("dims", "mlp.toml", "--verify")
    assert result.exit_code == 1
    assert "✗ 3, not 2" in result.stdout
    assert "agrees on 41 of 42 blocks, DISAGREES on 1" in result.stdout
    result = run("dims", "mlp.toml", "--verify", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["verified"] is False


def test_show(folder):
    Path("attention.toml").write_text(
        '[sets]\nd = 64\nhead = 8\ndk = { size = 16, within = "head" }\n[positional]\npos = 128\n[free]\nx = 2\n'
        '[tensors]\n"q[red]" = "(head dk) d"\npos = "pos d"\nx = "x 3"\n'
    )
    result = run("show", "attention.toml")
    assert result.exit_code == 0
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["dk", "nested", "set", "16", "head", "S_16"] in words
    assert ["head", "set", "8", "S_16", "≀", "S_8"] in words
    assert ["q[red]", "(head", "dk)", "d", "128", "×", "64", "8,192"] in words
    assert ["entries", "16,390"] in words
    digits = sum(times * math.log10(math.factorial(n)) for n, times in ((64, 1), (8, 1), (16, 8)))
    assert f"64! · 8! · (16!)^8 ≈ 10^{digits:.0f}" in result.stdout


def test_show_of_a_small_group(folder):
    assert "3! · 4! = 144" in run("show", "mlp.toml").stdout


@pytest.mark.parametrize("options", [{}, {"target": symmetry.SCALAR}, {"target": "head.toml"}, {"checkpoint": True}])
def test_generate_writes_the_bytes_of_generate(folder, options):
    arguments, target = [], options.get("target")
    if target == symmetry.SCALAR:
        arguments = ["--invariant"]
    elif target is not None:
        arguments, target = ["--target", target], symmetry.load(target)
    checkpoint = options.get("checkpoint", False)
    arguments += ["--checkpoint"] if checkpoint else []
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", "layer.py", *arguments)
    assert result.exit_code == 0
    assert "wrote           layer.py" in result.stdout
    expected = layergen.generate(symmetry.load("mlp.toml"), "Layer", target=target, checkpoint=checkpoint)
    assert Path("layer.py").read_bytes() == expected.encode()


def test_generate_says_what_it_made(folder):
    text = run("generate", "mlp.toml", "--name", "Layer", "--output", "layer.py").stdout
    assert "114 · in_channels · out_channels + 9 · out_channels" in text


@pytest.mark.parametrize(
    "reference", ["nets.py:equivariant", "nets.py:factory", "nets.py:Noisy", "nets.py:instance", "nets:equivariant"]
)
def test_check_passes(folder, reference):
    result = run("check", reference, "mlp.toml")
    assert (result.exit_code, result.stdout.partition(" under ")[0]) == (0, "equivariant")
    assert "this goes to stderr" not in result.stdout


def test_check_fails_with_a_counterexample(folder):
    result = run("check", "nets.py:not_equivariant", "mlp.toml")
    assert result.exit_code == 1
    assert "exchanging elements" in result.stdout
    result = run("check", "nets.py:not_equivariant", "mlp.toml", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["passed"], found["tensor"]) == (False, "0.bias")


def test_check_invariance(folder):
    assert json.loads(run("check", "nets.py:invariant", "mlp.toml", "--invariant", "--json").stdout)["passed"] is True
    assert run("check", "nets.py:equivariant", "mlp.toml", "--invariant").exit_code == 1


def test_check_leaves_the_path_as_it_was(folder):
    before = list(sys.path)
    run("check", "nets.py:equivariant", "mlp.toml")
    assert sys.path == before


@pytest.mark.parametrize("name", ["picture.png", "picture.svg", "picture.PNG"])
def test_draw_writes_a_picture(folder, name):
    assert run("draw", "mlp.toml", "--output", name).exit_code == 0
    first = Path(name).read_bytes()
    assert first.startswith(b"<?xml" if name.endswith("svg") else b"\x89PNG")
    run("draw", "mlp.toml", "--output", name)
    assert Path(name).read_bytes() == first
    run("draw", "mlp.toml", "--output", name, "--block", "2.weight", "0.weight")
    assert Path(name).read_bytes() != first


def test_version():
    assert run("--version").stdout == f"layergen {layergen.__version__}\n"


def test_numbers_that_are_not_finite_stay_json(capsys):
    print_json({"error": math.inf, "tolerance": -math.inf, "other": math.nan, "fine": 0.5})
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"error": "Infinity", "tolerance": "-Infinity", "other": "NaN", "fine": 0.5}


IMPORTS = """
import sys
from layergen.cli import main
sys.argv = ["layergen", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print(*({heavy!r} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"torch", "sympy", "matplotlib", "hypothesis", "networkx"}),
        (["show", "mlp.toml"], {"torch", "sympy", "matplotlib", "hypothesis", "networkx"}),
        (["dims", "mlp.toml", "--json"], {"torch", "matplotlib", "hypothesis", "networkx"}),
        (["generate", "mlp.toml", "--name", "A", "--output", "a.py"], {"torch", "matplotlib", "hypothesis"}),
        (["draw", "mlp.toml", "--output", "a.svg"], {"torch", "matplotlib.pyplot", "hypothesis"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_a_command_does_not_need_is_not_imported(folder, arguments, heavy):
    environment = {**os.environ, "PYTHONPATH": str(Path(layergen.__file__).parents[1])}
    code = IMPORTS.format(arguments=arguments, heavy=heavy)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (result.returncode, result.stderr.strip()) == (0, "")


def test_check_makes_an_emitted_layer_by_itself(folder):
    assert run("generate", "mlp.toml", "--name", "MLPLayer", "--output", "layer.py").exit_code == 0
    result = run("check", "layer.py:MLPLayer", "mlp.toml", "--channels", "3")
    assert result.exit_code == 0, result.stderr
    assert "equivariant under" in result.stdout


@pytest.mark.parametrize("command", ["check", "trace"])
def test_help_shows_the_form_of_an_input_in_full(command):
    words = "".join(word for word in run(command, "--help").stdout.split() if word != "│")
    assert "[name=]SHAPE[:DTYPE[:HIGH]],asin2,3,32,32orids=2,7:int64:50" in words
