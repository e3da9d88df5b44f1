"""Implicit neural representations: turning the first weight matrix turns the image, and leaves the class as it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from layergen.nn import Metanet
from layergen.testing import assert_invariant
from papers.rotations.batches import Features, chosen, run, train, weights_of
from papers.rotations.turning import MIRRORS, ROTATIONS, largest_change, outputs, turned, turned_image
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["coordinates", "digits", "fitted", "inr_space", "metanets", "render", "report", "siren", "turning_error"]

SIDE, WIDTH, FREQUENCY = 8, 16, 4.0
CLASSES = 5
"""The digits 0 to 4: none of them is another one turned or mirrored, as 6 is 9 and 2 nearly 5."""

HEADINGS = (
    "metanetwork",
    "weights a channel pair",
    "accuracy",
    *("rotated: accuracy", "largest change", "predictions changed"),
    *("mirrored: accuracy", "largest change", "predictions changed"),
)


class Sine(nn.Module):
    """The activation of Sitzmann et al. (2020)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(FREQUENCY * x)


def siren(width: int = WIDTH) -> nn.Sequential:
    """A network from coordinates `(..., 2)` to grey values `(..., 1)`, with the initial weights of that paper."""
    layers = nn.Linear(width, width), nn.Linear(width, 1)
    for layer in layers:
        bound = (6 / width) ** 0.5 / FREQUENCY
        nn.init.uniform_(layer.weight, -bound, bound)
    return nn.Sequential(nn.Linear(2, width), Sine(), layers[0], Sine(), layers[1])


def inr_space(
    group: str | None, width: int = WIDTH, representation: str | list[list[list[float]]] = "standard"
) -> WeightSpace:
    """The weights of `siren`, on whose coordinates a group acts; without one they are a free index."""
    tensors = {
        "0.weight": "h1 xy",
        "0.bias": "h1",
        "2.weight": "h2 h1",
        "2.bias": "h2",
        "4.weight": "y h2",
        "4.bias": "y",
    }
    sets = {"h1": width, "h2": width}
    if group is None:
        return WeightSpace(tensors, sets=sets, free={"xy": 2, "y": 1})
    acting = {"xy": {"group": group, "representation": representation}}
    return WeightSpace(tensors, sets=sets, free={"y": 1}, representations=acting)


def coordinates() -> Tensor:
    """The centres of the pixels, row by row, `(pixels, 2)`: x to the right, y up, the middle of the image at 0."""
    line = torch.linspace(-1, 1, SIDE, dtype=torch.float64)
    return torch.stack([line.expand(SIDE, SIDE), -line[:, None].expand(SIDE, SIDE)], dim=-1).reshape(-1, 2)


def render(x: Features, space: WeightSpace) -> Tensor:
    """The images that networks encode, `(network, rows, columns)`."""
    weights = weights_of(x, space)
    return run(siren(), weights, coordinates().to(x["0.bias"].dtype)).reshape(-1, SIDE, SIDE)


def digits(classes: int = CLASSES) -> tuple[Tensor, Tensor]:
    """scikit-learn's digits of the first classes: images `(image, rows, columns)` of values up to 1, and labels."""
    every = load_digits()
    kept = every.target < classes
    images = torch.tensor(every.images[kept] / 16, dtype=torch.float32)
    return images, torch.tensor(every.target[kept])


def fitted(images: Tensor, steps: int = 200) -> Features:
    """Features of networks that encode some images, fitted all at once from the same initial weights."""
    network, points = siren(), coordinates().float()
    weights = {
        name: value.detach().repeat(len(images), *(1,) * value.ndim).requires_grad_()
        for name, value in network.state_dict().items()
    }
    optimiser = torch.optim.Adam(weights.values(), lr=5e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        (run(network, weights, points) - images.reshape(len(images), -1, 1)).square().mean((1, 2)).sum().backward()
        optimiser.step()
    return {name: value.detach().unsqueeze(-1) for name, value in weights.items()}


def turning_error(x: Features, space: WeightSpace) -> float:
    """The largest difference of any pixel between the image of turned weights and the turned image of the weights.

    Over all networks, and all elements of the group, C4 or D4, that acts on the space.
    """
    image, elements = render(x, space), 8 if space.groups == ("D4",) else 4
    changes = [render(turned(x, space, number), space) - turned_image(image, number) for number in range(elements)]
    return max(float(change.abs().max()) for change in changes)


def metanets(x: Features, labels: Tensor, epochs: int) -> Iterator[tuple[str, Metanet]]:
    """Metanetworks by their names, trained to tell the class of the images that networks encode."""
    rows = {"xy free": None, "xy free, trained on turned networks": None, "xy of C4": "C4", "xy of D4": "D4"}

    def anyhow(given: Features) -> Features:
        return turned(given, inr_space("D4"), int(torch.randint(8, ())))

    def loss(logits: Tensor, which: Tensor) -> Tensor:
        return cross_entropy(logits, labels[which])

    for name, group in rows.items():
        torch.manual_seed(0)
        metanet = Metanet(
            inr_space(group), out_features=CLASSES, hidden=16, dropout=0.1, norm=True, fourier=8, fourier_scale=0.5
        )
        change = anyhow if "turned" in name else None
        yield name, train(metanet, x, loss, epochs=epochs, batch=64, change=change)


def row(name: str, metanet: Metanet, logits: Tensor, labels: Tensor) -> str:
    """A metanetwork's row of the table; `logits` are its `outputs`."""
    right, said = logits.argmax(-1) == labels, logits.argmax(-1)
    cells = [name, str(EquivariantMaps(metanet.space).dimension), f"{right[0].double().mean():.3f}"]
    for numbers in (ROTATIONS, MIRRORS):
        some = list(numbers)
        cells += [f"{right[some].double().mean():.3f}", f"{largest_change(logits, numbers):.0e}"]
        cells.append(f"{(said[some] != said[0]).double().mean():.1%}")
    return f"| {' | '.join(cells)} |"


def report(count: int | None = None, epochs: int = 20) -> Iterator[str]:
    """The lines of the first half of the page, on some of the images."""
    torch.manual_seed(0)
    images, labels = (value[:count] for value in digits())
    x, space = fitted(images), inr_space("D4")
    ratio = -10 * float((render(x, space) - images).square().mean((1, 2)).log10().mean())
    yield f"{len(images)} networks encode the digits 0 to {CLASSES - 1}; peak signal to noise {ratio:.0f} dB.\n"
    exact = {name: value.double() for name, value in x.items()}
    yield "Weights moved by each of the 8 elements of D4, rendered, against the image turned: largest difference"
    yield f"{turning_error(x, space):.0e} in float32, {turning_error(exact, space):.0e} in float64.\n"
    yield f"| {' | '.join(HEADINGS)} |\n|---|{'---:|' * (len(HEADINGS) - 1)}"
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(images)))
    training, held_out = order[: len(order) * 3 // 4], order[len(order) * 3 // 4 :]
    for name, metanet in metanets(chosen(x, training), labels[training], epochs):
        logits = outputs(metanet, chosen(x, held_out), space)
        assert_invariant(metanet, metanet.space)
        yield row(name, metanet, logits, labels[held_out])
    yield "\nEach metanetwork passes `assert_invariant` for its own space."
