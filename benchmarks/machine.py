"""The machine that the figures are of."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

__all__ = ["machine", "machine_text"]


def machine(*, memory_kept: bool) -> dict[str, str | int | float]:
    """Processor, cores, threads, versions, how busy the machine was when this was called, what malloc does."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": round(load, 2),
        "malloc": "keeps memory" if memory_kept else "default",
    }


def machine_text(facts: dict[str, str | int | float]) -> str:
    """The machine in a line."""
    return (
        f"{facts['cpu']}, {facts['cores']} cores, torch {facts['torch']} with {facts['threads']} threads, "
        f"Python {facts['python']}, malloc: {facts['malloc']}; load average at the start {facts['load']}"
    )


def cpu_model() -> str:
    """The processor's name where the system tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
