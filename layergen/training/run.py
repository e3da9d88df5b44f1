"""RUN: the folder with everything to go on training, or to predict. Reading it runs no code."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from layergen.nn.metanet import Metanet
from layergen.training.configuration import Configuration
from layergen.training.tasks import Task, task_of_dict
from layergen.whole_files import replacing
from symmetry.language.errors import SpecificationError
from symmetry.space.specification import parse
from symmetry.space.weight_space import WeightSpace

__all__ = ["Run", "write_table", "write_text"]


@dataclass(frozen=True, slots=True)
class Run:
    """A training run in a folder.

    - `configuration.json`: what was asked for
    - `task.json`: what is learned, with the statistics of the labels
    - `specification.toml`: the weight space of the networks
    - `split.csv`: the networks that were trained on, and those that chose the best epoch
    - `metanet.safetensors`: the network of the best epoch, with the statistics of the inputs
    - `checkpoint.pt`: what is needed to go on: weights, optimiser, random numbers, epoch
    - `log.csv`: losses and scores by epoch
    - `metrics.json`: the scores of the best epoch
    - `predictions.csv`, `predictions.png`: predictions of the validation set beside its labels

    Parameters
    ----------
    folder
        The folder.

    Examples
    --------
    >>> Run("nowhere").configuration
    Traceback (most recent call last):
    ...
    symmetry.language.errors.SpecificationError: nowhere: there is no training run
    give a folder that `layergen train` has written
    """

    folder: Path

    def __init__(self, folder: str | Path) -> None:
        object.__setattr__(self, "folder", Path(folder))

    @property
    def configuration(self) -> Configuration:
        """What the run was asked to do."""
        try:
            return Configuration.of_json(self.read("configuration.json"))
        except SpecificationError as error:
            raise error.located(place=str(self.folder)) from None

    @property
    def task(self) -> Task:
        """What is learned."""
        return task_of_dict(json.loads(self.read("task.json")))

    @property
    def space(self) -> WeightSpace:
        """The weight space of the networks."""
        return parse(self.read("specification.toml"))

    @property
    def metrics(self) -> dict[str, float | None]:
        """The losses and scores of the best epoch, None where a score is not finite."""
        found: dict[str, float | None] = json.loads(self.read("metrics.json"))
        return found

    def metanet(self, *, device: torch.device | str | None = None, **given: Any) -> Metanet:
        """The network of the best epoch.

        Parameters
        ----------
        device
            The device of the parameters; the processor if None.
        **given
            What is code and not in the folder, as `layergen.nn.Metanet.load` takes it: `probes` where the run has some.

        Returns
        -------
        Metanet
            The network.
        """
        return Metanet.load(self.folder / "metanet.safetensors", device=device, **given)

    @property
    def checkpoint(self) -> dict[str, Any] | None:
        """What is needed to go on; None before the end of the first epoch.

        Raises
        ------
        SpecificationError
            If the file is damaged.
        """
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return None
        try:
            found: dict[str, Any] = torch.load(path, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0]
            raise SpecificationError(f"cannot be read: {reason}", place=str(path), remedy="start anew") from None
        return found

    def write_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write what is needed to go on, whole or not at all.

        Parameters
        ----------
        state
            Tensors and plain values by name.
        """
        with replacing(self.folder / "checkpoint.pt") as unfinished:
            torch.save(dict(state), unfinished)

    def read(self, name: str) -> str:
        """The text of a file of the run.

        Parameters
        ----------
        name
            The name of the file.

        Returns
        -------
        str
            Its text.

        Raises
        ------
        SpecificationError
            If there is no such file.
        """
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError:
            remedy = "give a folder that `layergen train` has written"
            fault = (
                f"there is no {name}" if (self.folder / "configuration.json").exists() else "there is no training run"
            )
            raise SpecificationError(fault, place=str(self.folder), remedy=remedy) from None


def write_text(path: Path, text: str) -> None:
    """Write a file of text, whole or not at all."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a CSV file with a header, whole or not at all."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
