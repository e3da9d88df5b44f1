"""`layergen report`: a file for a specification, for a module, and for both; one message for what cannot be."""

import pytest

from tests.layergen.cli.commands import fill, run, snapshot
from tests.layergen.report.pages import Reader

NETWORK = """
from torch import nn
print("this goes to stderr")
def network(hidden=3):
    return nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 4), nn.Tanh(), nn.Linear(4, 2))
def other():
    return network(5)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    fill(tmp_path, monkeypatch)
    (tmp_path / "net.py").write_text(NETWORK)
    return tmp_path


def made(folder, *arguments):
    result = run("report", *arguments, "--output", "page.html")
    assert (result.exit_code, result.exception) == (0, None), result.stderr
    assert "wrote  page.html" in result.stdout
    return Reader((folder / "page.html").read_text("utf-8"))


def sections(found):
    return [one["id"] for one in found.all("section")]


def test_of_a_specification(folder):
    found = made(folder, "mlp.toml", "--no-proof")
    assert found.all("h1")[0]["text"] == "mlp.toml: 6 tensors, 114 equivariant maps"
    assert sections(found) == ["permutes", "tensors", "blocks", "block", "code"]
    assert not found.all("ul", "proofs")


def test_with_proofs(folder):
    assert made(folder, "head.toml").all("ul", "proofs")


def test_of_restricted_maps_and_invariants(folder):
    assert "terms" in made(folder, "mlp.toml", "--terms", "local", "--no-proof").all("dl")[0]["text"]
    assert len(made(folder, "mlp.toml", "--invariant", "--no-proof").all("button", "block")) == 7
    found = made(folder, "mlp.toml", "--target", "head.toml", "--no-proof")
    assert "Tensors of the target: 1" in [one["text"] for one in found.all("caption")]


def test_of_a_module(folder):
    found = made(folder, "--module", "net.py:network", "--input", "5,2", "--no-proof")
    assert found.all("h1")[0]["text"] == "net.py:network: 6 tensors, 114 equivariant maps"
    assert sections(found)[-1] == "frozen"
    assert "an axis of the input" in found.all("section")[-1]["text"]


@pytest.mark.parametrize(("network", "differs"), [("network", False), ("other", True)])
def test_of_a_specification_and_a_module(folder, network, differs):
    found = made(folder, "mlp.toml", "--module", f"net.py:{network}", "--input", "5,2", "--no-proof")
    assert ("'0.bias' has shape (3,) in the first and (5,) in the second" in found.all("body")[0]["text"]) == differs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is nothing to report on\ngive a SPEC, or --module with --input"),
        (
            ["mlp.toml", "--module", "net.py:network"],
            "--module is given without --input\na module is traced on",
        ),
        (["mlp.toml", "--input", "5,2"], "--input is given without --module"),
        (["--module", "net.py:network", "--input", "5;2"], "is not an input"),
        (["--module", "net.py:nothing", "--input", "5,2"], "has no 'nothing'"),
        (["zero.toml"], "the size of 'h1' is 0"),
        (["nowhere.toml"], "nowhere.toml"),
        (["mlp.toml", "--invariant", "--target", "head.toml"], "--target and --invariant are both given"),
        (["mlp.toml", "--output", "page.txt"], "page.txt: cannot be written: .txt is not .html"),
    ],
)
def test_bad_input(folder, arguments, message):
    before = snapshot(folder)
    result = run("report", "--output", "page.html", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert snapshot(folder) == before
