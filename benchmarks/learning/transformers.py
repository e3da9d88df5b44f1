"""N: small transformers that read English letter by letter, each with a recipe of its own; find how well each reads."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import sklearn.datasets
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

import layergen
from benchmarks.learning.kept import kept_with_targets
from benchmarks.learning.recipes import Adam, evenly, like
from benchmarks.learning.tasks import TAU, Part, Task, three_parts
from layergen import Features
from symmetry import WeightSpace

__all__ = ["Reader", "fit_readers", "reader_space", "readers", "text"]

LETTERS, WIDTH, HEADS, UNITS, LAYERS, LENGTH = 27, 16, 2, 32, 2, 24
STRINGS, TESTED = 16, 256
"""How many strings a step takes; how many the accuracy of a network is measured on."""


class Block(nn.Module):
    """A block of a transformer without biases in its attention: of `(batch, time, width)` the same."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, UNITS), nn.Linear(UNITS, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Attention to what came before, then a perceptron."""
        normal = self.norm1(x)
        heads = [
            layer(normal).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        ]
        later = torch.ones(x.shape[1], x.shape[1]).triu(1) * -1e4
        scores = (heads[0] @ heads[1].mT / (WIDTH // HEADS) ** 0.5 + later).softmax(-1)
        x = x + self.out((scores @ heads[2]).transpose(1, 2).flatten(2))
        read: Tensor = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
        return read


class Reader(nn.Module):
    """A transformer: of strings `(batch, time, letter)`, one-hot, what comes next, `(batch, time, letter)` logits.

    >>> Reader()(torch.zeros(5, 24, 27)).shape
    torch.Size([5, 24, 27])
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(LETTERS, WIDTH, bias=False)
        self.positions = nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.read_out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, LETTERS)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at every place."""
        hidden = self.embedding(x) + self.positions
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.read_out(self.norm(hidden))
        return logits


def reader_space(*, families: bool = True, bases: bool = False) -> WeightSpace:
    """The weight space of a `Reader`; letters and places are frozen.

    Parameters
    ----------
    families
        Whether the tensors of the blocks are families over `layer`; else each is a tensor by itself.
    bases
        Whether an invertible matrix may act on the units of each head's queries against its keys, and of its values
        against the output; else the units are permuted.
    """
    back = "^-1" if bases else ""
    axes = {
        "norm1.weight": "d",
        "norm1.bias": "d",
        "query.weight": "(head qk) d",
        "key.weight": f"(head qk{back}) d",
        "value.weight": "(head vo) d",
        "out.weight": f"d (head vo{back})",
        "norm2.weight": "d",
        "norm2.bias": "d",
        "up.weight": "u d",
        "up.bias": "u",
        "down.weight": "d u",
        "down.bias": "d",
    }
    layers = ["{layer}"] if families else [str(layer) for layer in range(LAYERS)]
    ends = [""] if families else layers
    tensors = {"embedding.weight": "d letter", "positions": "place d"}
    sets, vectors = {"d": WIDTH}, {}
    for layer, end in zip(layers, ends, strict=True):
        own = {word: f"{word}{end}" for word in ("head", "qk", "vo", "u")}
        within = {"within": "layer"} if families else {}
        sets |= {own["head"]: {"size": HEADS, **within}, own["u"]: {"size": UNITS, **within}}
        units = {own[name]: {"size": WIDTH // HEADS, "within": own["head"]} for name in ("qk", "vo")}
        vectors |= {name: {**kind, "group": "GL"} for name, kind in units.items()} if bases else {}
        sets |= {} if bases else units
        for name, written in axes.items():
            tensors[f"blocks.{layer}.{name}"] = renamed(written, own)
    tensors |= {"norm.weight": "d", "norm.bias": "d", "read_out.weight": "letter d", "read_out.bias": "letter"}
    positional = {"letter": LETTERS, "place": LENGTH} | ({"layer": LAYERS} if families else {})
    return WeightSpace(tensors, sets=sets, vectors=vectors, positional=positional)


def renamed(written: str, names: dict[str, str]) -> str:
    """Axes with other names for some of their indices."""
    for old, new in names.items():
        written = written.replace(old, new)
    return written


def text() -> Tensor:
    """English: the letters of the descriptions of scikit-learn's data sets, from 0 for a gap to 26 for z."""
    folder = Path(sklearn.datasets.__file__).parent / "descr"
    words = " ".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.rst"))).lower()
    letters = " ".join("".join(letter if "a" <= letter <= "z" else " " for letter in words).split())
    return torch.tensor([0 if letter == " " else ord(letter) - ord("a") + 1 for letter in letters])


def strings(letters: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Strings `(string, time, letter)`, one-hot, cut from a text at random, and the letters that come next."""
    starts = torch.randint(0, len(letters) - LENGTH, (count, 1), generator=generator)
    cut = letters[starts + torch.arange(LENGTH + 1)]
    return nn.functional.one_hot(cut[:, :-1], LETTERS).float(), cut[:, 1:]


def fit_readers(networks: int, steps: int, seed: int = 0) -> tuple[Features, Tensor]:
    """Train transformers on four fifths of a text, all at once, each with a recipe of its own.

    A recipe is a learning rate of Adam (from 3e-4 to 3e-2), a number of steps (from a tenth of all), the deviation of
    initial weights (from a third to three over the root of the fan-in) and the share of wrong letters (up to 0.5).

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
        The weights, features `{tensor: (network, *axes, 1)}` of `reader_space`.
    Tensor
        The share of letters of the rest of the text that each network foretells, `(network,)`.
    """
    generator, module = torch.Generator().manual_seed(seed), Reader()

    ranges = (3e-4, 3e-2), (0.1, 1.0), (0.3, 3.0), (0.01, 0.5)
    rate, last, spread, wrong = (evenly(networks, *ends, generator) for ends in ranges)
    weights = {}
    for name, value in module.named_parameters():
        drawn = torch.randn(networks, *value.shape, generator=generator)
        matrix = like(spread, drawn) * drawn * value.shape[-1] ** -0.5
        weights[name] = (matrix if value.ndim > 1 else value.detach().expand_as(drawn).clone()).requires_grad_()
    run = vmap(lambda state, x: functional_call(module, state, (x,)), in_dims=(0, None))
    letters, adam = text(), Adam(weights)
    known = len(letters) * 4 // 5
    for step in range(steps):
        x, after = strings(letters[:known], STRINGS, generator)
        drawn = torch.randint(0, LETTERS, (networks, *after.shape), generator=generator)
        taken = torch.where(torch.rand(drawn.shape, generator=generator) < wrong[:, None, None], drawn, after)
        logits = run(weights, x)
        loss = nn.functional.cross_entropy(logits.flatten(0, 2), taken.flatten(), reduction="sum") / after.numel()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step(rate * (step < last * steps))
    with torch.no_grad():
        x, after = strings(letters[known:], TESTED, torch.Generator().manual_seed(seed + 1))
        parts = [
            run({name: value[rows] for name, value in weights.items()}, x) for rows in torch.arange(networks).split(50)
        ]
        right = torch.cat([(part.argmax(-1) == after).double().mean((1, 2)) for part in parts])
    members = [{name: value[network].detach() for name, value in weights.items()} for network in range(networks)]
    return layergen.stack(members, reader_space()), right.float()


def readers(networks: int = 600, steps: int = 400) -> Task:
    """N: how well small language models read, their blocks stacked."""
    fitted = partial(fit_readers, networks, steps)
    features, found = kept_with_targets(f"readers-{networks}-{steps}", "accuracy", fitted)
    accuracy = found[:, None]
    targets = (accuracy - accuracy.mean()) / accuracy.std()
    whole = Part({name: features[name] for name in reader_space().names}, targets)
    return Task(
        "N: accuracy of transformers",
        *three_parts(whole, 6),
        TAU,
        nn.functional.mse_loss,
        1,
        reader_space(),
        reader_space(bases=True),
        Reader(),
        strings(text(), 64, torch.Generator().manual_seed(2))[0],
        nn.functional.gelu,
    )
