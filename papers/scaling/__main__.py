"""`python -m papers.scaling`: what signs and scales are worth to a metanetwork, as a table in Markdown."""

from __future__ import annotations

import argparse
import statistics

import torch

from benchmarks.machine import machine, machine_text
from papers.scaling.learning import METHODS, Split
from papers.scaling.zoo import ACTIVATIONS, fit_zoo


def main(arguments: list[str] | None = None) -> None:
    """Fit the zoos, train every method with every seed, print a row when it is known."""
    parser = argparse.ArgumentParser(prog="python -m papers.scaling", description=__doc__)
    parser.add_argument("--networks", type=int, default=1_400, help="networks in each zoo")
    parser.add_argument("--seconds", type=float, default=30, help="processor time to train one method")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(machine_text(machine(memory_kept=False)), flush=True)
    zoos = {name: fit_zoo(name, chosen.networks) for name in ACTIVATIONS}
    for name, zoo in zoos.items():
        print(f"{name}: {chosen.networks} networks, mean squared error {zoo.error:.1e}", flush=True)
    print("\n| R² of (a, b) |" + "".join(f" {name} |" for name in zoos) + "\n|---|" + "---|" * len(zoos), flush=True)
    for label, method in METHODS.items():
        cells = []
        for name, zoo in zoos.items():
            found = []
            for seed in range(chosen.seeds):
                torch.manual_seed(seed)
                found.append(method(Split.of(zoo, seed), name, chosen.seconds))
            spread = statistics.stdev(found) if len(found) > 1 else 0.0
            cells.append(f"{statistics.mean(found):.3f} ± {spread:.3f}")
        print(f"| {label.strip()} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
