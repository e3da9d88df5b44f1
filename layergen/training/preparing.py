"""What is settled before the first step: the task, the split, the network, and the folder of the run."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from layergen.data.batch import Batch
from layergen.data.batches import Batches
from layergen.data.faults import ZooError
from layergen.data.listing import check_columns, unlabelled
from layergen.data.zoo import Zoo
from layergen.nn.metanet import Metanet
from layergen.nn.probes import Probes
from layergen.training.configuration import Configuration
from layergen.training.processes import Processes
from layergen.training.run import Run, write_table, write_text
from layergen.training.tasks import Task, task_of
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["Lesson", "begin", "check_folder", "fit", "lesson_of", "loader_of", "moved", "new_metanet"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned, and from which networks.

    Parameters
    ----------
    zoo
        The networks.
    space
        Their weight space.
    task
        What is learned.
    targets
        The targets, one for each network of the zoo.
    trained, validated
        The numbers of the networks that are trained on, and of those that choose the best epoch.
    """

    zoo: Zoo
    space: WeightSpace
    task: Task
    targets: torch.Tensor
    trained: NDArray[np.int64]
    validated: NDArray[np.int64]


def lesson_of(zoo: Zoo, configuration: Configuration) -> Lesson:
    """The lesson that a configuration asks for. Raises `SpecificationError` where a zoo cannot give it."""
    if len(zoo.spaces) != 1:
        raise SpecificationError(
            f"the zoo has {len(zoo.spaces)} weight spaces", remedy="a metanetwork reads one: Zoo(…, space=space)"
        )
    target = configuration.target
    check_columns(zoo.labels, [target])
    if faults := list(unlabelled(zoo.listing, [target])):
        raise ZooError(str(zoo.path), faults, len(zoo), f"leave them out: Zoo(…, require=[{target!r}], skip_bad=True)")
    order = np.random.default_rng([configuration.seed, 1]).permutation(len(zoo))
    held = min(max(1, round(configuration.validation * len(zoo))), len(zoo) - 1)
    if held < 1:
        raise SpecificationError("there is one network only", place=str(zoo.path), remedy="give two or more")
    trained, validated = np.sort(order[held:]), np.sort(order[:held])
    labels = zoo.labels[target]  # type: ignore[index]
    task = task_of(configuration.task, labels, trained)
    return Lesson(zoo, zoo.spaces[0], task, task.targets(labels), trained, validated)


def split_of(lesson: Lesson) -> list[dict[str, str]]:
    """The part of each network, training or validation, as the rows of `split.csv`."""
    parts = dict.fromkeys(lesson.trained.tolist(), "training") | dict.fromkeys(lesson.validated.tolist(), "validation")
    return [{"file": lesson.zoo.names[number], "part": parts[number]} for number in sorted(parts)]


def check_folder(run: Run, lesson: Lesson, configuration: Configuration, *, resume: bool) -> None:
    """Raise `SpecificationError` if a run cannot begin in a folder, or is another than the one that was begun there."""
    if not resume and run.folder.exists():
        remedy = "give --resume to go on, or another folder"
        raise SpecificationError("is there already", place=str(run.folder), remedy=remedy)
    if not (run.folder / "split.csv").exists():
        return
    begun, asked = asdict(run.configuration), asdict(configuration)
    if changed := [f"{name}={begun[name]!r}, not {asked[name]!r}" for name in begun if begun[name] != asked[name]]:
        remedy = "give the same options to go on, or another folder to begin anew"
        raise SpecificationError(f"was begun with {', '.join(changed)}", place=str(run.folder), remedy=remedy)
    with (run.folder / "split.csv").open(newline="", encoding="utf-8") as file:
        begun_with = list(csv.DictReader(file))
    if begun_with != split_of(lesson):
        remedy = "give the same networks to go on, or another folder to begin anew"
        raise SpecificationError("was begun with other networks", place=str(run.folder), remedy=remedy)


def begin(run: Run, lesson: Lesson, configuration: Configuration) -> None:
    """Make the folder of a run, with what is known before the first step."""
    run.folder.mkdir(parents=True, exist_ok=True)
    for left in run.folder.glob(".*.unfinished"):  # by a process that was killed while it wrote
        left.unlink()
    write_text(run.folder / "configuration.json", configuration.to_json())
    write_text(run.folder / "specification.toml", str(lesson.space))
    write_text(run.folder / "task.json", json.dumps(lesson.task.to_dict()) + "\n")
    write_table(run.folder / "split.csv", split_of(lesson))


def new_metanet(lesson: Lesson, configuration: Configuration, probes: Probes | None) -> Metanet:
    """The network as it is before the first step."""
    options: Mapping[str, Any] = configuration.metanet
    try:
        return Metanet(lesson.space, out_features=lesson.task.outputs, probes=probes, **options)
    except TypeError as error:
        raise SpecificationError(f"options of the metanetwork: {error}") from None


def fit(metanet: Metanet, lesson: Lesson, configuration: Configuration, processes: Processes) -> None:
    """Standardise a network's inputs by the training set, of which each process reads a part."""
    own = lesson.trained[processes.rank :: processes.count]
    loader = loader_of(lesson.zoo, lesson.zoo.batches(4 * configuration.batch_size, numbers=own), configuration.workers)
    metanet.fit((moved(batch, processes.device).features for batch in loader), group=processes.group)


def loader_of(zoo: Zoo, batches: Batches, workers: int = 0) -> DataLoader[Batch]:
    """A loader of batches. It draws no random numbers of the process that it is in."""
    return DataLoader(
        zoo,  # type: ignore[arg-type]
        batch_sampler=batches,
        collate_fn=zoo.collate,
        num_workers=workers,
        generator=torch.Generator(),
    )


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch with its features, in the type of parameters, on a device."""
    dtype = torch.get_default_dtype()
    return batch._replace(features={name: x.to(device, dtype) for name, x in batch.features.items()})
