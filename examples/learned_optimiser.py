"""A learned optimiser: a metanetwork reads weights, gradients and momenta, gives the next step, and runs at any width.

`python -m examples.learned_optimiser [--quick]` teaches it to train perceptrons on some digits, and tries it on others.
"""

import sys
from collections.abc import Iterable, Iterator

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from layergen import functional, stack
from layergen.nn import Metanet, PerTensorLinear, Pointwise, Residual, TensorNorm
from symmetry import WeightSpace

AXES = {"0.weight": "h1 pixel", "0.bias": "h1", "2.weight": "h2 h1", "2.bias": "h2", "4.weight": "y h2", "4.bias": "y"}
SPACE = WeightSpace(AXES, sets={"pixel": 64, "h1": 16, "h2": 16, "y": 10})  # pixels and classes have no order either
PIXELS, CLASSES = map(torch.tensor, load_digits(return_X_y=True))
OLD, NEW, WIDE, DECAY = range(900), range(900, 1797), ("2.weight", "4.weight"), torch.tensor([0.9, 0.99, 0.999])


def perceptron(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def training(rule: nn.Module, digits: range, width: int, steps: int, seed: int = -1) -> Iterator[Tensor]:
    """Train 8 perceptrons by a rule's last channel, less in WIDE tensors of wider networks; the losses."""
    torch.manual_seed(seed)
    networks = [perceptron(width) for _ in range(8)]
    x = stack([network.state_dict() for network in networks], SPACE.resized({"h1": width, "h2": width}))
    moments = {name: torch.zeros(*value.shape[:-1], 3) for name, value in x.items()}
    for step in range(steps):
        x = x if step % 20 else {name: value.detach().requires_grad_() for name, value in x.items()}  # truncated
        rows = torch.randint(digits.start, digits.stop, (64,))
        logits = functional(networks[0], x, [PIXELS[rows].float() / 16 - 0.3])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), CLASSES[rows].repeat(8))
        gradients, features = torch.autograd.grad(8 * loss, list(x.values()), retain_graph=True), {}
        for name, g in zip(x, gradients, strict=True):
            moments[name] = moments[name].lerp(torch.cat([g, g, g.square()], -1), 1 - DECAY)
            short, long, square = (moments[name] / (1 - DECAY ** (step + 1))).split(1, -1)
            features[name] = torch.cat([x[name], g, long, short, short / (square.sqrt() + 1e-8)], -1)  # last: Adam's
        x = {name: x[name] - (16 / width) ** (name in WIDE) * d[..., -1:] for name, d in rule(features).items()}  # μP
        yield loss


def teach(network: nn.Module, runs: Iterable[int]) -> nn.Module:
    """The rule that a network gives, once it has learned, run by run, to make the mean loss of 20 steps small."""
    rule = nn.Sequential(TensorNorm(SPACE, [1, 2, 3]), network, Pointwise(lambda v: 0.02 * v))
    optimiser = torch.optim.Adam(rule.parameters(), lr=2e-3)
    for run in runs:
        losses = training(rule, OLD, 16, 100, seed=run)
        for _ in range(5):
            optimiser.zero_grad()
            torch.stack([next(losses) for _ in range(20)]).mean().backward()
            nn.utils.clip_grad_norm_(rule.parameters(), 1.0)
            optimiser.step()
    return rule.requires_grad_(False)


def main(quick: bool = False) -> dict[str, list[float]]:
    """Print and return the mean loss of the last ten steps of each trial, of rules with several rates at the best."""
    torch.manual_seed(0)
    runs, trials = range(1 if quick else 40), [(16, 20), (64, 20)] if quick else [(16, 100), (64, 100), (64, 400)]
    metanet = Metanet(SPACE, in_channels=5, out_channels=1, hidden=8, layers=1, fourier=0, update=[4])
    pointwise = nn.Sequential(PerTensorLinear(SPACE, 5, 16), Pointwise(nn.GELU()), PerTensorLinear(SPACE, 16, 5))
    nn.init.zeros_(pointwise[2].weight)  # it begins as Adam, as the metanetwork nearly does
    rules = {"Adam": [Pointwise(lambda v, r=r: r * v) for r in (0.003, 0.01, 0.02, 0.03, 0.06)]}
    rules["SGD with momentum"] = [Pointwise(lambda v, r=r: r * v[..., :4]) for r in (0.3, 1, 2, 3, 6)]
    rules |= {"a perceptron for each weight": [teach(Residual(pointwise), runs)], "ours": [teach(metanet, runs)]}
    table = {}
    for label, several in rules.items():
        losses = [[sum([*training(rule, NEW, *trial)][-10:]).item() / 10 for trial in trials] for rule in several]
        table[label] = [min(column) for column in zip(*losses, strict=True)]
        print(f"{label:<30}", *(f"{loss:.4f}" for loss in table[label]))
    return table


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
