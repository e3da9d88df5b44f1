"""`layergen train` and `layergen predict`, alone and started by torchrun."""

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from layergen.training import Run
from tests.layergen.cli.commands import run, snapshot
from tests.layergen.cli.test_bad_input import ENVIRONMENT
from tests.layergen.data.test_zoo import spoil
from tests.layergen.data.zoos import SPACE, fill, network

NETS = """
from torch import nn

def Net():
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "space.toml").write_text(str(SPACE))
    (tmp_path / "nets.py").write_text(NETS)
    fill(tmp_path / "zoo", [4, 4, 5, 4, 5, 4] * 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = ("train", "space.toml", "zoo", "--target", "score", "--output", "run")
SMALL = ("--epochs", "2", "--hidden", "4", "--layers", "1")


def rows(path):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def test_train_and_predict(folder):
    trained = run(*TRAIN, *SMALL, "--tensorboard")
    assert (trained.exit_code, trained.exception) == (0, None)
    assert "r2" in trained.stdout
    assert {path.name for path in (folder / "run").iterdir()} == {
        *("configuration.json", "task.json", "specification.toml", "split.csv", "metanet.safetensors"),
        *("checkpoint.pt", "log.csv", "metrics.json", "predictions.csv", "predictions.png", "tensorboard"),
    }
    assert json.loads((folder / "run" / "configuration.json").read_text())["metanet"]["hidden"] == 4
    fill(folder / "others", [7, 4])
    predicted = run("predict", "run", "others", "--output", "p.csv")
    assert (predicted.exit_code, predicted.exception) == (0, None)
    found = rows("p.csv")
    assert [row["file"] for row in found] == ["000.safetensors", "001.safetensors"]
    assert all(float(row["score"]) for row in found)


def test_classes_are_predicted_by_name(folder):
    assert run(*TRAIN[:3], "--target", "kind", "--output", "run", *SMALL).exit_code == 0
    assert run("predict", "run", "zoo", "--output", "p.csv").exit_code == 0
    assert {row["kind"] for row in rows("p.csv")} <= {"large", "small"}


def test_resume_goes_on_and_begins(folder):
    assert run(*TRAIN, *SMALL, "--resume").exit_code == 0
    again = run(*TRAIN, *SMALL, "--resume")
    assert (again.exit_code, again.exception) == (0, None)
    before = snapshot(folder)
    other = run(*TRAIN, *SMALL, "--resume", "--seed", "3")
    assert other.exit_code == 2
    assert "run: was begun with seed=0, not 3" in other.stderr
    assert snapshot(folder) == before


def test_probes(folder):
    for path in (folder / "zoo").glob("*.safetensors"):
        save_file(network(int(path.stem)), path)
    (folder / "space.toml").write_text(str(SPACE.resized({"h": 4})))
    probes = ("--probes", "nets.py:Net", "--input", "3,2", "--probe-count", "3")
    trained = run(*TRAIN, *SMALL, *probes)
    assert (trained.exit_code, trained.stderr) == (0, "")
    without = run("predict", "run", "zoo", "--output", "p.csv")
    assert without.exit_code == 2
    assert "was saved with probes to be given again" in without.stderr
    assert run("predict", "run", "zoo", "--output", "p.csv", *probes).exit_code == 0


BAD_INPUT = [
    (
        (*TRAIN[:3], "--target", "colour", "--output", "run"),
        "there are no labels 'colour'\ncolumns: score, kind, width",
    ),
    ((*TRAIN, "--labels", "nowhere.csv"), "nowhere.csv: cannot be read: No such file"),
    ((*TRAIN, "--labels", "a.csv", "--label-pattern", "(?P<y>.)"), "--labels and --label-pattern are both given"),
    ((*TRAIN, "--label-pattern", "("), "--label-pattern '('"),
    ((*TRAIN, "--probes", "nets.py:Net"), "--probes goes with --input"),
    ((*TRAIN, "--probes", "nets.py:Net", "--input", "3,2"), "the space is not the module's"),
    ((*TRAIN, "--validation", "2"), "validation=2.0\ngive a share between 0 and 1"),
    ((*TRAIN, "--task", "sorting"), "Invalid value for '--task'"),
    ((*TRAIN, "--device", "abacus"), "--device 'abacus'"),
    ((*TRAIN, "--dtype", "int64"), "--dtype 'int64'\none of float32"),
    (
        (*TRAIN[:3], "--target", "kind", "--output", "run", "--task", "ranking"),
        "are of type String, no numbers to ranking",
    ),
    ((*TRAIN[:2], "nowhere", *TRAIN[3:]), "nowhere: there is no such folder"),
    ((*TRAIN[:2], "empty", *TRAIN[3:]), "empty: there are no networks in this folder"),
    ((*TRAIN[:2], "nets.py", *TRAIN[3:]), "nets.py: it is a file"),
    ((*TRAIN[:-1], "zoo"), "zoo: is there already\ngive --resume, or another folder"),
    (("train", "nowhere.toml", *TRAIN[2:]), "nowhere.toml: cannot be read"),
    (("predict", "zoo", "zoo", "--output", "p.csv"), "zoo: there is no training run"),
    (("predict", "nowhere", "zoo", "--output", "p.csv"), "nowhere: there is no training run"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT, ids=str)
def test_bad_input_is_one_message_and_exit_status_2(folder, arguments, message):
    (folder / "empty").mkdir()
    before = snapshot(folder)
    result = run(*arguments)
    assert result.exit_code == 2, result.exception
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert snapshot(folder) == before


def test_networks_that_cannot_be_used_are_listed(folder):
    shutil.rmtree("zoo")
    expected = spoil(folder / "zoo")
    text = (folder / "zoo" / "labels.csv").read_text()
    (folder / "zoo" / "labels.csv").write_text(text.replace("000.safetensors", "elsewhere.safetensors"))
    before = snapshot(folder)
    result = run(*TRAIN, *SMALL)
    assert result.exit_code == 2
    for name, reason in expected.items():
        assert f"\n  {name}: {reason}" in result.stderr
    assert "\n  000.safetensors: there is no label 'score'" in result.stderr
    assert snapshot(folder) == before
    skipped = run(*TRAIN, *SMALL, "--skip-bad", "--validation", "0.4")
    assert (skipped.exit_code, skipped.exception) == (0, None)
    assert "left out:" in skipped.stderr
    assert {row["file"] for row in rows("run/split.csv")} == {"001.safetensors", "002.safetensors", "003.safetensors"}


def test_a_run_that_is_damaged_is_told(folder):
    assert run(*TRAIN, *SMALL).exit_code == 0
    for name in ("metanet.safetensors", "checkpoint.pt"):
        (folder / "run" / name).write_bytes((folder / "run" / name).read_bytes()[:-100])
    predicted = run("predict", "run", "zoo", "--output", "p.csv")
    assert (predicted.exit_code, predicted.stdout) == (2, "")
    assert "metanet.safetensors: cannot be read" in predicted.stderr
    resumed = run(*TRAIN, *SMALL, "--resume")
    assert resumed.exit_code == 2
    assert "checkpoint.pt: cannot be read" in resumed.stderr


def test_a_loss_that_diverges_is_told(folder):
    result = run(*TRAIN, *SMALL, "--learning-rate", "1e30", "--epochs", "30")
    assert result.exit_code == 1
    assert "learn slower than 1e+30" in result.stderr
    assert "Traceback" not in result.stderr


def test_torchrun_trains_as_one_process(folder):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "layergen"]
    done = subprocess.run([*command, *TRAIN, *SMALL], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote") == 1
    assert run(*TRAIN[:-1], "alone", *SMALL).exit_code == 0
    together, alone = Run("run"), Run("alone")
    assert together.metrics["validation_loss"] == pytest.approx(alone.metrics["validation_loss"], rel=1e-5)
    torch.testing.assert_close(together.metanet().state_dict(), alone.metanet().state_dict(), rtol=1e-3, atol=1e-5)


def test_a_run_that_is_stopped_from_outside_says_how_to_go_on(folder):
    options = ("--epochs", "100000", "--hidden", "4", "--layers", "1")
    command = [sys.executable, "-m", "layergen", *TRAIN, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as one:
        while one.poll() is None and not (folder / "run" / "checkpoint.pt").exists():
            time.sleep(0.05)
        one.terminate()
        try:
            printed, told = one.communicate(timeout=60)
        finally:
            one.kill()
    assert (one.returncode, printed) == (143, "")
    assert told == "run: stopped from outside (SIGTERM)\n--resume goes on from the last checkpoint\n"
