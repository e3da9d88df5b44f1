"""The demonstration's pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from demo.predictors import Learner, Row

__all__ = ["save_curves", "save_scatter"]

COLOURS = {
    "metanetwork": "#2a6f97",
    "statistics + boosting": "#e09f3e",
    "flat perceptron": "#9e2a2b",
    "outputs at learned images alone": "#7a7a7a",
    "metanetwork with probes": "#3a7d44",
}


def save_scatter(
    path: Path,
    true: NDArray[np.float64],
    predictions: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    rows: Mapping[str, Row],
) -> None:
    """Predicted against true accuracy: a column a predictor, held-out networks above, the same permuted below."""
    figure = Figure(figsize=(3.6 * len(predictions), 7.4), layout="constrained")
    axes = figure.subplots(2, len(predictions), sharex=True, sharey=True)
    for column, (label, pair) in enumerate(predictions.items()):
        results = (rows[label].plain, rows[label].moved)
        for row, (predicted, result) in enumerate(zip(pair, results, strict=True)):
            panel = axes[row, column]
            panel.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, zorder=0)
            panel.scatter(true, predicted, s=11, alpha=0.65, color=COLOURS[label], edgecolors="none")
            title = label if row == 0 else "the same networks, neurons permuted"
            panel.set_title(f"{title}\nτ = {result.tau:.3f}, R² = {result.r2:.3f}", fontsize=10)
            panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
            panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("true test accuracy")
    figure.supylabel("predicted test accuracy")
    figure.savefig(path, dpi=150)


def save_curves(path: Path, learners: Mapping[str, Learner]) -> None:
    """Validation R² of each trained network, mean over the targets, an epoch a point."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for label, learner in learners.items():
        epochs = np.arange(1, len(learner.history) + 1) / len(learner.history)
        axes.plot(epochs, learner.history, label=label, color=COLOURS[label])
    axes.set(xlabel="share of the training done", ylabel="R² on validation networks", ylim=(-0.2, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
