"""Whatever checked code raises becomes one message and exit status 2; nothing of it is a traceback."""

from pathlib import Path

import pytest

from layergen.testing import check
from symmetry import WeightSpace
from tests.layergen.cli.commands import fill, run

CODE = """
import torch
from torch import nn

class Stop(BaseException): pass

class Silent(Exception):
    def __str__(self): raise ValueError("no text")
    __repr__ = __str__

class Mute(BaseException):
    def __str__(self): raise Stop
    __repr__ = __str__

def when_moved(error, calls=[]):
    def function(x):
        calls.append(0)
        if len(calls) > 20:
            raise error()
        return x
    return function

class Layer(nn.Module):
    def forward(self, x): raise Mute

def stop(x): raise Stop("stopped")
def leave(x): raise SystemExit(0)
def close(x): raise GeneratorExit
def silent(x): raise Silent
def mute(x): raise Mute
def interrupt(x): raise KeyboardInterrupt
stop_later, silent_later, mute_later = (when_moved(error, []) for error in (Stop, Silent, Mute))
"""

SAID = {
    "stop": "raised Stop: stopped",
    "leave": "raised SystemExit: 0",
    "close": "raised GeneratorExit",
    "silent": "raised Silent: (its text cannot be printed)",
    "mute": "raised Mute: (its text cannot be printed)",
    "stop_later": "raised Stop",
    "silent_later": "raised Silent: (its text cannot be printed)",
    "mute_later": "raised Mute: (its text cannot be printed)",
    "Layer": "raised Mute: (its text cannot be printed)",
}


@pytest.mark.parametrize(
    ("command", "name"),
    [*(("check", name) for name in SAID), *(("coverage", name) for name in SAID if not name.endswith("later"))],
)
def test_a_message_and_no_traceback(command, name, tmp_path, monkeypatch):
    fill(tmp_path, monkeypatch)
    Path("checked.py").write_text(CODE)
    result = run(command, "checked.py:" + name, "mlp.toml")
    assert result.exit_code == 2, result.output
    assert SAID[name] in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_interrupts_pass_through():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted, WeightSpace({"b": "h"}, sets={"h": 3}))
