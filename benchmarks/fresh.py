"""What is measured in a process of its own, and printed as JSON: `python -m benchmarks.fresh NAME`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import layergen
from benchmarks.spaces import gpt2, perceptron
from layergen.plan.lowering import lower
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["MEASUREMENTS", "build", "derivation"]

Figures = dict[str, float]


def build() -> Figures:
    """Seconds to make a layer for the weights of a 2-32-32-1 network: the first, and another like it."""
    import torch

    from layergen import EquivariantLinear

    torch.set_num_threads(1)
    space = perceptron(2, [32, 32], 1)
    made: list[EquivariantLinear] = []  # kept: layers share a module in memory while one of them is there
    cold, cached = (seconds(lambda: made.append(EquivariantLinear(space, 64, 64))) for _ in range(2))
    return {"cold_s": cold, "cached_s": cached}


def derivation(space: WeightSpace) -> Figures:
    """Seconds for the dimensions, for the plain plan, for the whole way to source; the source's lines; peak memory."""
    maps = EquivariantMaps(space)
    sizes: Figures = {"tensors": len(space)}
    sizes["dimension_s"] = seconds(lambda: (maps.dimension, maps.bias_dimension))
    sizes |= {"dimension": maps.dimension, "bias_dimension": maps.bias_dimension}
    sizes["plan_s"] = seconds(lambda: lower(maps))
    source: list[str] = []
    sizes["source_s"] = seconds(lambda: source.append(layergen.generate(space)))
    return sizes | {"lines": len(source[0].splitlines()), "bytes": len(source[0]), "peak_mib": peak_mib()}


def kit() -> Figures:
    """Seconds that the testing kit takes on a 2-32-32-1 network's weights with 64 channels, and at small sizes."""
    import torch

    from layergen import EquivariantLinear, testing

    torch.set_num_threads(1)
    space = perceptron(2, [32, 32], 1)
    layer = EquivariantLinear(space, 64, 64)
    return {
        "assert_equivariant_s": seconds(lambda: testing.assert_equivariant(layer, space)),
        "assert_no_more_symmetric_s": seconds(lambda: testing.assert_no_more_symmetric(layer, space)),
        "coverage_s": seconds(lambda: testing.coverage(layer, space)),
        "coverage_shrunk_s": seconds(lambda: testing.coverage(layer, space, shrink=True)),
    }


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes, once."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def peak_mib() -> float:
    """The most memory that this process has had resident, in MiB.

    Not `ru_maxrss` where there is /proc: on Linux that starts from what the parent had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


MEASUREMENTS: dict[str, Callable[[], Figures]] = {
    "build": build,
    "kit": kit,
    "gpt2": lambda: derivation(gpt2()),
    "deep": lambda: derivation(perceptron(2, [64] * 64, 1)),
}

if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]]()))
