"""What `layergen trace` finds in the networks it is tested on: `python -m benchmarks.tracing` prints the table."""

from __future__ import annotations

import time

import layergen
from benchmarks.machine import machine, machine_text
from symmetry import group_order
from symmetry.maps import readable
from tests.layergen.networks import NETWORKS, made

__all__ = ["row"]

HEADINGS = ("network", "tensors", "sets", "nested", "frozen axes", "group order", "preserved", "possible / tried", "s")


def row(name: str) -> list[str]:
    """One network: its sets, the nested ones among them, frozen axes, group, proof, extensions, seconds."""
    network, inputs = made(name)
    start = time.perf_counter()
    found = layergen.trace(network, inputs)
    seconds = time.perf_counter() - start
    nested = sum(index.parent is not None for index in found.space.indices)
    counts = (len(found.space), len(found.space.indices), nested, len(found.frozen))
    tried = f"{len(found.possible)} / {found.tried}"
    order = readable(group_order(found.space))
    return [name, *map(str, counts), order, "yes" if found.preserved else "no", tried, f"{seconds:.2f}"]


def main() -> None:
    """Print the table."""
    rows = [list(HEADINGS), ["---", *["---:"] * (len(HEADINGS) - 1)], *map(row, ["perceptron", *NETWORKS])]
    del rows[2]  # the first trace of a process loads torch.export
    print("\n".join(f"| {' | '.join(cells)} |" for cells in rows))
    print(f"\nMeasured on {machine_text(machine(memory_kept=False))}.")


if __name__ == "__main__":
    main()
