"""Figures of predicted against true labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layergen.training.tasks import Classification, Regression, Task
from layergen.whole_files import replacing

__all__ = ["save_figure"]


def save_figure(path: Path, task: Task, true: Sequence[Any], predicted: Sequence[Any], target: str) -> None:
    """Draw predictions of a validation set over its labels: points, or a table of counts for classes.

    Parameters
    ----------
    path
        The PNG file to write.
    task
        What was learned.
    true, predicted
        A label and a prediction for each network.
    target
        The name of the labels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=f"{target}, true", ylabel=f"{target}, predicted")
    if isinstance(task, Classification):
        draw_counts(axes, task.classes, true, predicted)
    else:
        axes.scatter(true, predicted, s=10, alpha=0.6, linewidths=0)
        if isinstance(task, Regression):
            axes.axline((float(true[0]), float(true[0])), slope=1, color="grey", linewidth=0.8, zorder=0)
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=150)


def draw_counts(axes: Any, classes: Sequence[Any], true: Sequence[Any], predicted: Sequence[Any]) -> None:
    """Draw how often each class was predicted for networks of each class."""
    places = {value: place for place, value in enumerate(classes)}
    counts = [[0] * len(classes) for _ in classes]
    for one, other in zip(true, predicted, strict=True):
        counts[places[other]][places[one]] += 1
    axes.imshow(counts, cmap="Blues", origin="lower")
    ticks = range(len(classes))
    axes.set_xticks(ticks, [str(value) for value in classes], rotation=90)
    axes.set_yticks(ticks, [str(value) for value in classes])
