"""What the tests of the command line run in: a folder of specifications and code, good and bad."""

from typer.testing import CliRunner

from layergen.cli.application import app

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


def fill(folder, monkeypatch):
    """Fill a folder with specifications and code, and make it the current one."""
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
        (folder / name).write_text(text)
    (folder / "binary.toml").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    (folder / "folder").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def run(*arguments):
    """A command's result: `exit_code`, `stdout`, `stderr`."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def snapshot(folder):
    """Everything below a folder, with its contents and permissions; compiled modules aside."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in str(path)
    }
