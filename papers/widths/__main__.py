"""`python -m papers.widths`: what is learned at one width and asked at others, as a table in Markdown."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping

import torch

from benchmarks.learning.tasks import Part, r2
from benchmarks.machine import machine, machine_text
from papers.scaling.learning import Split
from papers.scaling.zoo import fit_zoo
from papers.widths.learning import METHODS, wider


def questions(split: Split, others: Mapping[int, Part], width: int) -> dict[str, Part]:
    """The networks that a method is asked about, by the head of their column."""
    widened = {f"{other}, widened": wider(split.test, other // width) for other in others}
    return {f"{width}": split.test, **widened, **{f"{other}, trained": zoo for other, zoo in others.items()}}


def main(arguments: list[str] | None = None) -> None:
    """Fit the zoos, train every method with every seed at the first width, print a row when it is known."""
    parser = argparse.ArgumentParser(prog="python -m papers.widths", description=__doc__)
    parser.add_argument("--networks", type=int, default=1_400, help="networks of the first width")
    parser.add_argument("--widths", type=int, nargs="+", default=[24, 48, 96], help="multiples of the first")
    parser.add_argument("--seconds", type=float, default=30, help="processor time to train one method")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1_500, help="steps in which the networks are fitted")
    chosen = parser.parse_args(arguments)
    first, *others = chosen.widths
    if any(width % first for width in others):
        parser.error(f"--widths {' '.join(map(str, chosen.widths))}: give multiples of the first")
    torch.set_num_threads(1)
    print(machine_text(machine(memory_kept=False)), flush=True)
    zoos = {}
    for seed, width in enumerate(chosen.widths):
        networks = chosen.networks if width == first else chosen.networks // 7
        zoos[width] = fit_zoo("tanh", networks, width=width, steps=chosen.steps, seed=seed)
        print(f"width {width}: {networks} networks, mean squared error {zoos[width].error:.1e}", flush=True)
    trained = {width: zoos[width] for width in others}
    heads = questions(Split.of(zoos[first], 0), trained, first)
    print("\n| R² of (a, b) at width | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads), flush=True)
    for label, method in METHODS.items():
        found: dict[str, list[float]] = {head: [] for head in heads}
        for seed in range(chosen.seeds):
            torch.manual_seed(seed)
            split = Split.of(zoos[first], seed)
            predict = method(split, chosen.seconds)
            for head, zoo in questions(split, trained, first).items():
                found[head].append(r2(predict(zoo), zoo.targets))
        cells = []
        for scores in found.values():
            spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
            cells.append(f"{statistics.mean(scores):.2f} ± {spread:.2f}")
        print(f"| {label.strip()} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
