"""Folders of small networks for tests."""

import csv

import torch
from safetensors.torch import save_file

from symmetry import WeightSpace

__all__ = ["SPACE", "fill", "network", "write_labels"]

SPACE = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}, sets={"h": 8}, free={"x": 2, "y": 1}
)


def network(seed, width=4, dtype=torch.float32):
    """The `state_dict` of a perceptron 2-width-1."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"0.weight": (width, 2), "0.bias": (width,), "2.weight": (1, width), "2.bias": (1,)}
    return {name: torch.randn(shape, generator=generator).to(dtype) for name, shape in shapes.items()}


def write_labels(path, rows):
    """Write rows as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def fill(folder, widths, *, suffix=".safetensors", score=lambda state: float(state["2.weight"].square().sum())):
    """Write a network of each width, with labels: a number, a class, and an integer."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, width in enumerate(widths):
        state, name = network(number, width), f"{number:03}{suffix}"
        if suffix == ".safetensors":
            save_file(state, folder / name)
        else:
            torch.save(state, folder / name)
        value = score(state)
        rows.append({"file": name, "score": value, "kind": "large" if value > width else "small", "width": width})
    write_labels(folder / "labels.csv", rows)
    return folder
