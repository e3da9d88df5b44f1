"""G: low-rank updates that were trained on tasks of their own; find norm, rank and direction of what they change."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.learning.kept import kept_with_targets
from benchmarks.learning.methods import Method, trained
from benchmarks.learning.tasks import R2, Part, Task, three_parts
from demo.baselines import Standardised
from layergen import Features
from layergen.nn.heads import perceptron
from symmetry import WeightSpace

__all__ = ["PRODUCTS", "Updated", "fit_loras", "lora_space", "lora_updates"]

INPUTS, OUTPUTS, RANK = 12, 10, 4


class Updated(nn.Module):
    """A linear layer that stays as it is, and an update BA: of `(batch, in)` the `(batch, out)` that it gives.

    >>> Updated()(torch.zeros(5, 12)).shape
    torch.Size([5, 10])
    """

    base: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(torch.randn(RANK, INPUTS))
        self.lora_B = nn.Parameter(torch.zeros(OUTPUTS, RANK))
        drawn = torch.randn(OUTPUTS, INPUTS, generator=torch.Generator().manual_seed(0))
        self.register_buffer("base", drawn / INPUTS**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer and the update give together."""
        return x @ self.base.mT + x @ self.lora_A.mT @ self.lora_B.mT


def lora_space(group: str | None) -> WeightSpace:
    """The weight space of an `Updated`: a matrix of GL may be moved between the factors, or the rank is permuted."""
    back = "" if group is None else "^-1"
    tensors = {"lora_A": "r i", "lora_B": f"o r{back}"}
    free = {"i": INPUTS, "o": OUTPUTS}
    if group is None:
        return WeightSpace(tensors, sets={"r": RANK}, free=free)
    return WeightSpace(tensors, vectors={"r": {"size": RANK, "group": group}}, free=free)


def fit_loras(networks: int, steps: int, seed: int = 0) -> tuple[Features, Tensor]:
    """Train updates, all at once, each towards a change of weights of its own.

    A change has a rank from 1 to 4, singular values that fall by a factor of its own, and a norm of its own. Updates
    begin as usual, A at random and B at nought, and are trained by Adam with a rate of their own on random inputs.

    Parameters
    ----------
    networks
        How many updates.
    steps
        The number of steps.
    seed
        The seed of all that is drawn.

    Returns
    -------
    dict of Tensor
        The factors, features `{tensor: (network, *axes, 1)}` of `lora_space`.
    Tensor
        What is asked of each, from the product that was reached: `(network, 3)`, the logarithm of its norm, its
        effective rank (the exponential of the entropy of its singular values), and the share of its first output in
        the squares of its entries.
    """
    generator = torch.Generator().manual_seed(seed)

    def between(low: float, high: float) -> Tensor:
        return low * (high / low) ** torch.rand(networks, 1, 1, generator=generator)

    left, right = (torch.randn(networks, size, RANK, generator=generator) for size in (OUTPUTS, INPUTS))
    ranks = torch.randint(1, RANK + 1, (networks, 1, 1), generator=generator)
    falls = between(0.3, 1) ** torch.arange(RANK) * (torch.arange(RANK) < ranks)
    change = torch.linalg.qr(left).Q * falls @ torch.linalg.qr(right).Q.mT * between(0.3, 3)
    a = (between(0.3, 3) * torch.randn(networks, RANK, INPUTS, generator=generator) / INPUTS**0.5).requires_grad_()
    b = torch.zeros(networks, OUTPUTS, RANK, requires_grad=True)
    optimiser = torch.optim.Adam([a, b], lr=1e-2)
    for _ in range(steps):
        x = torch.randn(networks, INPUTS, 16, generator=generator)
        optimiser.zero_grad()
        ((b @ (a @ x)) - change @ x).square().mean((1, 2)).sum().backward()
        optimiser.step()
    with torch.no_grad():
        product = b @ a
        values = torch.linalg.svdvals(product)
        shares = values / values.sum(1, keepdim=True)
        rank = (-(shares * (shares + 1e-12).log()).sum(1)).exp()
        squares = product.square()
        first = squares[:, 0].sum(1) / squares.sum((1, 2))
        asked = torch.stack([squares.sum((1, 2)).sqrt().log(), rank, first], 1)
    return {"lora_A": a.detach()[..., None], "lora_B": b.detach()[..., None]}, asked


def lora_updates(networks: int = 2_000, steps: int = 300, tested: int = 500) -> Task:
    """G: norm, effective rank and share of an output of low-rank updates (Putterman et al. 2024 ask such of theirs).

    The test is on updates of their own; of the others an eighth is for validation.
    """
    whole, test = fitted_part("loras", networks, steps, seed=0), fitted_part("loras-tested", tested, steps, seed=1)
    mean, deviation = whole.targets.mean(0), whole.targets.std(0)
    whole, test = (Part(part.features, (part.targets - mean) / deviation) for part in (whole, test))
    train, validation, _ = three_parts(whole)
    return Task(
        "G: norm, rank and direction of LoRAs",
        train,
        validation,
        test,
        R2,
        nn.functional.mse_loss,
        whole.targets.shape[1],
        lora_space(None),
        lora_space("GL"),
        Updated(),
        torch.randn(64, INPUTS, generator=torch.Generator().manual_seed(1)),
        torch.positive,  # nothing is between the factors
    )


def fitted_part(name: str, networks: int, steps: int, seed: int) -> Part:
    """Updates and what is asked of them; `name` begins that of their file in the cache."""
    make = partial(fit_loras, networks, steps, seed)
    found, asked = kept_with_targets(f"{name}-{networks}-{steps}", "asked", make)
    return Part({tensor: found[tensor] for tensor in lora_space(None).names}, asked)


class OnProduct(nn.Module):
    """A perceptron on the entries of BA, standardised together."""

    def __init__(self, task: Task, hidden: int) -> None:
        super().__init__()
        entries = product_of(task.train.features)
        self.standardise = Standardised(entries.mean(0), entries.std(0).square().mean().sqrt())
        self.read_out = perceptron(entries.shape[1], hidden, task.outputs)

    def forward(self, x: Features) -> Tensor:
        return self.read_out(self.standardise(product_of(x)))  # type: ignore[no-any-return]


def product_of(x: Features) -> Tensor:
    """The entries of BA in a row, `(network, entry)`."""
    return (x["lora_B"][..., 0] @ x["lora_A"][..., 0]).flatten(1)


PRODUCTS: dict[str, Method] = {
    "product": Method(
        "perceptron on the product BA",
        trained(OnProduct),
        ({"hidden": 64}, {"hidden": 128, "rate": 1e-3}, {"hidden": 256, "rate": 1e-3}),
        lambda task: task.space.names == ("lora_A", "lora_B"),
    )
}
"""What the paper compares with: BA itself, on which GL does nothing."""
