"""What `layergen trace` finds in the networks it is tested on: `python -m benchmarks.tracing` prints the table.

`python -m benchmarks.tracing gpt2` traces GPT-2 small at its full size; it takes 3 GiB of memory.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import layergen
from benchmarks.fresh import peak_mib
from benchmarks.machine import machine, machine_text
from layergen.tracing import automorphisms
from symmetry import group_order
from symmetry.maps.equivariant_maps import readable
from tests.layergen.tracing.networks import NETWORKS, made

__all__ = ["row"]

WORDS = {"sign": "signs", "positive": "scales", "O": "O", "GL": "GL"}
"""What acts on an index, in the table."""

HEADINGS = (
    "network",
    "tensors",
    "sets",
    "nested",
    "frozen axes",
    "group order",
    "preserved",
    "possible / tried",
    "s",
    "automorphisms",
    "s",
    "more than permutations",
    "s",
)


def row(name: str) -> list[str]:
    """One network: its sets, the nested ones among them, frozen axes, group, proof, extensions, parameter graph, and
    on how many of its indices more acts than permutations, with the seconds that a trace and proof of all takes.
    """
    network, inputs = made(name)
    start = time.perf_counter()
    found = layergen.trace(network, inputs)
    seconds = time.perf_counter() - start
    counts = (len(found.space), *sets(found), len(found.frozen))
    tried = f"{len(found.possible)} / {found.tried}"
    order = readable(group_order(found.space))
    start = time.perf_counter()
    same = automorphisms(network, [value[:1] for value in inputs]) == group_order(found.space)
    proofs = ["yes" if found.preserved else "no", tried, f"{seconds:.2f}", "as many" if same else "other"]
    proofs.append(f"{time.perf_counter() - start:.1f}")
    start = time.perf_counter()
    beyond = layergen.trace(network, inputs, symmetries="all")
    seconds = time.perf_counter() - start
    return [name, *map(str, counts), order, *proofs, more(beyond), f"{seconds:.2f}"]


def sets(found: layergen.Trace) -> tuple[int, int]:
    """The number of indices that a group moves, and how many of them are nested, in another one or in a position."""
    moving = [index for index in found.space.indices if index.action is not None and not index.embedded]
    return len(moving), sum(index.parent is not None for index in moving)


def more(found: layergen.Trace) -> str:
    """On how many indices which group acts beside permutations, and whether the proof holds."""
    words = [getattr(index, "group", getattr(index, "scaled", "")) for index in found.space.indices if index.charged]
    groups = ", ".join(f"{WORDS[word]} on {count}" for word, count in Counter(words).items())
    return f"{groups or 'none'}{'' if found.preserved and not found.warnings else ' (not preserved)'}"


def gpt2() -> str:
    """Seconds, memory and sets of GPT-2 small, random weights and one input of eight tokens."""
    import torch
    import transformers

    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False)).eval()
    start = time.perf_counter()
    found = layergen.trace(network, [torch.arange(8)[None]])
    seconds = time.perf_counter() - start
    counts = "{} tensors, {} sets, {} nested".format(len(found.space), *sets(found))
    return f"GPT-2 small: {counts}, preserved: {found.preserved}; {seconds:.0f} s, {peak_mib() / 1024:.1f} GiB"


def main() -> None:
    """Print the table, or the line for GPT-2."""
    if sys.argv[1:] == ["gpt2"]:
        print(gpt2())
        return
    rows = [
        list(HEADINGS),
        ["---", *["---:"] * (len(HEADINGS) - 3), "---", "---:"],
        *map(row, ["perceptron", *NETWORKS]),
    ]
    del rows[2]  # the first trace of a process loads torch.export
    print("\n".join(f"| {' | '.join(cells)} |" for cells in rows))
    print(f"\nMeasured on {machine_text(machine(memory_kept=False))}.")


if __name__ == "__main__":
    main()
