"""The cases and sweeps, and measuring them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.contenders import Case, Contender, contenders
from benchmarks.memory import peak_bytes
from benchmarks.products import products
from benchmarks.results import MODES, Measured
from benchmarks.spaces import cnn, perceptron, transformer
from benchmarks.timing import interleaved
from layergen.plan.lowering import lower
from symmetry import EquivariantMaps

__all__ = ["FULL", "QUICK", "Effort", "all_cases", "all_sweeps", "measure"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: seconds a mode of a case, the fewest samples, processes started, points of a sweep."""

    case_budget: float
    sweep_budget: float
    least: int
    starts: int
    points: int | None

    def scaled(self, case: Case) -> Case:
        """The case at the size that this effort is for: as it is, or small."""
        return case if self.points is None else replace(case, batch=2, channels=4)


FULL = Effort(case_budget=7, sweep_budget=2, least=5, starts=5, points=None)
QUICK = Effort(case_budget=0.1, sweep_budget=0.05, least=2, starts=1, points=2)


def all_cases() -> tuple[Case, ...]:
    """The weight spaces that the table is about."""
    return (
        Case("inr", "INR 2-32-32-1", perceptron(2, [32] * 2, 1), batch=64, channels=64),
        Case("deep", "perceptron, 8 × 64", perceptron(2, [64] * 8, 1), batch=8, channels=32),
        Case("cnn", "CNN with batch norm", cnn(batch_norm=True), batch=32, channels=32),
        Case("cnn_plain", "CNN without batch norm", cnn(batch_norm=False), batch=32, channels=32),
        Case("transformer", "transformer, 2 layers", transformer(), batch=4, channels=16),
    )


def all_sweeps() -> dict[str, tuple[Case, ...]]:
    """Perceptrons of growing width (two hidden layers) and of growing depth (layers of 32)."""
    widths, depths = (16, 32, 64, 128, 256, 512), (2, 4, 8, 16, 32, 64)
    return {
        "width": tuple(Case(f"width {n}", f"2 × {n}", perceptron(2, [n] * 2, 1), batch=4, channels=16) for n in widths),
        "depth": tuple(
            Case(f"depth {n}", f"{n} × 32", perceptron(2, [32] * n, 1), batch=4, channels=16) for n in depths
        ),
    }


def measure(case: Case, budget: float, least: int, *, compiled: bool = False, others: bool = True) -> Measured:
    """Time every contender in every mode, then take the peak memory of one forward and backward of each."""
    field = contenders(case, compiled=compiled, others=others)
    timings = {
        mode: interleaved({name: getattr(one, mode) for name, one in field.items()}, budget, least=least)
        for mode in MODES
    }
    memory = {name: peak_bytes(one.forward_backward) / case.feature_bytes for name, one in field.items()}
    work = products(lower(EquivariantMaps(case.space)).mixes) / case.weights
    return Measured(case, timings, memory, {name: parameter_count(one) for name, one in field.items()}, work)


def parameter_count(contender: Contender) -> int:
    """The number of a layer's parameters."""
    return sum(parameter.numel() for parameter in contender.module.parameters())
