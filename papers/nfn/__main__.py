"""`python -m papers.nfn`: measure the layers of nfn and print the tables of the page, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from itertools import product

import torch

from papers.chains import SYMMETRIES, Chain
from papers.nfn.layers import NONLINEAR
from papers.nfn.measuring import judge, judge_pool, watch
from papers.nfn.tables import header, nonlinear_row, other_row, own_row, pool_row, variant_row

PERCEPTRONS = tuple(
    Chain(widths)
    for widths in ((2, 4, 1), (3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 2), (3, 4, 4, 4, 2), (3, 4, 5, 4, 5, 2), (2, 3, 1, 2))
)
CONVOLUTIONS = Chain((2, 3, 4, 2), (1, 2)), Chain((1, 2, 3, 2), (3, 3))
INR = Chain((2, 32, 32, 1))
"""An implicit neural representation, as in the paper's experiments."""
MIDDLE = Chain((2, 3, 4, 2))
"""The network that is judged where one is enough."""


def own_rows() -> Iterator[str]:
    """Each layer against the symmetry that it is made for."""
    for layer, symmetry, more in (("HNPLinear", "HNP", ()), ("NPLinear", "NP", (Chain((3, 4)),))):
        for chain in (*more, *PERCEPTRONS, *CONVOLUTIONS):
            yield own_row(judge(layer, symmetry, chain))
        yield own_row(judge(layer, symmetry, INR, shrink=True))


def other_rows() -> Iterator[str]:
    """Each layer against the other symmetry, and the layer with embedded inputs and outputs against both."""
    pairs = ("HNPLinear", "NP"), ("NPLinear", "HNP"), ("NPLinear, io_embed", "NP"), ("NPLinear, io_embed", "HNP")
    for (layer, symmetry), widths in product(pairs, ((3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 2))):
        yield other_row(judge(layer, symmetry, Chain(widths)))


def variant_rows() -> Iterator[str]:
    """`HNPLinear` with the map that it lacks, and two in sequence."""
    for layer, widths in product(("HNPLinear and the map", "two HNPLinear"), ((3, 4, 2), (2, 3, 4, 2))):
        yield variant_row(judge(layer, "HNP", Chain(widths)))


def pool_rows() -> Iterator[str]:
    """Both pools against both symmetries."""
    chains = (Chain((3, 4, 2)), MIDDLE, Chain((3, 4, 4, 4, 2)), CONVOLUTIONS[0])
    for layer, symmetry, chain in product(("HNPPool", "NPPool"), ("HNP", "NP"), chains):
        yield pool_row(judge_pool(layer, symmetry, chain))


def nonlinear_rows() -> Iterator[str]:
    """Attention in each setting against NP, and what is made for one symmetry against the other."""
    settings = [name for name in NONLINEAR if name.startswith("NPAttention")]
    for setting, widths in product(settings, ((3, 4), (3, 4, 2), (2, 3, 4, 2), (3, 4, 4, 4, 2))):
        yield nonlinear_row(watch(setting, "NP", Chain(widths)))
    yield nonlinear_row(watch("NPAttention, share_projections=False", "NP", CONVOLUTIONS[0]))
    yield nonlinear_row(watch("NPAttention", "HNP", MIDDLE))
    for layer, symmetry in product(("NPLinear, ReLU, NPLinear", "NPLinear, ReLU, NPLinear, io_embed"), SYMMETRIES):
        yield nonlinear_row(watch(layer, symmetry, MIDDLE))


TABLES = {
    "own": own_rows,
    "other": other_rows,
    "variants": variant_rows,
    "pools": pool_rows,
    "nonlinear": nonlinear_rows,
}


def main() -> None:
    """Print the versions and the tables, each row when it is measured."""
    torch.set_num_threads(1)
    print(f"nfn {version('nfn')}, torch {torch.__version__}")
    for name, rows in TABLES.items():
        print(f"\n{header(name)}", flush=True)
        for line in rows():
            print(line, flush=True)


if __name__ == "__main__":
    main()
