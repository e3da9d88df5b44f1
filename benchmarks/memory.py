"""Peak memory of an action on the CPU, from the allocations that torch's profiler sees."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import accumulate

from torch.profiler import ProfilerActivity, profile

__all__ = ["peak", "peak_bytes"]


def peak_bytes(action: Callable[[], object]) -> int:
    """The most bytes of new storage alive at once while `action` ran; its result counts, what existed before not."""
    # Kineto reads this when it first records; it would else write two lines to stderr for every profile.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiled:
        result = action()
    del result
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    return peak(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))


def peak(changes: Iterable[int]) -> int:
    """The highest sum of a run of allocations (positive) and frees (negative).

    >>> peak([4, 4, -4, 2])
    8
    """
    return max(accumulate(changes, initial=0))
