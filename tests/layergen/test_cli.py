"""The command line: what it prints, what it writes, and one clear message for everything that is wrong."""

import json
import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import layergen
import symmetry
from layergen.cli import app
from layergen.cli.console import print_json
from layergen.cli.files import check_output
from symmetry.verification.report import Finding

PERCEPTRON = """
[sets]
h1 = 3
h2 = 4
[free]
x = 2
y = 2
[tensors]
"0.weight" = "h1 x"
"0.bias" = "h1"
"2.weight" = "h2 h1"
"2.bias" = "h2"
"4.weight" = "y h2"
"4.bias" = "y"
"""
CODE = """
import torch
from torch import nn
from neighbour import SCALE

print("this goes to stderr")

def equivariant(x):
    return {name: SCALE * value for name, value in x.items()}

def not_equivariant(x):
    return {**x, "0.bias": x["0.bias"].cumsum(1)}

def invariant(x):
    return x["0.bias"].sum((1, 2))

def factory():
    return equivariant

def broken_factory():
    raise RuntimeError("no weights here")

def broken(x):
    raise KeyError("3.weight")

class Noisy(nn.Module):
    in_channels = 5

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout()

    def forward(self, x):
        assert all(value.shape[-1] == self.in_channels for value in x.values())
        return {name: self.dropout(value) for name, value in x.items()}

class Demanding(nn.Module):
    def __init__(self, width):
        super().__init__()

instance = Noisy()
number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with specifications and code, and the current one."""
    for name, text in {
        "mlp.toml": PERCEPTRON,
        "empty.toml": "",
        "malformed.toml": "[sets\n",
        "unknown.toml": PERCEPTRON + "[sizes]\nh = 3\n",
        "zero.toml": PERCEPTRON.replace("h1 = 3", "h1 = 0"),
        "undeclared.toml": PERCEPTRON.replace("h2 h1", "h2 h3"),
        "other.toml": PERCEPTRON.replace("h1 = 3", "h1 = 5"),
        "large.toml": '[sets]\nh = 99\n[tensors]\nw = "h h h h h h"\n',
        "head.toml": '[sets]\nh1 = 3\n[tensors]\nout = "h1"\n',
        "nets.py": CODE,
        "neighbour.py": "SCALE = 2.0",
        "missing_import.py": "import no_such_package",
        "quits.py": "raise SystemExit(7)",
        "syntax.py": "def (",
        "kept.py": "# kept",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary.toml").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments):
    """A command's result: `exit_code`, `stdout`, `stderr`."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def snapshot(folder):
    """Everything below a folder, with its contents and permissions; compiled modules aside."""
    return {
        str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in str(path)
    }


BAD_INPUT = [
    ("show", "nowhere.toml", "nowhere.toml: cannot be read: No such file"),
    ("show", "", "cannot be read"),
    ("show", "folder", "folder: cannot be read: Is a directory"),
    ("show", "mlp.toml/inside", "cannot be read: Not a directory"),
    ("show", "x" * 5000, "cannot be read: File name too long"),
    ("dims", "empty.toml", "empty.toml: there is no [tensors] section"),
    ("dims", "binary.toml", "binary.toml: not UTF-8 text"),
    ("dims", "malformed.toml", "malformed.toml: line 1 is not TOML"),
    ("dims", "unknown.toml", "unknown.toml: unknown section [sizes]"),
    ("dims", "zero.toml", "zero.toml: [sets]: the size of 'h1' is 0"),
    ("dims", "undeclared.toml", "    h2 h3\n       ^^\ndeclare it"),
    ("dims", "mlp.toml", "--json", "--target", "nowhere.toml", "nowhere.toml: cannot be read"),
    ("dims", "mlp.toml", "--target", "other.toml", "'h1' is 5 in [sets] of the target"),
    ("dims", "mlp.toml", "--target", "head.toml", "--invariant", "--target and --invariant are both given"),
    ("dims", "mlp.toml", "--frobnicate", "No such option"),
    ("dims", "Missing argument"),
    ("frobnicate", "No such command"),
    ("generate", "mlp.toml", "--name", "1st", "--output", "kept.py", "'1st' is not a class name"),
    ("generate", "mlp.toml", "--name", "class", "--output", "kept.py", "'class' is not a class name"),
    ("generate", "mlp.toml", "--output", "kept.py", "Missing option '--name'"),
    ("generate", "mlp.toml", "--name", "A", "Missing option '--output'"),
    ("generate", "mlp.toml", "--name", "A", "--output", "nowhere/a.py", "nowhere/a.py: cannot be written: there is no"),
    ("generate", "mlp.toml", "--name", "A", "--output", "mlp.toml/a.py", "there is no folder 'mlp.toml'"),
    ("generate", "mlp.toml", "--name", "A", "--output", "folder", "folder: cannot be written: it is a folder"),
    ("generate", "mlp.toml", "--name", "A", "--output", "", "cannot be written: it is a folder"),
    ("generate", "mlp.toml", "--name", "A", "--output", os.devnull, "it is not a regular file"),
    ("generate", "mlp.toml", "--name", "A", "--output", "x" * 300, "cannot be written: file name too long"),
    ("generate", "large.toml", "--name", "A", "--output", "kept.py", "more than the limit of 100,000"),
    ("generate", "mlp.toml", "--name", "A", "--output", "kept.py", "--limit", "9", "more than the limit of 9"),
    ("generate", "mlp.toml", "--name", "A", "--output", "kept.py", "--limit", "0", "--limit"),
    ("generate", "zero.toml", "--name", "A", "--output", "kept.py", "the size of 'h1' is 0"),
    ("draw", "mlp.toml", "--output", "kept.py", "kept.py: cannot be written: .py is not .png or .svg"),
    ("draw", "mlp.toml", "--output", "a", "no suffix is not .png or .svg"),
    ("draw", "mlp.toml", "--output", "nowhere/a.png", "there is no folder 'nowhere'"),
    ("draw", "mlp.toml", "--output", "a.png", "--block", "0.bias", "nothing", "there is no tensor 'nothing'"),
    ("draw", "mlp.toml", "--output", "a.png", "--block", "0.bias", "--block"),
    ("draw", "large.toml", "--output", "a.png", "--block", "w", "w", "more than the limit of 100,000"),
    ("check", "nets.py", "mlp.toml", "'nets.py' names no object"),
    ("check", "nets.py:", "mlp.toml", "names no object"),
    ("check", ":equivariant", "mlp.toml", "names no object"),
    ("check", "nowhere.py:net", "mlp.toml", "nowhere.py: there is no such file"),
    ("check", "no_such_module:net", "mlp.toml", "there is no module 'no_such_module'"),
    ("check", "missing_import:net", "mlp.toml", "ModuleNotFoundError: No module named 'no_such_package'"),
    ("check", "missing_import.py:net", "mlp.toml", "missing_import.py, line 1)"),
    ("check", "quits.py:net", "mlp.toml", "loading 'quits.py' raised SystemExit: 7"),
    (
        "check",
        "syntax.py:net",
        "mlp.toml",
        "loading 'syntax.py' raised SyntaxError: invalid syntax (syntax.py, line 1)",
    ),
    ("check", "nets.py:nothing", "mlp.toml", "'nets.py:nothing' has no 'nothing'\nit has equivariant"),
    ("check", "nets.py:number", "mlp.toml", "'nets.py:number' is 3, not a function on features"),
    ("check", "nets.py:Demanding", "mlp.toml", "is the class Demanding, which needs arguments"),
    ("check", "nets.py:broken_factory", "mlp.toml", "raised RuntimeError: no weights here ("),
    ("check", "nets.py:broken", "mlp.toml", "on features raised KeyError: '3.weight' ("),
    ("check", "nets.py:broken", "mlp.toml", "--json", "on features raised KeyError: '3.weight' ("),
    ("check", "nets.py:equivariant", "zero.toml", "the size of 'h1' is 0"),
    ("check", "nets.py:equivariant", "mlp.toml", "--channels", "0", "--channels"),
]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: " ".join(case)[:60])
def test_bad_input_is_one_message_and_exit_status_2(folder, case):
    *arguments, message = case
    before = snapshot(folder)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert snapshot(folder) == before


def test_the_message_is_that_of_the_error(folder):
    with pytest.raises(symmetry.SpecificationError) as error:
        symmetry.load("undeclared.toml")
    assert run("show", "undeclared.toml").stderr == f"{error.value}\n"


def test_a_process_without_traceback(folder):
    """Through the entry point itself, as a shell would see it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, [Path(__file__).parents[2]]))}
    command = [sys.executable, "-c", "from layergen.cli import main; main()", "dims", "zero.toml"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "zero.toml: [sets]: the size of 'h1' is 0\nsizes are integers of at least 1\n"


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


def test_dims_of_small_sets_say_so(folder):
    Path("small.toml").write_text('[sets]\nh = 2\n[tensors]\nw = "h h"\n')
    result = run("dims", "small.toml")
    assert "symbolic        15 where every set is large enough; here some are not" in result.stdout
    assert json.loads(run("dims", "small.toml", "--json").stdout)["dimension"] == 8


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
        "emitted rank": 42,
    }
    assert found["proofs"]["emitted rank"][0]["found"] == 8
    assert found["proofs"]["characters"][-1]["source"] is None


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


@pytest.mark.parametrize("options", [{}, {"target": symmetry.SCALAR}, {"target": "head.toml"}])
def test_generate_writes_the_bytes_of_generate(folder, options):
    arguments, target = [], options.get("target")
    if target == symmetry.SCALAR:
        arguments = ["--invariant"]
    elif target is not None:
        arguments, target = ["--target", target], symmetry.load(target)
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", "layer.py", *arguments)
    assert result.exit_code == 0
    assert "wrote           layer.py" in result.stdout
    expected = layergen.generate(symmetry.load("mlp.toml"), "Layer", target=target)
    assert Path("layer.py").read_bytes() == expected.encode()


def test_generate_says_what_it_made(folder):
    text = run("generate", "mlp.toml", "--name", "Layer", "--output", "layer.py").stdout
    assert "114 · in_channels · out_channels + 9 · out_channels" in text


def test_outputs_keep_links_and_permissions(folder):
    Path("kept.py").chmod(0o640)
    Path("link.py").symlink_to("kept.py")
    assert run("generate", "mlp.toml", "--name", "Layer", "--output", "link.py").exit_code == 0
    assert Path("link.py").is_symlink()
    assert "class Layer" in Path("kept.py").read_text()
    assert stat.S_IMODE(Path("kept.py").stat().st_mode) == 0o640


def refuse(*arguments, **options):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("function", ["pathlib.Path.replace", "shutil.copymode"])
def test_a_failed_write_leaves_everything_as_it_was(folder, monkeypatch, function):
    before = snapshot(folder)
    monkeypatch.setattr(function, refuse)
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", "kept.py")
    assert result.exit_code == 2
    assert result.stderr.startswith("kept.py: cannot be written: no space left on device\n")
    assert snapshot(folder) == before


def test_an_output_that_may_not_be_written_is_refused(folder, monkeypatch):
    monkeypatch.setattr("os.access", lambda *arguments: False)
    with pytest.raises(symmetry.SpecificationError, match=r"^kept.py: cannot be written: permission denied"):
        check_output(Path("kept.py"))


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
