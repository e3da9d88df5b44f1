"""The tasks: networks, what is asked of them, and how answers are judged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.stats import kendalltau
from sklearn.datasets import load_digits
from torch import Tensor, nn

from benchmarks.learning.inrs import FREQUENCY, Siren, fit_inrs, grid, siren_space
from layergen import Features
from symmetry import WeightSpace

__all__ = ["ROOT", "TASKS", "Part", "Score", "Task", "fashion", "fashion_inrs", "fashion_part", "three_parts"]

ROOT = Path(__file__).resolve().parents[2]
FITTED = ROOT / ".cache" / "learning"
FASHION = Path("/usr/share/datasets/fashion-mnist"), ROOT / ".cache" / "fashion-mnist"
"""Where Fashion-MNIST is looked for: where Debian's package `dataset-fashion-mnist` puts it, and the cache."""


@dataclass(frozen=True, slots=True)
class Score:
    """How answers are judged: the name of the score, whether more is better, and the score of answers."""

    name: str
    rises: bool
    of: Callable[[Tensor, Tensor], float]


@dataclass(frozen=True, slots=True)
class Part:
    """Some networks: features `{tensor: (network, *axes, 1)}` and targets `(network, …)`."""

    features: Features
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Tensor | slice) -> Part:
        """Some of the networks."""
        return Part({name: value[rows] for name, value in self.features.items()}, self.targets[rows])


@dataclass(frozen=True, slots=True)
class Task:
    """Networks in three parts, what is asked of them, and the architecture.

    `space` has permutations alone, `signed` the signs of neurons too where the activation is odd. The networks are
    those of `module`, run on inputs like `examples`; they apply `activation` to sums that they multiply by `gain`, None
    where that says nothing. Targets are numbers, standardised, or classes.
    """

    title: str
    train: Part
    validation: Part
    test: Part
    score: Score
    loss: Callable[[Tensor, Tensor], Tensor]
    outputs: int
    space: WeightSpace
    signed: WeightSpace | None
    module: nn.Module
    examples: Tensor
    activation: Callable[[Tensor], Tensor] = torch.relu
    gain: float | None = None


def mean_squared_error(found: Tensor, true: Tensor) -> float:
    """The mean squared error over networks and targets."""
    return float((found - true).square().mean())


def tau(found: Tensor, true: Tensor) -> float:
    """Kendall's τ of one target."""
    return float(kendalltau(found[:, 0].numpy(), true[:, 0].numpy()).statistic)


def r2(found: Tensor, true: Tensor) -> float:
    """The coefficient of determination, mean over the targets."""
    return float((1 - (found - true).square().sum(0) / (true - true.mean(0)).square().sum(0)).mean())


def accuracy(found: Tensor, true: Tensor) -> float:
    """The share of networks whose class has the largest logit."""
    return float((found.argmax(1) == true).double().mean())


ERROR, TAU, R2, ACCURACY = (
    Score("mean squared error", False, mean_squared_error),
    Score("Kendall's τ", True, tau),
    Score("R²", True, r2),
    Score("accuracy", True, accuracy),
)


def sines(networks: int = 2_000, steps: int = 500) -> Task:
    """A: INRs of `a sin(b x)` on [-π, π], a and b uniform from 0 to 10 (Navon et al. 2023); find a and b."""
    drawn = 10 * torch.rand(networks, 2, generator=torch.Generator().manual_seed(0))
    line, widths = torch.linspace(-1, 1, 64)[:, None], (1, 32, 32, 1)
    signals = drawn[:, :1, None] * (drawn[:, 1:, None] * pi * line).sin()
    features = cached(f"sines-{networks}-{steps}", widths, lambda: fit_inrs(line, signals, widths, steps=steps, seed=0))
    targets = (drawn - drawn.mean(0)) / drawn.std(0)
    return inr_task("A: a and b of sine INRs", Part(features, targets), widths, ERROR, line)


def digit_inrs(steps: int = 200) -> Task:
    """C: INRs of scikit-learn's 1,797 digits, 8 × 8 pixels; find the digit."""
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    signals = torch.tensor(bunch.images, dtype=torch.float32).flatten(1)[order, :, None] / 16
    widths, labels = (2, 32, 32, 1), torch.tensor(bunch.target)[order]
    features = cached(f"digits-{steps}", widths, lambda: fit_inrs(grid(8), signals, widths, steps=steps, seed=0))
    return inr_task("C: digits of INRs", Part(features, labels), widths, ACCURACY, grid(8))


def fashion_inrs(networks: int = 5_000, steps: int = 350) -> Task:
    """E: INRs of some pictures of Fashion-MNIST, 28 × 28 pixels; find the piece of clothing."""
    whole = fashion_part("fashion", 0, networks, seed=0, steps=steps)
    return inr_task("E: clothes of INRs", whole, (2, 32, 32, 1), ACCURACY, grid(28))


def fashion_part(name: str, first: int, networks: int, *, seed: int, steps: int = 350) -> Part:
    """INRs of pictures of Fashion-MNIST, from one on in a random order of all; `name` begins that of their file."""
    pictures, labels = fashion(first, networks)
    signals, widths = pictures.flatten(1)[..., None], (2, 32, 32, 1)
    features = cached(
        f"{name}-{networks}-{steps}",
        widths,
        lambda: fit_inrs(grid(28), signals, widths, steps=steps, seed=seed, points=196),
    )
    return Part(features, labels)


def fashion(first: int, count: int) -> tuple[Tensor, Tensor]:
    """Pictures `(picture, 28, 28)`, from 0 to 1, and their classes, from one on in a random order of the 60,000."""
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))[first : first + count]
    pictures, labels = idx("train-images-idx3-ubyte.gz"), idx("train-labels-idx1-ubyte.gz")
    return pictures[order].float() / 255, labels[order].long()


def inr_task(title: str, whole: Part, widths: tuple[int, ...], score: Score, examples: Tensor) -> Task:
    """A task on INRs; an eighth of the networks each for validation and test, in the order given."""
    return task_of_inrs(title, *three_parts(whole), widths, score, examples)


def three_parts(whole: Part, share: int = 8) -> tuple[Part, Part, Part]:
    """To train on, for validation, for test: of `share` networks in order one for validation, one for test."""
    held = len(whole) // share
    return whole.take(slice(2 * held, None)), whole.take(slice(held)), whole.take(slice(held, 2 * held))


def task_of_inrs(
    title: str, train: Part, validation: Part, test: Part, widths: tuple[int, ...], score: Score, examples: Tensor
) -> Task:
    """A task on INRs in three parts; targets are classes where they are whole numbers."""
    classes = not train.targets.is_floating_point()
    return Task(
        title,
        train,
        validation,
        test,
        score,
        nn.functional.cross_entropy if classes else nn.functional.mse_loss,
        10 if classes else train.targets.shape[1],
        siren_space(widths, signs=False),
        siren_space(widths, signs=True),
        Siren(widths),
        examples,
        torch.sin,
        FREQUENCY,
    )


def task_of_clothes(title: str, train: Part, validation: Part, test: Part) -> Task:
    """A task on INRs of Fashion-MNIST: which of the ten pieces of clothing a network shows."""
    return task_of_inrs(title, train, validation, test, (2, 32, 32, 1), ACCURACY, grid(28))


def cached(file: str, widths: tuple[int, ...], fit: Callable[[], tuple[Features, float]]) -> Features:
    """The INRs that an earlier run left in a file of the cache, else fitted and left there."""
    path = FITTED / f"{file}.safetensors"
    if not path.exists():
        FITTED.mkdir(parents=True, exist_ok=True)
        features, ratio = fit()
        save_file(features, path.with_suffix(".unfinished"), {"decibels": f"{ratio:.1f}"})
        path.with_suffix(".unfinished").replace(path)
    features = load_file(path)  # by the alphabet
    return {name: features[name] for name in siren_space(widths, signs=False).names}


def idx(name: str) -> Tensor:
    """The numbers in a file of the form idx, in the shape that its head tells.

    Raises
    ------
    FileNotFoundError
        If the file is in none of the places where it is looked for.
    """
    for folder in FASHION:
        if (folder / name).exists():
            content = gzip.decompress((folder / name).read_bytes())
            shape = np.frombuffer(content, ">i4", content[3], offset=4)
            numbers = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
            return torch.from_numpy(numbers.copy())
    raise FileNotFoundError(
        f"{name} is in none of {', '.join(map(str, FASHION))}: install Debian's package dataset-fashion-mnist, or "
        "leave out task E"
    )


TASKS: dict[str, Callable[[], Task]] = {
    "A": sines,
    "C": digit_inrs,
    "E": fashion_inrs,
}
"""By letter, what makes each task on INRs; they are fitted once and kept in the cache."""
