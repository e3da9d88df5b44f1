"""Cost against size, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.contenders import FLOOR, LOCAL, OURS
from benchmarks.results import MODES, Measured

__all__ = ["save_sweep"]

COLOURS = {OURS: "#2a6f97", LOCAL: "#6a994e", FLOOR: "#e09f3e"}


def save_sweep(path: Path, name: str, points: Sequence[Measured]) -> None:
    """Milliseconds against the number of weights (widths) or of tensors (depths), both axes logarithmic."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    sizes = [one.case.weights if name == "width" else len(one.case.space) for one in points]
    for mode, dashes in zip(MODES, ("--", "-"), strict=True):
        for contender, colour in COLOURS.items():
            times = [1e3 * one.timings[mode][contender].median for one in points]
            axes.plot(sizes, times, dashes, marker="o", markersize=4, color=colour, label=f"{contender}, {MODES[mode]}")
    what = "weights of the network" if name == "width" else "tensors of the network"
    case = points[0].case
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=what,
        ylabel="milliseconds",
        title=f"perceptrons of growing {name}; batch {case.batch}, {case.channels} channels",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
