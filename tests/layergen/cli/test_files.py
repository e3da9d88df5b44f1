"""What the commands say of the file that they wrote."""

from layergen.cli.files import write_whole
from tests.layergen.cli.commands import run


def test_that_a_file_was_replaced_is_said(tmp_path):
    path = tmp_path / "layer.py"
    assert write_whole(path, b"first") == str(path)
    assert write_whole(path, b"second") == f"{path}, in place of the file that was there"
    assert path.read_bytes() == b"second"


def test_trace_says_it(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("from torch import nn\nnet = nn.Linear(2, 3)\n")
    monkeypatch.chdir(tmp_path)
    said = [run("trace", "net.py:net", "--input", "5,2", "--no-proof", "--output", "net.toml").stdout for _ in range(2)]
    assert ["in place of the file that was there" in text for text in said] == [False, True]


def test_inputs_that_do_not_fit_are_shown_beside_what_is_taken(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("from torch import nn\nnet = nn.Bilinear(2, 3, 4)\n")
    monkeypatch.chdir(tmp_path)
    found = run("trace", "net.py:net", "--input", "5,3", "--input", "5,2", "--output", "net.toml")
    assert found.exit_code == 2
    assert "input1 is (5, 3) of float32, input2 is (5, 2) of float32" in " ".join(found.stderr.split())
