"""What is learned of the networks: a number, a class, or an order."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    from polars import Series

__all__ = ["Classification", "Ranking", "Regression", "Task", "task_of", "task_of_dict"]


@dataclass(frozen=True, slots=True)
class Task(ABC):
    """How labels become targets, how outputs are judged, and what they predict."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def outputs(self) -> int:
        """The number of outputs of a network."""

    @abstractmethod
    def targets(self, labels: Series) -> Tensor:
        """Targets of labels, `(network,)`."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch, the mean over networks, of outputs `(batch, outputs)` and targets `(batch,)`."""

    @abstractmethod
    def predicted(self, outputs: Tensor) -> NDArray[Any]:
        """What outputs `(network, outputs)` predict: a label for each network."""

    @abstractmethod
    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """How good predictions are, by the name of the score; more is better."""

    def to_dict(self) -> dict[str, Any]:
        """The task as plain values, with its name."""
        return {"task": self.name, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Regression(Task):
    """A number is predicted, by squared error; R² and Kendall's τ are reported.

    Parameters
    ----------
    mean, deviation
        Of the training set's labels, which are standardised by them.
    """

    mean: float
    deviation: float
    name: ClassVar[str] = "regression"

    @property
    def outputs(self) -> int:
        return 1

    def targets(self, labels: Series) -> Tensor:
        return (numbers(labels) - self.mean) / self.deviation

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.mse_loss(outputs[:, 0], targets)

    def predicted(self, outputs: Tensor) -> NDArray[Any]:
        return outputs[:, 0].double().numpy() * self.deviation + self.mean

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        spread = (targets - targets.mean()).square().sum()
        r2 = 1 - (outputs[:, 0] - targets).square().sum() / spread if spread else torch.tensor(torch.nan)
        return {"r2": float(r2), "tau": kendall(outputs, targets)}


@dataclass(frozen=True, slots=True)
class Classification(Task):
    """A class is predicted, by cross entropy; the accuracy is reported.

    Parameters
    ----------
    classes
        The labels that there are, in order.
    """

    classes: tuple[Any, ...]
    name: ClassVar[str] = "classification"

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def targets(self, labels: Series) -> Tensor:
        places = {value: place for place, value in enumerate(self.classes)}
        return torch.tensor([places[value] for value in labels.to_list()], dtype=torch.int64)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, targets)

    def predicted(self, outputs: Tensor) -> NDArray[Any]:
        return np.array(self.classes)[outputs.argmax(1).numpy()]

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        return {"accuracy": float((outputs.argmax(1) == targets).double().mean())}


@dataclass(frozen=True, slots=True)
class Ranking(Task):
    """An order is predicted: of each two networks of a batch, which has the larger label. Kendall's τ is reported.

    The loss is logistic in the difference of the two outputs: Burges et al. (2005), "Learning to Rank using Gradient
    Descent", ICML, eq. 3. What is predicted of a network is its output, which has no unit.
    """

    name: ClassVar[str] = "ranking"

    @property
    def outputs(self) -> int:
        return 1

    def targets(self, labels: Series) -> Tensor:
        return numbers(labels)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        apart = outputs[:, 0, None] - outputs[None, :, 0]
        larger = (targets[:, None] > targets[None]).to(outputs.dtype)
        return (functional.softplus(-apart) * larger).sum() / larger.sum().clamp_min(1)

    def predicted(self, outputs: Tensor) -> NDArray[Any]:
        return outputs[:, 0].double().numpy()

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        return {"tau": kendall(outputs, targets)}


TASKS: dict[str, Any] = {task.name: task for task in (Regression, Classification, Ranking)}


def task_of(name: str, labels: Series, trained: Sequence[int] | NDArray[np.int64]) -> Task:
    """The task that labels pose.

    Parameters
    ----------
    name
        The name of the task, or "auto" for the one that goes with the type of the labels.
    labels
        The labels of all networks.
    trained
        The numbers of the networks of the training set.

    Returns
    -------
    Task
        The task, with the statistics of the training set's labels.

    Raises
    ------
    SpecificationError
        If the task needs numbers and the labels are none, or if there is one class only.
    """
    kind = labels.dtype
    if name == "auto":
        repeated = kind.is_integer() and 2 * labels.n_unique() <= len(labels)
        name = "regression" if kind.is_numeric() and not repeated else "classification"
    if name == "classification":
        classes = tuple(sorted(labels.unique().to_list()))
        if len(classes) < 2:
            raise SpecificationError(
                f"all labels {labels.name!r} are {classes[0]!r}", remedy="there is nothing to learn"
            )
        return Classification(classes)
    if not (kind.is_numeric() or str(kind) == "Boolean"):
        remedy = "--task classification is for labels of any type"
        raise SpecificationError(f"the labels {labels.name!r} are of type {kind}, no numbers to {name}", remedy=remedy)
    if name == "ranking":
        return Ranking()
    seen = numbers(labels)[torch.as_tensor(np.asarray(trained))].double()
    return Regression(float(seen.mean()), float(seen.std(correction=0)) or 1.0)


def task_of_dict(found: Mapping[str, Any]) -> Task:
    """The task that `Task.to_dict` has put into plain values."""
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items() if key != "task"}
    task: Task = TASKS[found["task"]](**options)
    return task


def numbers(labels: Series) -> Tensor:
    """Labels as numbers in single precision."""
    return torch.from_numpy(labels.to_numpy().astype(np.float32))


def kendall(outputs: Tensor, targets: Tensor) -> float:
    """Kendall's τ-b between outputs and targets; not a number where one of them is constant."""
    from scipy.stats import kendalltau

    if len(targets) < 2:
        return math.nan
    return float(kendalltau(outputs[:, 0].double().numpy(), targets.double().numpy()).statistic)
