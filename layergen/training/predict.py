"""Predictions of a trained run for networks of any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from layergen.data.zoo import Zoo
from layergen.nn.probes import Probes
from layergen.training.processes import joined
from layergen.training.run import Run
from layergen.training.trainer import predicted_outputs

__all__ = ["predict"]


def predict(
    run: Run | str | Path,
    zoo: Zoo,
    *,
    probes: Probes | None = None,
    device: torch.device | str | None = None,
) -> list[Any]:
    """Predict the label that a run has learned to predict.

    Parameters
    ----------
    run
        A training run, or its folder.
    zoo
        The networks, of the run's weight space at any sizes.
    probes
        The run's probes, made as they were made for training; their inputs are those that were learned.
    device
        Where to compute; by default a GPU where there is one, else the processor.

    Returns
    -------
    list
        A label for each network of the zoo: a number, or a class.

    Raises
    ------
    SpecificationError
        If the run's folder cannot be read.
    ValueError
        If the run has probes and none are given, or the other way round.

    Examples
    --------
    >>> predict("nowhere", None)
    Traceback (most recent call last):
    ...
    symmetry.language.errors.SpecificationError: nowhere: there is no training run
    give a folder that `layergen train` has written
    """
    run = run if isinstance(run, Run) else Run(run)
    configuration, task = run.configuration, run.task
    with joined(device) as processes:
        metanet = run.metanet(device=processes.device, **({} if probes is None else {"probes": probes}))
        outputs = predicted_outputs(metanet, zoo, np.arange(len(zoo)), processes, configuration)
    predicted: list[Any] = task.predicted(outputs).tolist()
    return predicted
