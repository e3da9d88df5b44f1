"""F: recurrent networks that learn a language, each with a recipe of its own; find how well it has learned."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.learning.kept import kept_with_targets
from benchmarks.learning.recipes import Adam, evenly, like
from benchmarks.learning.tasks import TAU, Part, Task, three_parts
from layergen import Features
from symmetry import WeightSpace

__all__ = ["Elman", "elman_space", "fit_elmans", "recurrent", "strings"]

LETTERS, UNITS, CLASSES, LENGTH = 4, 16, 2, 16
TESTED = 512
"""How many strings the accuracy of a network is measured on."""


class Elman(nn.Module):
    """A recurrent network with tanh: of strings `(batch, time, letter)` the class, `(batch, class)` logits.

    >>> Elman()(torch.zeros(5, 7, 4)).shape
    torch.Size([5, 2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(LETTERS, UNITS, bias=False)
        self.recur = nn.Linear(UNITS, UNITS)
        self.out = nn.Linear(UNITS, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        hidden = x.new_zeros(len(x), UNITS)
        for letter in x.unbind(1):
            hidden = (self.read(letter) + self.recur(hidden)).tanh()
        return self.out(hidden)  # type: ignore[no-any-return]


def elman_space(*, signs: bool) -> WeightSpace:
    """The weight space of an `Elman`: units are permuted, the same on both sides, and may change their signs."""
    back = "^-1" if signs else ""
    tensors = {
        "read.weight": "h letter",
        "recur.weight": f"h h{back}",
        "recur.bias": "h",
        "out.weight": f"y h{back}",
        "out.bias": "y",
    }
    units = {"size": UNITS, "scaled": "sign"} if signs else UNITS
    return WeightSpace(tensors, sets={"h": units}, free={"letter": LETTERS, "y": CLASSES})


def strings(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Strings `(string, time, letter)`, one-hot, and their classes: which of the first two letters came last.

    The other two letters say nothing, and are three of four: a network has to remember.
    """
    letters = torch.multinomial(torch.tensor([1.0, 1.0, 3.0, 3.0]), count * LENGTH, True, generator=generator)
    letters = letters.reshape(count, LENGTH)
    letters[:, 0] %= 2
    telling = torch.where(letters < 2, torch.arange(LENGTH), -1).amax(1)
    return nn.functional.one_hot(letters, LETTERS).float(), letters.gather(1, telling[:, None])[:, 0]


def evaluated(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Logits `(network, string, class)` of networks of weights `(network, *axes)` on strings."""
    hidden = x.new_zeros(len(weights["recur.bias"]), len(x), UNITS)
    read = torch.einsum("stl,nhl->tnsh", x, weights["read.weight"]) + weights["recur.bias"][:, None]
    for given in read:
        hidden = torch.baddbmm(given, hidden, weights["recur.weight"].mT).tanh()
    return torch.baddbmm(weights["out.bias"][:, None], hidden, weights["out.weight"].mT)


def fit_elmans(networks: int, steps: int, seed: int = 0) -> tuple[Features, Tensor]:
    """Train networks on the language, all at once, each from initial weights and with a recipe of its own.

    A recipe is a learning rate of Adam (from 1e-4 to 3e-2), a number of steps (from a tenth of all), the deviation of
    initial weights (from a third to three over the root of the fan-in) and the share of wrong classes (up to 0.4).

    Parameters
    ----------
    networks
        How many networks.
    steps
        The most steps.
    seed
        The seed of all that is drawn.

    Returns
    -------
    dict of Tensor
        The weights, features `{tensor: (network, *axes, 1)}` of `elman_space`.
    Tensor
        The accuracy of each network on the same strings, `(network,)`.
    """
    generator = torch.Generator().manual_seed(seed)

    ranges = (1e-4, 3e-2), (0.1, 1.0), (0.3, 3.0), (0.01, 0.4)
    rate, last, spread, wrong = (evenly(networks, *ends, generator) for ends in ranges)
    weights = {}
    for name, shape in elman_space(signs=False).shapes.items():
        drawn = torch.randn(networks, *shape, generator=generator)
        weights[name] = (drawn * like(spread, drawn) * (shape[1] ** -0.5 if len(shape) > 1 else 0.1)).requires_grad_()
    adam = Adam(weights)
    for step in range(steps):
        x, classes = strings(32, generator)
        flipped = torch.rand(networks, len(x), generator=generator) < wrong[:, None]
        logits = evaluated(weights, x)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), (classes ^ flipped.long()).flatten(), reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step(rate * (step < last * steps))
    with torch.no_grad():
        x, classes = strings(TESTED, torch.Generator().manual_seed(seed + 1))
        accuracy = (evaluated(weights, x).argmax(-1) == classes).double().mean(1)
    return {name: value.detach()[..., None] for name, value in weights.items()}, accuracy.float()


def recurrent(networks: int = 1_600, steps: int = 300) -> Task:
    """F: the accuracy of recurrent networks on a language (Zhou, Finn and Harrison 2024 ask this of their own)."""
    fitted = partial(fit_elmans, networks, steps)
    features, found = kept_with_targets(f"elmans-{networks}-{steps}", "accuracy", fitted)
    accuracy = found[:, None]
    targets = (accuracy - accuracy.mean()) / accuracy.std()
    whole = Part({name: features[name] for name in elman_space(signs=False).names}, targets)
    return Task(
        "F: accuracy of RNNs",
        *three_parts(whole),
        TAU,
        nn.functional.mse_loss,
        1,
        elman_space(signs=False),
        elman_space(signs=True),
        Elman(),
        strings(64, torch.Generator().manual_seed(2))[0],
        torch.tanh,
        1.0,
    )
