"""`layergen train`: a metanetwork trained on a folder of networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import Progress

from layergen.cli.console import facts, make_console
from layergen.cli.parameters import Spec
from layergen.cli.zoos import (
    Device,
    Dtype,
    Inputs,
    ProbesOf,
    SkipBad,
    ZooFolder,
    answering,
    bars,
    check_device,
    is_first,
    labels_from,
    open_zoo,
    packaged,
    probes_of,
)
from symmetry.language.errors import SpecificationError
from symmetry.space.specification import load

if TYPE_CHECKING:
    from layergen.training import Report, Run

__all__ = ["train"]

Target = Annotated[
    str, typer.Option("--target", metavar="COLUMN", help="The label that is predicted.", show_default=False)
]
RunFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="RUN", help="The folder that is made.", show_default=False)
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="FILE.csv",
        help="A CSV, parquet or JSON file with a column 'file'; by default ZOO/labels.csv, ZOO/labels.parquet, or "
        "what is beside packed networks.",
        show_default=False,
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        "--label-pattern",
        metavar="REGEX",
        help="Labels from the names of files: named groups, as in 'digit(?P<digit>[0-9])'.",
        show_default=False,
    ),
]
Task = Annotated[
    Literal["auto", "regression", "classification", "ranking"],
    typer.Option("--task", help="What is learned; auto goes by the type of the label."),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, metavar="N", help="How often all networks are gone through.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, metavar="N", help="Networks in a step.")]
Rate = Annotated[float, typer.Option("--learning-rate", metavar="RATE", help="The largest step of AdamW.")]
Decay = Annotated[float, typer.Option("--weight-decay", metavar="RATE", help="The decay of AdamW.")]
Validation = Annotated[float, typer.Option("--validation", metavar="SHARE", help="The share that is not trained on.")]
Patience = Annotated[
    int | None,
    typer.Option("--patience", min=1, metavar="N", help="End after N epochs without a better one.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The seed of everything that is random.")]
Hidden = Annotated[int, typer.Option("--hidden", min=1, metavar="N", help="Channels of the metanetwork.")]
Layers = Annotated[int, typer.Option("--layers", min=0, metavar="N", help="Residual blocks of the metanetwork.")]
Dropout = Annotated[float, typer.Option("--dropout", min=0, max=1, metavar="P", help="Dropout of the metanetwork.")]
Count = Annotated[int, typer.Option("--probe-count", min=1, metavar="N", help="With --probes, how many.")]
Workers = Annotated[int, typer.Option("--workers", min=0, metavar="N", help="Processes that read networks ahead.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in RUN, if there is one.")]
Board = Annotated[bool, typer.Option("--tensorboard", help="Write the log for TensorBoard too.")]


def train(
    spec: Spec,
    zoo: ZooFolder,
    target: Target,
    output: RunFolder,
    labels: Labels = None,
    label_pattern: Pattern = None,
    task: Task = "auto",
    epochs: Epochs = 50,
    batch_size: BatchSize = 32,
    learning_rate: Rate = 3e-3,
    weight_decay: Decay = 0.01,
    validation: Validation = 0.2,
    patience: Patience = None,
    seed: Seed = 0,
    hidden: Hidden = 32,
    layers: Layers = 2,
    dropout: Dropout = 0.0,
    probes: ProbesOf = None,
    inputs: Inputs = None,
    probe_count: Count = 16,
    workers: Workers = 0,
    dtype: Dtype = None,
    device: Device = None,
    skip_bad: SkipBad = False,
    resume: Resume = False,
    tensorboard: Board = False,
) -> None:
    """Train a metanetwork on a folder of networks.

    RUN holds all that is needed to predict or to go on. Started by `torchrun`, processes share the work.
    """
    space, chosen = load(spec), labels_from(label_pattern, labels)
    check_device(device)
    if output.exists() and not resume:
        raise SpecificationError("is there already", place=str(output), remedy="give --resume, or another folder")
    with packaged():
        from layergen.training import Configuration
        from layergen.training import train as trained

    configuration = Configuration(
        target=target,
        task=task,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        validation=validation,
        patience=patience,
        seed=seed,
        workers=workers,
        metanet={"hidden": hidden, "layers": layers, "dropout": dropout},
    )
    found = probes_of(probes, inputs, space, probe_count)
    with bars() as progress, packaged(), answering(output):
        networks = open_zoo(zoo, space, progress, labels=chosen, require=[target], skip_bad=skip_bad, dtype=dtype)
        run = trained(
            networks,
            configuration,
            output,
            probes=found,
            resume=resume,
            device=device,
            tensorboard=tensorboard,
            report=shown(progress),
        )
    if is_first():
        make_console().print(facts(summary(run, len(networks))))


def shown(progress: Progress) -> Report:
    """A report that moves a bar, step by step, and writes the losses beside it."""
    from layergen.training import Report

    task = progress.add_task("training", total=None)

    def epoch(row: dict[str, Any]) -> None:
        progress.update(task, description=f"training, validation loss {row['validation_loss']:.4g}")

    return Report(
        begun=lambda steps, taken: progress.update(task, total=steps, completed=taken),
        stepped=lambda: progress.advance(task),
        epoch=epoch,
    )


def summary(run: Run, networks: int) -> dict[str, str]:
    """The scores of the best epoch, and where the run is."""
    scores = {name: value for name, value in run.metrics.items() if name not in ("learning_rate", "seconds", "epoch")}
    texts = {name.replace("_", " "): "–" if value is None else f"{value:.4f}" for name, value in scores.items()}
    return {"networks": str(networks), "best epoch": str(run.metrics["epoch"]), **texts, "wrote": str(run.folder)}
