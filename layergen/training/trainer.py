"""The steps of a training run, and the checkpoints from which they go on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen.data.batches import Batches
from layergen.data.zoo import Zoo
from layergen.nn.metanet import Metanet
from layergen.training.configuration import Configuration
from layergen.training.preparing import Lesson, loader_of, moved
from layergen.training.processes import Processes
from layergen.training.run import Run, write_table

__all__ = ["SILENT", "Report", "Row", "Trainer", "predicted_outputs"]

WARM_UP = 0.05
"""The share of the steps in which the learning rate grows to its largest value."""
Row = dict[str, float]
"""What is known of an epoch: losses, scores, learning rate, seconds."""


@dataclass(frozen=True, slots=True)
class Report:
    """Who is told of a run's progress.

    Parameters
    ----------
    begun
        Called once, with the number of steps of the run and of those that were taken before.
    stepped
        Called after each step.
    epoch
        Called after each epoch, with its row of the log.

    Examples
    --------
    >>> Report(epoch=lambda row: None).begun(10, 0)
    """

    begun: Callable[[int, int], object] = lambda steps, taken: None
    stepped: Callable[[], object] = lambda: None
    epoch: Callable[[Row], object] = lambda row: None


SILENT = Report()
"""Nobody is told."""


@dataclass(slots=True)
class Progress:
    """How far a run is: the next epoch and its next step, the losses of the steps before, and the log."""

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    best: float = math.inf
    best_epoch: int = -1
    rows: list[Row] = field(default_factory=list)


class Trainer:
    """The network, its optimiser and how far they are; `train` takes the steps that are left."""

    def __init__(
        self,
        run: Run,
        lesson: Lesson,
        configuration: Configuration,
        processes: Processes,
        metanet: Metanet,
        report: Report,
    ) -> None:
        self.run, self.lesson, self.configuration, self.processes = run, lesson, configuration, processes
        self.metanet, self.report, self.progress = metanet, report, Progress()
        self.listeners: list[Callable[[Row], object]] = [report.epoch]
        self.parallel = processes.parallel(metanet)
        self.optimiser = torch.optim.AdamW(
            metanet.parameters(), lr=configuration.learning_rate, weight_decay=configuration.weight_decay
        )
        self.batches = lesson.zoo.batches(
            configuration.batch_size,
            numbers=lesson.trained,
            shuffle=True,
            seed=configuration.seed,
            replicas=processes.count,
            rank=processes.rank,
        )
        torch.manual_seed(configuration.seed + processes.rank)  # each process drops other entries

    def train(self) -> None:
        """Take the steps that are left."""
        progress, patience = self.progress, self.configuration.patience
        self.report.begun(self.steps, progress.epoch * len(self.batches) + progress.step)
        while progress.epoch < self.configuration.epochs:
            if patience is not None and progress.epoch - 1 - progress.best_epoch >= patience:
                break
            self.epoch()

    @property
    def steps(self) -> int:
        """The number of steps of the whole run."""
        return self.configuration.epochs * len(self.batches)

    def epoch(self) -> None:
        """Take the steps that are left of an epoch, and judge the network."""
        progress, start = self.progress, time.perf_counter()
        self.batches.set_epoch(progress.epoch)
        self.batches.start = progress.step
        loader = loader_of(self.lesson.zoo, self.batches, self.configuration.workers)
        self.metanet.train()
        for batch, whole in zip(loader, self.batches.whole(), strict=True):
            progress.losses.append(self.step(moved(batch, self.processes.device).features, whole))
            progress.step += 1
            self.report.stepped()
            if progress.step % self.configuration.checkpoint_steps == 0 and progress.step < len(self.batches):
                self.write()
        self.judge(time.perf_counter() - start)
        self.write()

    def step(self, x: dict[str, Tensor], whole: NDArray[np.int64]) -> float:
        """Take a step on a batch of which this process has the features `x` of its share; the loss of the batch."""
        taken = self.progress.epoch * len(self.batches) + self.progress.step
        for group in self.optimiser.param_groups:
            group["lr"] = self.configuration.learning_rate * pace(taken, self.steps)
        outputs = self.processes.together(outputs_of(self.parallel, x), len(whole))
        loss = self.lesson.task.loss(outputs, self.lesson.targets[whole].to(outputs.device))
        self.optimiser.zero_grad()
        # Gradients are averaged over the processes, and each has those of its own share of the batch.
        (loss * self.processes.count).backward()
        self.optimiser.step()
        return self.finite(float(loss.detach()))

    def finite(self, loss: float) -> float:
        """The loss. Raises `FloatingPointError` where it is not finite."""
        if not math.isfinite(loss):
            rate = self.configuration.learning_rate
            raise FloatingPointError(f"the loss is {loss} in epoch {self.progress.epoch}: learn slower than {rate}")
        return loss

    def judge(self, seconds: float) -> None:
        """Judge the network at the end of an epoch, and keep it where it is the best."""
        lesson, progress = self.lesson, self.progress
        outputs = predicted_outputs(self.metanet, lesson.zoo, lesson.validated, self.processes, self.configuration)
        targets = lesson.targets[lesson.validated]
        loss = self.finite(float(lesson.task.loss(outputs, targets)))
        row = {
            "epoch": progress.epoch,
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            "training_loss": math.fsum(progress.losses) / len(progress.losses),
            "validation_loss": loss,
            **lesson.task.scores(outputs, targets),
            "seconds": round(seconds, 3),
        }
        progress.rows.append(row)
        if loss < progress.best:
            progress.best, progress.best_epoch = loss, progress.epoch
            if self.processes.first:
                self.metanet.save(self.run.folder / "metanet.safetensors")
        progress.epoch, progress.step, progress.losses = progress.epoch + 1, 0, []
        for listener in self.listeners:
            listener(row)

    def write(self) -> None:
        """Write the checkpoint and the log."""
        states = self.processes.gathered(random_state(self.processes.device))
        if not self.processes.first:
            return
        progress = {name: getattr(self.progress, name) for name in Progress.__slots__}
        state = {"metanet": self.metanet.state_dict(), "optimiser": self.optimiser.state_dict()}
        self.run.write_checkpoint({**state, "progress": progress, "random": states})
        if self.progress.rows:
            write_table(self.run.folder / "log.csv", self.progress.rows)

    def go_on_from(self, found: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint."""
        self.metanet.load_state_dict(found["metanet"])
        self.optimiser.load_state_dict(found["optimiser"])
        self.progress = Progress(**found["progress"])
        if self.processes.rank < len(found["random"]):
            restore_random_state(found["random"][self.processes.rank], self.processes.device)


def pace(taken: int, steps: int) -> float:
    """The share of the largest learning rate for the step after `taken` of `steps`: a line up, then half a cosine."""
    return min(1.0, (taken + 1) / max(1.0, WARM_UP * steps)) * (1 + math.cos(math.pi * taken / steps)) / 2


def outputs_of(network: nn.Module, x: dict[str, Tensor]) -> Tensor:
    """Outputs in single precision; on a GPU they are computed in mixed precision."""
    device = next(iter(x.values())).device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        found: Tensor = network(x)
    return found.float()


@torch.no_grad()
def predicted_outputs(
    metanet: nn.Module, zoo: Zoo, numbers: NDArray[np.int64], processes: Processes, configuration: Configuration
) -> Tensor:
    """The outputs for some networks `(network, outputs)`, in the order of `numbers`, in every process."""
    size, rank = configuration.batch_size, processes.rank
    batches: Batches = zoo.batches(size, numbers=numbers, replicas=processes.count, rank=rank)
    loader = loader_of(zoo, batches, configuration.workers)
    metanet.eval()
    parts, seen = list[Tensor](), list[NDArray[np.int64]]()
    for batch, whole in zip(loader, batches.whole(), strict=True):
        own = outputs_of(metanet, moved(batch, processes.device).features)
        parts.append(processes.together(own, len(whole)).cpu())
        seen.append(whole)
    places = np.argsort(np.concatenate(seen))  # buckets are one after the other; `numbers` are in order
    return torch.cat(parts)[torch.from_numpy(places)]


def random_state(device: torch.device) -> list[Tensor]:
    """The states of this process's random number generators, of the processor and of its GPU."""
    states = [torch.get_rng_state()]
    return states if device.type != "cuda" else [*states, torch.cuda.get_rng_state(device)]


def restore_random_state(states: list[Tensor], device: torch.device) -> None:
    """Set the random number generators to what `random_state` gave."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
