"""Fashion-MNIST as INRs: a network for each of its 70,000 pictures, or several of some of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from rich.progress import track
from torch import Tensor

from benchmarks.learning.inrs import fit_inrs, grid
from benchmarks.learning.kept import kept
from benchmarks.learning.methods import Method, outputs_alone, probed
from benchmarks.learning.tasks import Part, Task, fashion_inrs, fashion_part, idx, task_of_clothes

__all__ = ["PICTURED", "clothes", "clothes_in_views"]

WIDTHS, STEPS, POINTS = (2, 32, 32, 1), 200, 196
"""The layers of a network, the steps it was fitted by, and the pixels that a step took."""
PIECE, HELD = 5_000, 5_000
"""How many networks a file of the cache holds; how many pictures to train on are held back for validation."""
PIXELS = 28 * 28
PARTS = {"train": 60_000, "t10k": 10_000}
"""How many pictures the data set has to train on and to test on."""


def clothes(networks: int) -> Task:
    """Find the piece of clothing of INRs, by some networks to train on; the test is on all 10,000 pictures for it.

    Parameters
    ----------
    networks
        How many of the 60,000 pictures to train on are used. Of all, the last 5,000 are for validation alone, of
        fewer, the 5,000 after them.

    Returns
    -------
    Task
        The task; what the cache does not hold is fitted, 40 networks a second on a core.
    """
    whole, test = part("train", min(networks + HELD, PARTS["train"])), part("t10k", PARTS["t10k"])
    train, validation = whole.take(slice(-HELD)), whole.take(slice(-HELD, None))
    return task_of_clothes(
        f"{'M' if networks > 50_000 else 'L'}: clothes of INRs, {len(train):,} to train on", train, validation, test
    )


def clothes_in_views(views: int = 4, networks: int = 5_000) -> Task:
    """V: as E, with several networks of each picture to train on, from initial weights of their own.

    Parameters
    ----------
    views
        How many networks there are of a picture to train on; one of them is that of E.
    networks
        How many pictures there are in all.

    Returns
    -------
    Task
        The task; networks for validation and test are those of E.
    """
    task = fashion_inrs(networks)
    count = len(task.train)
    others = [
        fashion_part(f"fashion-again-{view}", networks - count, count, seed=10_000 + view) for view in range(1, views)
    ]
    several = [task.train, *others]
    features = {name: torch.cat([part.features[name] for part in several]) for name in task.space.names}
    train = Part(features, torch.cat([part.targets for part in several]))
    return replace(task, title=f"V: clothes of INRs, {views} networks a picture", train=train)


def part(name: str, networks: int) -> Part:
    """The first networks of a part of the data set, in the order of its files."""
    labels = idx(f"{name}-labels-idx1-ubyte.gz")[:networks].long()
    pieces = [fitted(name, start) for start in track(range(0, networks, PIECE), f"INRs of {name}", transient=True)]
    names = [f"layers.{layer}.{kind}" for layer in range(len(WIDTHS) - 1) for kind in ("weight", "bias")]
    return Part({key: torch.cat([piece[key] for piece in pieces])[:networks] for key in names}, labels)


def fitted(name: str, start: int) -> dict[str, Tensor]:
    """The networks of 5,000 pictures from one on; each piece has a seed of its own."""

    def fit() -> dict[str, Tensor]:
        signals = idx(f"{name}-images-idx3-ubyte.gz")[start : start + PIECE].float().flatten(1)[..., None] / 255
        seed = start // PIECE + (1_000 if name == "t10k" else 0)
        features, decibels = fit_inrs(grid(28), signals, WIDTHS, steps=STEPS, seed=seed, points=POINTS)
        return features | {"decibels": torch.tensor([decibels])}

    pieces = kept(f"clothes-{name}-{start}-{STEPS}", fit)
    return {key: value for key, value in pieces.items() if key != "decibels"}


def of_large_pictures(task: Task) -> bool:
    """Whether networks show pictures of 28 × 28 pixels, and there is time for all of them."""
    return len(task.examples) == PIXELS and len(task.test) > HELD


PICTURED: dict[str, Method] = {
    "pixels": Method(
        "outputs at up to all pixels alone",
        outputs_alone,
        ({"count": PIXELS, "first": 0.9}, {"count": 392, "first": 0.8}, {"count": 196, "first": 0.6}),
        of_large_pictures,
    ),
    "pixels-probed": Method(
        "`Metanet` with as many probes",
        probed,
        (
            {"hidden": 8, "layers": 1, "count": PIXELS, "rate": 1e-3, "first": 0.9},
            {"hidden": 8, "layers": 1, "count": 392, "rate": 1e-3, "first": 0.8},
            {"hidden": 8, "layers": 1, "count": 196, "rate": 1e-3, "first": 0.6},
        ),
        of_large_pictures,
    ),
}
"""Methods with so many probes that they show whole pictures."""


if __name__ == "__main__":
    clothes(PARTS["train"])
