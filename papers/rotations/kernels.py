"""Convolutional networks: turned kernels on a turned image give the same logits, and a metanetwork the same number."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import layergen
from layergen.nn import Metanet
from layergen.testing import assert_function_preserved, assert_invariant
from papers.rotations.batches import Features, Weights, chosen, run, train, weights_of
from papers.rotations.images import digits
from papers.rotations.turning import MIRRORS, ROTATIONS, Averaged, largest_change, outputs, turned, turned_image
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["averaged", "cnn", "cnn_space", "logits_error", "metanets", "report", "zoo"]

WIDTH, CLASSES = 8, 4
HEADINGS = (
    "metanetwork",
    "weights a channel pair",
    "of them within the second kernels",
    "R²",
    *("rotated: R²", "largest change"),
    *("mirrored: R²", "largest change"),
)


def cnn(width: int = WIDTH) -> nn.Sequential:
    """A network from images `(image, 1, rows, columns)` to logits `(image, class)`."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, CLASSES),
    )


def cnn_space(group: str | None, width: int = WIDTH, representation: str = "grid(3)") -> WeightSpace:
    """The weights of `cnn`, on whose kernels a group acts; without one their nine positions are a free index."""
    tensors = {
        "0.weight": "c1 x k",
        "0.bias": "c1",
        "2.weight": "c2 c1 k",
        "2.bias": "c2",
        "6.weight": "y c2",
        "6.bias": "y",
    }
    sets, free = {"c1": width, "c2": width}, {"x": 1, "y": CLASSES}
    if group is None:
        return WeightSpace(tensors, sets=sets, free=free | {"k": 9})
    acting = {"k": {"group": group, "representation": representation}}
    return WeightSpace(tensors, sets=sets, free=free, representations=acting)


def zoo(images: Tensor, labels: Tensor, count: int, steps: int = 80) -> Features:
    """Features of networks trained on some images, each from its own initial weights and with its own step size.

    `images` are `(image, 1, rows, columns)`. Adam, whose steps do not depend on the scale of the loss, moves what the
    step sizes multiply.
    """
    space = cnn_space("D4")
    start = weights_of(layergen.stack([cnn().state_dict() for _ in range(count)], space), space)
    moved = {name: torch.zeros_like(value, requires_grad=True) for name, value in start.items()}
    rates = 10 ** torch.empty(count).uniform_(-3, -1.3)

    def weights() -> Weights:
        return {
            name: value + rates.reshape(-1, *(1,) * (value.ndim - 1)) * moved[name] for name, value in start.items()
        }

    optimiser = torch.optim.Adam(moved.values(), lr=1, betas=(0.9, 0.99))
    for _ in range(steps):
        batch = torch.randint(len(images), (32,))
        logits = run(cnn(), weights(), images[batch]).flatten(0, 1)
        optimiser.zero_grad()
        (cross_entropy(logits, labels[batch].repeat(count), reduction="sum") / len(batch)).backward()
        optimiser.step()
    found = {name: value.detach() for name, value in weights().items()}
    return layergen.stack([{name: found[name][number] for name in found} for number in range(count)], space)


def accuracies(x: Features, space: WeightSpace, images: Tensor, labels: Tensor) -> Tensor:
    """The accuracy of each network on some images, `(network)`."""
    with torch.no_grad():
        said = [run(cnn(), weights_of(x, space), part).argmax(-1) for part in images.split(100)]
    return (torch.cat(said, dim=1) == labels).to(images.dtype).mean(1)


def logits_error(x: Features, space: WeightSpace, images: Tensor, *, image_turned: bool = True) -> float:
    """The largest change of any logit when kernels are turned, and images if so said, relative to the largest logit.

    Over all networks, and all elements of the group, C4 or D4, that acts on the space.
    """
    elements = 8 if space.groups == ("D4",) else 4
    with torch.no_grad():
        expected = run(cnn(), weights_of(x, space), images)
        changes = []
        for number in range(elements):
            given = turned_image(images, number) if image_turned else images
            changes.append(run(cnn(), weights_of(turned(x, space, number), space), given) - expected)
    return max(float(change.abs().max()) for change in changes) / float(expected.abs().max())


def metanets(x: Features, accuracy: Tensor, epochs: int) -> Iterator[tuple[str, Metanet]]:
    """Metanetworks by their names, whose sigmoid is trained to be the accuracy of networks."""
    for name, group in {"kernels free": None, "kernels of C4": "C4", "kernels of D4": "D4"}.items():
        torch.manual_seed(0)
        metanet = Metanet(cnn_space(group), out_features=1, hidden=8, norm=True, fourier=8, fourier_scale=0.5)

        def loss(y: Tensor, which: Tensor) -> Tensor:
            return (y.sigmoid().squeeze(1) - accuracy[which]).square().mean()

        yield name, train(metanet, x, loss, epochs=epochs, batch=32)


def explained(predicted: Tensor, truth: Tensor) -> float:
    """R²: of the variance of some numbers `(network)`, the share that predictions `(element, network)` explain."""
    return float(1 - (predicted - truth).square().mean() / (truth - truth.mean()).square().mean())


def row(name: str, metanet: Metanet, predicted: Tensor, truth: Tensor) -> str:
    """A metanetwork's row of the table; `predicted` are its `outputs` as accuracies, `(element, network)`."""
    maps = EquivariantMaps(metanet.space)
    cells = [name, f"{maps.dimension:,}", str(maps.block(target="2.weight", source="2.weight").dimension)]
    cells.append(f"{explained(predicted[:1], truth):.2f}")
    for numbers in (ROTATIONS, MIRRORS):
        cells.append(f"{explained(predicted[list(numbers)], truth):.2f}")
        cells.append(f"{largest_change(predicted, numbers):.0e}")
    return f"| {' | '.join(cells)} |"


def report(count: int = 240, epochs: int = 15) -> Iterator[str]:
    """The lines of the second half of the page, on some number of networks."""
    torch.manual_seed(0)
    images, labels = digits(CLASSES)
    order, space = torch.randperm(len(images)), cnn_space("D4")
    images, labels = images[order, None], labels[order]
    x = zoo(images[:500], labels[:500], count)
    accuracy = accuracies(x, space, images[500:], labels[500:])
    low, middle, high = accuracy.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    yield f"{count} networks of {WIDTH} channels, trained to tell the digits 0 to {CLASSES - 1}; quantiles 10%, 50% and"
    yield f"90% of their accuracies: {low:.2f}, {middle:.2f}, {high:.2f}.\n"
    exact, some = {name: value.double() for name, value in x.items()}, images[500:532].double()
    yield "Kernels moved by each of the 8 elements of D4: largest change of any logit, relative to the largest, in"
    yield f"float64, {logits_error(exact, space, some):.0e} on images turned alike,"
    yield f"{logits_error(exact, space, some, image_turned=False):.1f} on images as they are.\n"
    assert_function_preserved(averaged(x, space, 0), space, [some], turns=True)
    yield "`assert_function_preserved` passes for one of them, its logits averaged over the turns of the image.\n"
    yield f"| {' | '.join(HEADINGS)} |\n|---|{'---:|' * (len(HEADINGS) - 1)}"
    training, held_out = torch.arange(count * 3 // 4), torch.arange(count * 3 // 4, count)
    for name, metanet in metanets(chosen(x, training), accuracy[training], epochs):
        predicted = outputs(metanet, chosen(x, held_out), space).sigmoid().squeeze(-1)
        assert_invariant(metanet, metanet.space)
        yield row(name, metanet, predicted, accuracy[held_out].double())
    yield "\nEach metanetwork passes `assert_invariant` for its own space."


def averaged(x: Features, space: WeightSpace, number: int) -> Averaged:
    """One of the networks, its logits averaged over the turns and mirrorings of the image."""
    network = Averaged(*cnn())
    network.load_state_dict(layergen.unstack(x, space)[number])
    return network
