"""A zoo of small networks, each really trained on scikit-learn's digits with its own hyper-parameters.

    python -m demo.zoo

trains it, or loads what an earlier run left in `.cache/zoo`, and prints how accurate its networks are.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from sklearn.datasets import load_digits
from torch import Tensor

from demo.network import SHAPES, SIZES, Recipes, stack_accuracy, trained_stack, unflatten

FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "zoo"

VERSION = 1
"""Part of the file's name: raise it when training changes in a way that no field of `ZooConfig` shows."""

HYPERPARAMETERS = tuple(field.name for field in fields(Recipes))


@dataclass(frozen=True, slots=True)
class ZooConfig:
    """What the zoo depends on.

    A pair is a range: each network draws its own value, uniform in the logarithm. The ranges reach from
    hardly trained to as good as this network gets, so that accuracies spread widely.
    """

    networks: int = 1600
    seed: int = 0
    train_images: int = 1200
    batch_size: int = 32
    stack: int = 24  # networks trained together: their activations should fit the processor's cache
    learning_rate: tuple[float, float] = (7e-4, 3e-2)
    initial_scale: tuple[float, float] = (0.4, 1.6)
    weight_decay: tuple[float, float] = (1e-4, 0.5)
    steps: tuple[int, int] = (40, 700)
    data_fraction: tuple[float, float] = (0.02, 1.0)

    @property
    def digest(self) -> str:
        """A short name for this configuration, the same on every machine."""
        text = json.dumps({"version": VERSION, "shapes": SHAPES, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def path(self) -> Path:
        """The file that keeps this zoo."""
        return FOLDER / f"digits-{self.digest}.safetensors"


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images `(image, 8, 8)` between 0 and 1 and labels `(image,)`, in two parts that share no image."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass(frozen=True, slots=True)
class Zoo:
    """Trained networks, stacked: each tensor has a leading network axis, the same for all."""

    weights: dict[str, Tensor]
    test_accuracy: Tensor
    hyperparameters: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.test_accuracy)

    @property
    def state_dicts(self) -> list[dict[str, Tensor]]:
        """One `state_dict` a network, each tensor a view into `weights`."""
        return [{name: tensor[i] for name, tensor in self.weights.items()} for i in range(len(self))]


def digits(train_images: int = 1200) -> Pictures:
    """Scikit-learn's 1,797 digits; the first `train_images` of one fixed shuffle are for training."""
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    images = (torch.tensor(bunch.images, dtype=torch.float32) / 16)[order]
    labels = torch.tensor(bunch.target, dtype=torch.int64)[order]
    return Pictures(images[:train_images], labels[:train_images], images[train_images:], labels[train_images:])


def load_or_train(config: ZooConfig = ZooConfig(), *, quiet: bool = False) -> Zoo:
    """The zoo of `config`: from its file if that is whole, else trained and kept. `quiet` hides the bar."""
    zoo = _load(config)
    if zoo is None:
        zoo = train(config, quiet=quiet)
        _save(zoo, config.path)
    return zoo


def train(config: ZooConfig, data: Pictures | None = None, *, quiet: bool = False) -> Zoo:
    """Train every network of `config` on pictures, or else digits. Networks that diverge to infinity are left out."""
    generator = torch.Generator().manual_seed(config.seed)
    drawn = _drawn_hyperparameters(config, generator)
    data = data or digits(config.train_images)
    # Networks with like step limits share a stack, so that few wait for others; the longest go first, so that
    # the threads end together.
    stacks = torch.split(drawn["steps"].argsort(descending=True, stable=True), config.stack)
    seeds = torch.randint(2**62, (len(stacks),), generator=generator).tolist()
    flat, accuracy = torch.empty(config.networks, sum(SIZES)), torch.empty(config.networks)

    def trained(members: Tensor, seed: int) -> int:
        recipes = Recipes(**{name: values[members] for name, values in drawn.items()})
        own = torch.Generator().manual_seed(seed)
        flat[members] = trained_stack(recipes, data.train_images, data.train_labels, config.batch_size, own)
        accuracy[members] = stack_accuracy(flat[members], data.test_images, data.test_labels)
        return int(recipes.steps.sum())

    with _progress(quiet) as progress, _single_threaded_pool() as pool:
        task = progress.add_task("training the zoo", total=int(drawn["steps"].sum()))
        for future in as_completed([pool.submit(trained, *work) for work in zip(stacks, seeds, strict=True)]):
            progress.advance(task, future.result())
    whole = flat.isfinite().all(1)
    weights = {name: tensor.contiguous() for name, tensor in unflatten(flat[whole]).items()}
    return Zoo(weights, accuracy[whole], {name: values[whole] for name, values in drawn.items()})


def _drawn_hyperparameters(config: ZooConfig, generator: torch.Generator) -> dict[str, Tensor]:
    drawn = {}
    for name in HYPERPARAMETERS:
        low, high = getattr(config, name)
        share = torch.rand(config.networks, generator=generator)
        drawn[name] = low * (high / low) ** share
    return drawn | {"steps": drawn["steps"].round().long()}


@contextmanager
def _single_threaded_pool() -> Iterator[ThreadPoolExecutor]:
    """A worker for each of PyTorch's threads, and one thread for each operation.

    The operations are short: sharing one among threads costs more than it saves. It also makes the zoo the
    same however many threads there are.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet)


def _save(zoo: Zoo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = zoo.weights | zoo.hyperparameters | {"test_accuracy": zoo.test_accuracy}
    # Moved into place when whole, so that an interrupted run leaves nothing that looks like a zoo.
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        save_file(tensors, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _load(config: ZooConfig) -> Zoo | None:
    """The zoo in the file of `config`, if there is one; a file that is not whole is deleted."""
    if not config.path.exists():
        return None
    try:
        # Read, not mapped: the tensors stay good when the file is replaced.
        tensors = load(config.path.read_bytes())
    except SafetensorError:
        tensors = {}
    if not _is_whole(tensors):
        config.path.unlink()
        return None
    weights = {name: tensors[name] for name in SHAPES}
    return Zoo(weights, tensors["test_accuracy"], {name: tensors[name] for name in HYPERPARAMETERS})


def _is_whole(tensors: dict[str, Tensor]) -> bool:
    shapes = SHAPES | {"test_accuracy": ()} | dict.fromkeys(HYPERPARAMETERS, ())
    if tensors.keys() != shapes.keys():
        return False
    networks = len(tensors["fc.bias"])
    stacked = all(tensor.shape == (networks, *shapes[name]) for name, tensor in tensors.items())
    return stacked and all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def summary(zoo: Zoo, config: ZooConfig, seconds: float) -> Table:
    """A table of the number of networks, the seconds it took to train or load them, and their accuracies."""
    table = Table("quantity", "value", title="zoo of digit classifiers")
    table.add_row("networks", str(len(zoo)))
    table.add_row("networks that diverged", str(config.networks - len(zoo)))
    table.add_row("seconds", f"{seconds:.1f}")
    for share in (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0):
        table.add_row(f"test accuracy, quantile {share:.2f}", f"{zoo.test_accuracy.quantile(share):.3f}")
    return table


def main() -> None:
    """Train or load the zoo and print its summary."""
    config = ZooConfig()
    start = time.perf_counter()
    zoo = load_or_train(config)
    Console().print(summary(zoo, config, time.perf_counter() - start))


if __name__ == "__main__":
    main()
