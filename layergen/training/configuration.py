"""What a training run is asked to do, as a value that goes to a file and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from symmetry.language.errors import SpecificationError

__all__ = ["TASKS", "Configuration"]

TASKS = ("auto", "regression", "classification", "ranking")
AT_LEAST = {"epochs": 1, "batch_size": 1, "checkpoint_steps": 1, "patience": 1} | dict.fromkeys(
    ("workers", "seed", "learning_rate", "weight_decay"), 0
)
"""The least that a number may be."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a training run is asked to do.

    Parameters
    ----------
    target
        The column of labels that is predicted.
    task
        "regression", "classification", "ranking", or "auto": classification where labels are text, bools or integers of
        which at least half are repeated, else regression.
    epochs
        How often the training set is gone through.
    batch_size
        The number of networks in a step, over all processes.
    learning_rate
        The largest step of AdamW; steps grow to it over the first twentieth of the run and then fall as a cosine.
    weight_decay
        The decay of AdamW.
    validation
        The share of the networks, from 0 to 1, that choose the best epoch and are not trained on.
    patience
        The number of epochs without a better one after which training ends; None to go on.
    seed
        The seed of the split, of the initial weights, of the order of networks and of dropout.
    checkpoint_steps
        The number of steps after which a checkpoint is written within an epoch; there is one at the end of each.
    workers
        The number of processes that read networks ahead; 0 to read them in the training process.
    metanet
        Options of `layergen.nn.Metanet` that JSON can hold, such as `hidden`, `layers` and `dropout`.

    Raises
    ------
    SpecificationError
        If a number is out of range, or the task has another name.

    Examples
    --------
    >>> configuration = Configuration("accuracy", epochs=20, metanet={"hidden": 16})
    >>> Configuration.of_json(configuration.to_json()) == configuration
    True
    """

    target: str
    task: Literal["auto", "regression", "classification", "ranking"] = "auto"
    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    validation: float = 0.2
    patience: int | None = None
    seed: int = 0
    checkpoint_steps: int = 1000
    workers: int = 0
    metanet: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in AT_LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise SpecificationError(f"{name}={value!r}", remedy=f"give a number, at least {least}")
        if not 0 < self.validation < 1:
            raise SpecificationError(f"validation={self.validation!r}", remedy="give a share between 0 and 1, as 0.2")
        if self.task not in TASKS:
            raise SpecificationError(f"task={self.task!r}", remedy=f"one of {', '.join(TASKS)}")

    def to_json(self) -> str:
        """The configuration as text.

        Returns
        -------
        str
            A JSON object.
        """
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def of_json(cls, text: str) -> Configuration:
        """The configuration that a text holds.

        Parameters
        ----------
        text
            What `to_json` has written.

        Returns
        -------
        Configuration
            The same configuration.

        Raises
        ------
        SpecificationError
            If the text is something else.
        """
        try:
            found = json.loads(text)
            return cls(**{one.name: found[one.name] for one in fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise SpecificationError(f"no configuration of a training run: {error}") from None
