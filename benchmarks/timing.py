"""Timing several actions fairly on a machine that is never quite idle."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles

__all__ = ["Timing", "interleaved"]

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """The durations of one action, in seconds, in the order in which it ran."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.samples)

    def record(self) -> dict[str, float | int]:
        """What is stored: the median, the quartiles and the fastest in milliseconds, and the number of samples."""
        low, _, high = quantiles(self.samples, n=4) if len(self.samples) > 1 else (self.median,) * 3
        seconds = {"median": self.median, "lower": low, "upper": high, "fastest": min(self.samples)}
        return {f"{name}_ms": 1e3 * value for name, value in seconds.items()} | {"samples": len(self.samples)}


def interleaved(
    actions: Mapping[str, Action],
    budget: float,
    *,
    least: int = 5,
    warm_up: int = 2,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Run some actions in turn for about `budget` seconds, each at least `least` times.

    The next to run is always the one that has had the least time so far. So a slow action runs among many runs of a
    fast one, and whatever else the machine does in between falls on all alike. The first `warm_up` runs of each (which
    compile, allocate and fill caches) are not counted.
    """
    for action in actions.values():
        for _ in range(warm_up):
            action()
    samples: dict[str, list[float]] = {name: [] for name in actions}
    spent = dict.fromkeys(actions, 0.0)
    with collection_paused():
        while waiting := waiting_actions(samples, spent, budget, least):
            name = min(waiting, key=lambda name: spent[name])
            start = clock()
            actions[name]()
            samples[name].append(clock() - start)
            spent[name] += samples[name][-1]
    return {name: Timing(tuple(durations)) for name, durations in samples.items()}


def waiting_actions(
    samples: Mapping[str, list[float]], spent: Mapping[str, float], budget: float, least: int
) -> list[str]:
    """Who may run next: all while there is time, then those with too few samples."""
    if sum(spent.values()) < budget:
        return list(spent)
    return [name for name, durations in samples.items() if len(durations) < least]


@contextmanager
def collection_paused() -> Iterator[None]:
    """No garbage collection while the clock runs."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
