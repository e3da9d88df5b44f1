"""What was measured on one case or one point of a sweep, and the ratios that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.contenders import COMPILED, FLOOR, FREE_FLOOR, HNP, LITERAL, LOCAL, NP, OURS, SWIFT_FLOOR, Case
from benchmarks.timing import Timing

__all__ = ["MEMORY_TARGET", "MODES", "RATIOS", "SWEEP_RATIOS", "Measured", "Ratio"]

MODES = {"forward": "forward", "forward_backward": "forward + backward"}
"""Names of what is timed: the methods of a contender, and how tables call them."""
MEMORY_TARGET = 3.0
"""Peak memory of forward and backward should stay within this multiple of the features' own bytes."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One contender's median time over another's, and what is hoped for: at most, or at least, or nothing."""

    title: str
    above: str
    below: str
    most: float | None = None
    least: float | None = None

    @property
    def target(self) -> str:
        """The target as text."""
        if self.most is not None:
            return f"≤ {self.most:g}"
        return "" if self.least is None else f"≥ {self.least:g}"

    def met(self, value: float) -> bool | None:
        """Whether a value reaches the target; None without one."""
        if self.most is not None:
            return value <= self.most
        return None if self.least is None else value >= self.least


RATIOS = (
    Ratio("ours / floor", OURS, FLOOR, most=2),
    Ratio("compiled / floor", COMPILED, FLOOR, most=1.5),
    Ratio("ours / floor with our product", OURS, SWIFT_FLOOR),
    Ratio("ours / free floor", OURS, FREE_FLOOR),
    Ratio("HNPLinear / ours", HNP, OURS, least=2),
    Ratio("NPLinear / ours", NP, OURS, least=2),
    Ratio("term by term / ours", LITERAL, OURS, least=5),
)
SWEEP_RATIOS = (RATIOS[0], Ratio("local / floor", LOCAL, FLOOR))
"""What is judged at each point of a sweep: the whole space, and that of terms between tensors that share a set."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A case with its timings by mode and contender, peak memory in feature sizes, and numbers of parameters.

    `work` is our multiplications over the floor's: at equal speed of the products the times are in this ratio.
    """

    case: Case
    timings: Mapping[str, Mapping[str, Timing]]
    memory: Mapping[str, float]
    parameters: Mapping[str, int]
    work: float

    def milliseconds(self, mode: str, contender: str) -> float | None:
        """A contender's median; None if it was not measured."""
        timing = self.timings[mode].get(contender)
        return None if timing is None else 1e3 * timing.median

    def ratio(self, mode: str, ratio: Ratio) -> float | None:
        """A ratio of medians; None if one of the two was not measured."""
        above, below = (self.milliseconds(mode, name) for name in (ratio.above, ratio.below))
        return above / below if above is not None and below is not None else None

    def record(self) -> dict[str, Any]:
        """Everything, for the JSON file."""
        case = self.case
        ratios = {
            mode: {ratio.title: self.ratio(mode, ratio) for ratio in dict.fromkeys((*RATIOS, *SWEEP_RATIOS))}
            for mode in self.timings
        }
        return {
            "name": case.name,
            "title": case.title,
            "tensors": len(case.space),
            "weights": case.weights,
            "batch": case.batch,
            "channels": case.channels,
            "feature_bytes": case.feature_bytes,
            "times": {
                mode: {name: timing.record() for name, timing in timings.items()}
                for mode, timings in self.timings.items()
            },
            "ratios": ratios,
            "peak_memory_over_features": dict(self.memory),
            "parameters": dict(self.parameters),
            "multiplications_over_floor": self.work,
        }
