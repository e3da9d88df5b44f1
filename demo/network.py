"""The network of the zoo: one as a module, and a stack of them that is evaluated and trained all at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHAPES: dict[str, tuple[int, ...]] = {
    "conv1.weight": (8, 1, 3, 3),
    "conv1.bias": (8,),
    "conv2.weight": (16, 8, 3, 3),
    "conv2.bias": (16,),
    "conv3.weight": (16, 16, 3, 3),
    "conv3.bias": (16,),
    "fc.weight": (10, 16),
    "fc.bias": (10,),
}
"""`state_dict` of one `DigitsCNN`: name to shape, in the order in which `unflatten` reads them."""

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8  # Adam's usual constants

SIZES: tuple[int, ...] = tuple(prod(shape) for shape in SHAPES.values())


class DigitsCNN(nn.Module):
    """Three convolutions, a global average pool and a linear layer, for 8 x 8 images of digits.

    >>> DigitsCNN()(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1, stride=2)
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(batch, 10)` of images `(batch, 1, 8, 8)`."""
        hidden = torch.relu(self.conv1(images))
        hidden = torch.relu(self.conv2(hidden))
        hidden = torch.relu(self.conv3(hidden))
        logits: Tensor = self.fc(hidden.mean((2, 3)))
        return logits


def batched_logits(weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Logits `(batch, network, 10)` of images `(batch, network, 8, 8)`, each network reading its own images.

    `weights` holds every tensor of `SHAPES` with a leading network axis. Column `i` of the answer is what a
    `DigitsCNN` with the weights `i` makes of `images[:, i]`.
    """
    networks = images.shape[1]

    def convolved(layer: str, hidden: Tensor, stride: int) -> Tensor:
        # One group a network: groups never mix, and on a CPU a grouped convolution takes about two thirds of
        # the time of the same products as unfolded patches and `bmm`.
        weight, bias = weights[f"{layer}.weight"].flatten(0, 1), weights[f"{layer}.bias"].flatten()
        return F.conv2d(hidden, weight, bias, stride=stride, padding=1, groups=networks).relu()

    hidden = convolved("conv1", images, stride=1)
    hidden = convolved("conv2", hidden, stride=2)
    hidden = convolved("conv3", hidden, stride=1)
    pooled = hidden.mean((2, 3)).view(len(images), networks, -1)
    return torch.einsum("bni,noi->bno", pooled, weights["fc.weight"]) + weights["fc.bias"]


def unflatten(flat: Tensor) -> dict[str, Tensor]:
    """The tensors `(network, *shape)` of `SHAPES` that the rows of `flat`, `(network, sum(SIZES))`, hold.

    >>> unflatten(torch.zeros(2, sum(SIZES)))["fc.weight"].shape
    torch.Size([2, 10, 16])
    """
    pieces = torch.split(flat, list(SIZES), dim=1)
    named = zip(SHAPES.items(), pieces, strict=True)
    return {name: piece.reshape(-1, *shape) for (name, shape), piece in named}


def initial_weights(scales: Tensor, generator: torch.Generator) -> Tensor:
    """Starting points `(network, sum(SIZES))`: He's normal weights times `scales` `(network,)`, biases zero.

    Source: He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    deviations = torch.cat([torch.full((prod(shape),), _deviation(shape)) for shape in SHAPES.values()])
    return torch.randn(len(scales), sum(SIZES), generator=generator) * deviations * scales[:, None]


def _deviation(shape: tuple[int, ...]) -> float:
    is_bias = len(shape) == 1
    return 0.0 if is_bias else (2 / prod(shape[1:])) ** 0.5


@dataclass(frozen=True, slots=True)
class Recipes:
    """How each network of a stack is trained: every tensor is `(network,)`."""

    learning_rate: Tensor
    initial_scale: Tensor
    weight_decay: Tensor
    steps: Tensor
    data_fraction: Tensor

    def __len__(self) -> int:
        return len(self.steps)


def trained_stack(
    recipes: Recipes, images: Tensor, labels: Tensor, batch_size: int, generator: torch.Generator
) -> Tensor:
    """Weights `(network, sum(SIZES))` trained from scratch on `images` `(image, 8, 8)`, `labels` `(image,)`.

    Each network starts from its own weights, draws its minibatches from its own random part of the images,
    and has its own state of AdamW.

    Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2.
    """
    flat = initial_weights(recipes.initial_scale, generator).requires_grad_()
    first, second = torch.zeros_like(flat), torch.zeros_like(flat)
    own_images = _own_images(recipes.data_fraction, len(images), generator)
    for step in range(1, int(recipes.steps.max()) + 1):
        chosen = _minibatch(own_images, recipes.data_fraction, batch_size, generator)
        logits = batched_logits(unflatten(flat), images[chosen])
        # Mean over the minibatch, sum over networks: no network's gradient depends on another.
        loss = F.cross_entropy(logits.flatten(0, 1), labels[chosen].flatten(), reduction="sum") / batch_size
        (gradient,) = torch.autograd.grad(loss, flat)
        first.lerp_(gradient, 1 - FIRST)
        second.lerp_(gradient.square(), 1 - SECOND)
        direction = (first / (1 - FIRST**step)) / ((second / (1 - SECOND**step)).sqrt() + EPSILON)
        # A rate of zero also stops the decay, so a network past its last step stays as it is.
        rate = torch.where(recipes.steps >= step, recipes.learning_rate, 0.0)[:, None]
        with torch.no_grad():
            flat -= rate * (direction + recipes.weight_decay[:, None] * flat)
    return flat.detach()


def _own_images(fractions: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """A shuffle of the images for each network, `(network, count)`, which sees the first of its row only."""
    return torch.rand(len(fractions), count, generator=generator).argsort(1)


def _minibatch(own_images: Tensor, fractions: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """Image numbers `(batch, network)`, drawn with replacement from those that each network sees."""
    seen = (fractions * own_images.shape[1]).ceil()
    positions = (torch.rand(batch_size, len(fractions), generator=generator) * seen).long()
    # A float32 draw just below one times `seen` can round up to `seen`.
    positions = positions.minimum(seen.long() - 1)
    return own_images.gather(1, positions.T).T


def stack_accuracy(flat: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Share `(network,)` of the images `(image, 8, 8)` whose label each network of `flat` finds."""
    with torch.no_grad():
        shared = images[:, None].expand(-1, len(flat), -1, -1)
        predictions = batched_logits(unflatten(flat), shared).argmax(2)
    return (predictions == labels[:, None]).float().mean(0)
