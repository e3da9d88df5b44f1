"""What users feel besides a layer's speed: how long things take to start, and to derive large layers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.fresh import MEASUREMENTS
from benchmarks.timing import interleaved

__all__ = ["STARTS", "measure_pieces"]

ROOT = Path(__file__).resolve().parents[1]
STARTS = {
    "python": ["-c", "pass"],
    "import torch": ["-c", "import torch"],
    "import layergen": ["-c", "import layergen"],
    "import symmetry": ["-c", "import symmetry"],
    "layergen show": ["-m", "layergen.cli", "show", "generated/mlp.toml"],
}


def run(arguments: list[str]) -> str:
    """What Python prints, run with these arguments in the project's folder."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def measure_pieces(repetitions: int) -> dict[str, dict[str, dict[str, float]]]:
    """Wall times of whole processes, and the figures of `benchmarks.fresh`."""
    actions: dict[str, Callable[[], object]] = {name: partial(run, arguments) for name, arguments in STARTS.items()}
    starts = interleaved(actions, 0, least=repetitions, warm_up=1)
    return {
        "starts": {name: timing.record() for name, timing in starts.items()},
        "fresh": {name: json.loads(run(["-m", "benchmarks.fresh", name])) for name in MEASUREMENTS},
    }
