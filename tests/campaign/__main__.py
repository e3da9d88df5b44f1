"""`python -m tests.campaign --minutes N [--seed S]`: groups in turn until the time is over or an answer is wrong."""

import argparse
import sys
import time
import traceback

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tests.campaign.groups import GROUPS

BATCH = 10
"""How many cases are drawn from one seed: as many as there are to see again."""


def batch(group, number):
    """Try the cases of one seed of a group; how many they were. Raises what the first wrong one raises."""
    tried = 0

    @seed(number)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.data())
    def run(data):
        nonlocal tried
        tried += GROUPS[group](data)

    run()
    return tried


def table(tried, seconds):
    """The number of cases tried in each group, and how long they took."""
    found = Table("group", "cases", "seconds", "held against", title="Campaign")
    for name, trial in GROUPS.items():
        found.add_row(name, f"{tried[name]:,}", f"{seconds[name]:.0f}", trial.__doc__.split("\n")[0].rstrip("."))
    found.add_row("all", f"{sum(tried.values()):,}", f"{sum(seconds.values()):.0f}", "")
    return found


def main(arguments=None):
    """Run the campaign; the exit status is 1 at the first wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first batch; the next has the next")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only this group (may be given several times)")
    parser.add_argument("--batches", type=int, default=None, help="stop after so many batches of each group")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    console, end = Console(), time.monotonic() + 60 * chosen.minutes
    tried, seconds = dict.fromkeys(GROUPS, 0), dict.fromkeys(GROUPS, 0.0)
    groups = chosen.group or list(GROUPS)
    batches = dict.fromkeys(groups, 0)
    with Live(table(tried, seconds), console=console, refresh_per_second=2) as live:
        while time.monotonic() < end or not all(batches.values()):
            # The group that has had the least time is next, so that the slow ones do not take all of it.
            left = [group for group in groups if chosen.batches is None or batches[group] < chosen.batches]
            if not left:
                break
            group = min(left, key=lambda name: (batches[name] > 0, seconds[name]))
            number, start = chosen.seed + batches[group], time.monotonic()
            try:
                tried[group] += batch(group, number)
            except Exception as error:
                live.stop()
                again = f"python -m tests.campaign --group {group!r} --seed {number} --batches 1"
                said = [f"{group}: a wrong answer", *getattr(error, "__notes__", [])]
                where = traceback.extract_tb(error.__traceback__)[-1]
                said += [f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})"]
                console.print(*said, f"to see it again: {again}", sep="\n", markup=False, soft_wrap=True)
                return 1
            batches[group] += 1
            seconds[group] += time.monotonic() - start
            live.update(table(tried, seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
