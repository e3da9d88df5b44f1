"""`python -m papers.rotations`: what turning does to networks and to metanetworks, in Markdown."""

from __future__ import annotations

from importlib.metadata import version

import torch

from benchmarks.machine import machine, machine_text
from papers.rotations import images, kernels


def main() -> None:
    """Print the machine and both reports, each line when it is known."""
    torch.set_num_threads(1)
    print(f"escnn {version('escnn')}; {machine_text(machine(memory_kept=False))}")
    for title, report in (("Images", images.report), ("Kernels", kernels.report)):
        print(f"\n## {title}\n", flush=True)
        for line in report():
            print(line, flush=True)


if __name__ == "__main__":
    main()
