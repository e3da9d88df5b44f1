"""Training a metanetwork on a zoo, in one process or in many, so that it can be stopped at any time and go on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from layergen.data.zoo import Zoo
from layergen.nn.probes import Probes
from layergen.training.configuration import Configuration
from layergen.training.figures import save_figure
from layergen.training.preparing import Lesson, begin, check_folder, fit, lesson_of, new_metanet
from layergen.training.processes import Processes, joined
from layergen.training.run import Run, write_table, write_text
from layergen.training.trainer import SILENT, Report, Row, Trainer, predicted_outputs

__all__ = ["train"]


def train(
    zoo: Zoo,
    configuration: Configuration,
    output: str | Path,
    *,
    probes: Probes | None = None,
    resume: bool = False,
    device: torch.device | str | None = None,
    tensorboard: bool = False,
    report: Report = SILENT,
) -> Run:
    """Train a metanetwork to predict a label of networks from their weights.

    Started by `torchrun`, each process has a share of every batch, and the result is that of one process up to
    rounding. A run that was stopped, killed included, goes on with `resume` and gives what it would have given.

    Parameters
    ----------
    zoo
        The networks, of one weight space at any sizes, with labels.
    configuration
        What is asked for.
    output
        The folder of the run, which is made.
    probes
        Inputs on which the networks are run (`layergen.nn.Probes`).
    resume
        Whether a run that was begun in `output` goes on. Where there is none it begins.
    device
        Where to compute; by default a GPU where there is one, in mixed precision, else the processor.
    tensorboard
        Whether the log is also written for TensorBoard.
    report
        Who is told of the progress.

    Returns
    -------
    Run
        The run, with the network of the best epoch.

    Raises
    ------
    SpecificationError
        If the zoo does not give what is asked for, or if there is another run in `output`.
    FloatingPointError
        If the loss is not finite.
    ImportError
        If packages that training needs are not installed.

    Examples
    --------
    >>> import tempfile, symmetry
    >>> folder = tempfile.TemporaryDirectory()
    >>> for number in range(10):
    ...     torch.save({"b": torch.full((3,), float(number))}, f"{folder.name}/{number}.pt")
    >>> _ = Path(folder.name, "labels.csv").write_text("file,y\\n" + "".join(f"{n}.pt,{n}.5\\n" for n in range(10)))
    >>> zoo = Zoo(folder.name, space=symmetry.WeightSpace({"b": "h"}, sets={"h": 3}))
    >>> run = train(zoo, Configuration("y", epochs=2, metanet={"hidden": 4}), f"{folder.name}/run")
    >>> sorted(run.metrics)
    ['epoch', 'learning_rate', 'r2', 'seconds', 'tau', 'training_loss', 'validation_loss']
    >>> folder.cleanup()
    """
    check_installed("safetensors", "scipy", *["tensorboard"] * tensorboard)
    run = Run(output)
    with joined(device) as processes, torch.random.fork_rng():
        lesson = lesson_of(zoo, configuration)
        check_folder(run, lesson, configuration, resume=resume)
        torch.manual_seed(configuration.seed)
        metanet = new_metanet(lesson, configuration, probes).to(processes.device)
        if (checkpoint := run.checkpoint) is None:
            fit(metanet, lesson, configuration, processes)
        processes.wait()  # all have looked into the folder before it changes
        if processes.first:
            begin(run, lesson, configuration)
        trainer = Trainer(run, lesson, configuration, processes, metanet, report)
        if checkpoint is not None:
            trainer.go_on_from(checkpoint)
        if tensorboard and processes.first:
            trainer.listeners.append(boarded(run.folder))
        trainer.train()
        best = trainer.progress.rows[trainer.progress.best_epoch]
        finish(run, lesson, configuration, processes, best, {} if probes is None else {"probes": probes})
    return run


def check_installed(*names: str) -> None:
    """Raise `ImportError` for packages that are not installed, before there is a folder that waits for them."""
    if missing := [name for name in names if find_spec(name) is None]:
        raise ImportError(f"training needs the packages {', '.join(missing)}: pip install 'layergen[train]'")


def finish(
    run: Run, lesson: Lesson, configuration: Configuration, processes: Processes, best: Row, given: Mapping[str, Any]
) -> None:
    """Write the scores of the best epoch, the predictions of the validation set, and their figure."""
    processes.wait()
    metanet = run.metanet(device=processes.device, **given)
    outputs = predicted_outputs(metanet, lesson.zoo, lesson.validated, processes, configuration)
    if not processes.first:
        return
    finite = {name: value if math.isfinite(value) else None for name, value in best.items()}
    write_text(run.folder / "metrics.json", json.dumps(finite, indent=2) + "\n")
    labels = lesson.zoo.labels[configuration.target].to_list()  # type: ignore[index]
    true, predicted = [labels[n] for n in lesson.validated], lesson.task.predicted(outputs)
    names = [lesson.zoo.names[n] for n in lesson.validated]
    rows = [{"file": f, "true": t, "predicted": p} for f, t, p in zip(names, true, predicted.tolist(), strict=True)]
    write_table(run.folder / "predictions.csv", rows)
    save_figure(run.folder / "predictions.png", lesson.task, true, predicted.tolist(), configuration.target)


def boarded(folder: Path) -> Callable[[Row], object]:
    """A function that writes rows of the log for TensorBoard."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder / "tensorboard")

    def write(row: Row) -> None:
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(name, value, int(row["epoch"]))
        writer.flush()

    return write
