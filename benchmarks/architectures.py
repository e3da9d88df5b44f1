"""One zoo of perceptrons, CNNs and ResNets of many widths and depths, and how well their accuracy is predicted.

`python -m benchmarks.architectures --networks 240 --kind ng-gnn` fits the zoo on scikit-learn's digits, trains one
GraphMetanet on all architectures together, and prints Kendall's τ and R² beside those of statistics of the weights:
with networks left out at random, and with one kind of architecture left out whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

import layergen
from layergen.graph import GraphMetanet
from layergen.graph.data import Network

__all__ = ["Member", "fitted_zoo"]

application = typer.Typer(add_completion=False)
TRAINING = 600
"""The images that networks are fitted on; accuracy is of the others."""


class Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def perceptron(widths: Sequence[int]) -> nn.Module:
    """A perceptron on 64 pixels."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in zip([64, *widths], widths, strict=False):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


def convolutions(widths: Sequence[int]) -> nn.Module:
    """Convolutions, a mean over all pixels, a linear layer."""
    layers: list[nn.Module] = []
    for before, after in zip([1, *widths], widths, strict=False):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * widths[-1], 10))


def residual(widths: Sequence[int]) -> nn.Module:
    """A convolution, residual blocks of its width, a mean over all pixels, a linear layer."""
    blocks = [Block(widths[0]) for _ in widths]
    pooled = (nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return nn.Sequential(
        nn.Conv2d(1, widths[0], 3, padding=1), nn.ReLU(), *blocks, *pooled, nn.Linear(4 * widths[0], 10)
    )


FAMILIES = {
    "perceptron": (perceptron, ([16], [32], [24, 16], [32, 32], [16, 16, 16])),
    "CNN": (convolutions, ([8], [6, 8], [8, 12], [4, 6, 8], [8, 8, 8])),
    "ResNet": (residual, ([6], [8], [10], [6, 6], [8, 8])),
}
"""Each family with the widths of its hidden layers."""


@dataclass(frozen=True, slots=True)
class Member:
    """A fitted network: its family, its trace and weights, its accuracy on images that it was not fitted on."""

    family: str
    network: Network
    accuracy: float


def digits() -> tuple[Tensor, Tensor]:
    """Images `(image, 1, 8, 8)` from 0 to 1, and what they show."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.images))
    images = torch.tensor(data.images[order] / 16, dtype=torch.float32)[:, None]
    return images, torch.tensor(data.target[order])


def fitted_zoo(count: int, *, seed: int = 0) -> Iterator[Member]:
    """Networks of all families in turn, fitted for a random time at a random step size."""
    images, shown = digits()
    rng, traces = np.random.default_rng(seed), dict[Any, layergen.Trace]()
    for number in range(count):
        family = list(FAMILIES)[number % len(FAMILIES)]
        make, choices = FAMILIES[family]
        choice = int(rng.integers(len(choices)))
        torch.manual_seed(int(rng.integers(2**31)))
        network = make(choices[choice])
        fit(network, images[:TRAINING], shown[:TRAINING], 10 ** rng.uniform(-3.5, -1.5), int(rng.integers(1, 80)))
        if (family, choice) not in traces:
            traces[family, choice] = layergen.trace(network, [images[:2]], prove=False)
        with torch.no_grad():
            accuracy = (network(images[TRAINING:]).argmax(1) == shown[TRAINING:]).float().mean().item()
        weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        yield Member(family, (traces[family, choice], weights), accuracy)


def fit(network: nn.Module, images: Tensor, shown: Tensor, rate: float, steps: int) -> None:
    """Fit a network for some steps of Adam."""
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        chosen = torch.randint(len(images), (64,))
        optimiser.zero_grad()
        functional.cross_entropy(network(images[chosen]), shown[chosen]).backward()
        optimiser.step()


def statistics(member: Member) -> NDArray[np.float64]:
    """Mean, spread and five quantiles of the first, the last and all matrices and of the first, last and all vectors.

    Unterthiner et al. (2020), "Predicting neural network accuracy from weights": theirs are of every layer, which
    architectures of several depths do not share.
    """
    weights = [value.numpy().ravel() for value in member.network[1].values() if value.ndim > 1]
    biases = [value.numpy().ravel() for value in member.network[1].values() if value.ndim == 1]
    found = []
    for kind in (weights, biases):
        for values in (kind[0], kind[-1], np.concatenate(kind)):
            found += [values.mean(), values.std(), *np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]
    return np.array([*found, len(weights), sum(map(len, weights))])


def by_statistics(train: Sequence[Member], test: Sequence[Member]) -> NDArray[np.float64]:
    """Accuracies predicted from statistics by a forest."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(300, random_state=0)
    forest.fit([statistics(one) for one in train], [one.accuracy for one in train])
    predicted: NDArray[np.float64] = forest.predict([statistics(one) for one in test])
    return predicted


def by_graphs(
    train: Sequence[Member], test: Sequence[Member], kind: Any, epochs: int, hidden: int, layers: int
) -> NDArray[np.float64]:
    """Accuracies predicted by one graph network for all architectures."""
    torch.manual_seed(0)
    model = GraphMetanet(out_features=1, kind=kind, hidden=hidden, layers=layers)
    model.fit([one.network for one in train])
    target = torch.tensor([one.accuracy for one in train]).clamp(0.01, 0.99).logit()
    mean, spread = target.mean(), target.std()
    batch, steps = 16, epochs * -(-len(train) // 16)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for step in range(steps):
        if step * batch % (-(-len(train) // batch) * batch) == 0:
            order = torch.randperm(len(train))
        chosen = order[torch.arange(step * batch, (step + 1) * batch) % len(train)]
        predicted = model([train[number].network for number in chosen.tolist()])[:, 0]
        optimiser.zero_grad()
        functional.smooth_l1_loss(predicted, (target[chosen] - mean) / spread).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        outputs = [model([one.network for one in test[start : start + 32]]) for start in range(0, len(test), 32)]
    return (torch.cat(outputs)[:, 0] * spread + mean).sigmoid().double().numpy()


def scores(predicted: NDArray[np.float64], test: Sequence[Member]) -> str:
    """Kendall's τ and R²."""
    from scipy.stats import kendalltau

    true = np.array([one.accuracy for one in test])
    fit = 1 - ((predicted - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    return f"{kendalltau(predicted, true).statistic:.2f}, {fit:.2f}"


def splits(members: Sequence[Member]) -> Iterator[tuple[str, list[Member], list[Member]]]:
    """A quarter of all networks left out, and each family left out."""
    apart = set(np.random.default_rng(1).permutation(len(members))[: len(members) // 4].tolist())
    yield (
        "a quarter of each",
        [one for number, one in enumerate(members) if number not in apart],
        [one for number, one in enumerate(members) if number in apart],
    )
    for family in FAMILIES:
        yield (
            f"every {family}",
            [one for one in members if one.family != family],
            [one for one in members if one.family == family],
        )


@application.command()
def main(
    networks: Annotated[int, typer.Option(help="How many networks are fitted.")] = 240,
    kind: Annotated[str, typer.Option(help="gmn, ng-gnn or ng-t.")] = "ng-gnn",
    epochs: Annotated[int, typer.Option(help="Rounds over the training networks.")] = 30,
    hidden: Annotated[int, typer.Option(help="Channels of nodes and edges.")] = 16,
    layers: Annotated[int, typer.Option(help="Rounds of messages.")] = 3,
) -> None:
    """Fit the zoo, and print how well accuracy is predicted."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    members = list(fitted_zoo(networks))
    accuracies = [one.accuracy for one in members]
    low, high = min(accuracies), max(accuracies)
    print(f"{networks} networks, accuracy {low:.2f} to {high:.2f}, {time.perf_counter() - start:.0f} s\n")
    print(f"| left out | statistics: τ, R² | {kind}: τ, R² | s |\n| --- | --- | --- | --- |")
    for name, train, test in splits(members):
        start = time.perf_counter()
        graphs = scores(by_graphs(train, test, kind, epochs, hidden, layers), test)
        taken = time.perf_counter() - start
        print(f"| {name} | {scores(by_statistics(train, test), test)} | {graphs} | {taken:.0f} |", flush=True)


if __name__ == "__main__":
    application()
