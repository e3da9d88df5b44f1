"""B and D, O and P: small CNNs of digits and of clothes, each trained with a recipe of its own; accuracy and recipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

import layergen
import symmetry
from benchmarks.learning.kept import kept
from benchmarks.learning.tasks import R2, ROOT, TAU, Part, Score, Task, idx
from demo.network import SHAPES, DigitsCNN
from demo.zoo import HYPERPARAMETERS, Pictures, Zoo, ZooConfig, digits, load_or_train, train

__all__ = ["TASKS", "accuracy_of", "clothes_zoo", "cnn_task", "recipe_of", "small_clothes"]

HELD, TESTED = 100, 300
"""How many networks are for validation, and for test, at the end of a zoo."""
CLOTHES = ZooConfig(networks=800, train_images=6_000)
JUDGED = 2_000
"""How many further pictures of clothes the accuracy of a network is measured on."""


def cnn_task(title: str, score: Score, targets: Callable[[Zoo], Tensor], zoo: Zoo, examples: Tensor) -> Task:
    """A task on CNNs: the last 300 are held out, 100 before them are for validation.

    Targets `(network, target)` are standardised; examples are images `(image, 1, 8, 8)`.
    """
    space = symmetry.load(ROOT / "demo" / "digits_cnn.toml")
    whole = Part(layergen.stack(zoo.state_dicts, space), targets(zoo))
    ends = -HELD - TESTED, -TESTED
    train, validation, test = whole.take(slice(ends[0])), whole.take(slice(*ends)), whole.take(slice(ends[1], None))
    mean, deviation = train.targets.mean(0), train.targets.std(0)
    train, validation, test = (
        Part(part.features, (part.targets - mean) / deviation) for part in (train, validation, test)
    )
    outputs, loss = whole.targets.shape[1], nn.functional.mse_loss
    return Task(title, train, validation, test, score, loss, outputs, space, None, DigitsCNN(), examples)


def accuracy_of(zoo: Zoo) -> Tensor:
    """The test accuracy of each network, `(network, 1)`."""
    return zoo.test_accuracy.float()[:, None]


def recipe_of(zoo: Zoo) -> Tensor:
    """The logarithms of the five hyper-parameters that each network was trained with, `(network, 5)`."""
    return torch.stack([zoo.hyperparameters[name].float().log() for name in HYPERPARAMETERS], 1)


def of_digits(title: str, score: Score, targets: Callable[[Zoo], Tensor]) -> Task:
    """A task on the demonstration's 1,600 CNNs, split as there."""
    return cnn_task(title, score, targets, load_or_train(quiet=True), digits().train_images[:256, None])


def of_clothes(title: str, score: Score, targets: Callable[[Zoo], Tensor]) -> Task:
    """A task on 800 of the same CNNs, trained on pictures of clothes."""
    data = small_clothes(CLOTHES.train_images, JUDGED)
    return cnn_task(title, score, targets, clothes_zoo(CLOTHES, data), data.train_images[:256, None])


def small_clothes(train_images: int, judged: int) -> Pictures:
    """The first pictures of Fashion-MNIST, their border of two pixels cut off, and means of 3 × 3 of the others."""
    count = train_images + judged
    pictures = idx("train-images-idx3-ubyte.gz")[:count, 2:-2, 2:-2].float() / 255
    images, labels = avg_pool2d(pictures, 3), idx("train-labels-idx1-ubyte.gz")[:count].long()
    return Pictures(images[:train_images], labels[:train_images], images[train_images:], labels[train_images:])


def clothes_zoo(config: ZooConfig, data: Pictures) -> Zoo:
    """CNNs of clothes, from the cache if they have been trained; the file keeps the seconds of processor time too."""

    def trained() -> dict[str, Tensor]:
        start = time.process_time()
        zoo = train(config, data, quiet=True)
        spent = torch.tensor([time.process_time() - start])
        return zoo.weights | zoo.hyperparameters | {"test_accuracy": zoo.test_accuracy, "seconds": spent}

    found = kept(f"clothes-cnns-{config.digest}", trained)
    weights, recipes = ({name: found[name] for name in names} for names in (SHAPES, HYPERPARAMETERS))
    return Zoo(weights, found["test_accuracy"], recipes)


TASKS: dict[str, Callable[[], Task]] = {
    "B": partial(of_digits, "B: accuracy of CNNs", TAU, accuracy_of),
    "D": partial(of_digits, "D: recipes of CNNs", R2, recipe_of),
    "O": partial(of_clothes, "O: accuracy of CNNs of clothes", TAU, accuracy_of),
    "P": partial(of_clothes, "P: recipes of CNNs of clothes", R2, recipe_of),
}
"""By letter, what makes each task; the networks are trained once and kept in the cache."""
