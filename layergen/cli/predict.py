"""`layergen predict`: the labels that a trained metanetwork predicts for a folder of networks."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from layergen.cli.console import facts, make_console
from layergen.cli.files import check_output, write_whole
from layergen.cli.parameters import Output
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
    open_zoo,
    packaged,
    probes_of,
)

__all__ = ["predict"]

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="A folder that `layergen train` has written.", show_default=False)
]
Count = Annotated[int, typer.Option("--probe-count", min=1, metavar="N", help="With --probes, as in training.")]


def predict(
    run: RunFolder,
    zoo: ZooFolder,
    output: Output,
    probes: ProbesOf = None,
    inputs: Inputs = None,
    probe_count: Count = 16,
    dtype: Dtype = None,
    device: Device = None,
    skip_bad: SkipBad = False,
) -> None:
    """Predict the label that a run has learned, for each network of a folder.

    Nothing in RUN is run: where it was trained with --probes, give them again as in training.
    """
    with packaged():
        from layergen.training import Run
        from layergen.training import predict as predicted

    found = Run(run)
    space, target = found.space, found.configuration.target
    check_output(output, (".csv",))
    check_device(device)
    with bars() as progress, packaged(), answering(run):
        networks = open_zoo(zoo, space, progress, dtype=dtype, skip_bad=skip_bad)
        made = probes_of(probes, inputs, space, probe_count)
        labels = predicted(found, networks, probes=made, device=device)
    if is_first():
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["file", target])
        rows.writerows(zip(networks.names, labels, strict=True))
        wrote = write_whole(output, text.getvalue().encode())
        make_console().print(facts({"networks": str(len(networks)), "wrote": wrote}))
