"""The demonstration's findings as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from demo.predictors import Row
from symmetry import EquivariantMaps, Report

__all__ = ["write_report"]


def write_report(
    path: Path,
    maps: EquivariantMaps,
    proofs: Report,
    scores: Mapping[str, Row],
    change: float,
    counts: tuple[int, int],
    machine: str,
    seconds: float,
) -> None:
    """Write the report, through a temporary file. `counts` are all networks and those trained on."""
    networks, trained = counts
    ran = ", ".join(proofs.proofs)
    rows = [f"| {label} | {' | '.join(f'{number:.3f}' for number in row.numbers)} |" for label, row in scores.items()]
    lines = [
        "# Predicting a network's test accuracy and learning rate from its weights",
        "",
        f"{networks} CNNs trained on scikit-learn's digits; {trained} of them to learn from, the rest held out.",
        f"Dimension of the derived layer: {maps.dimension} weights and {maps.bias_dimension} biases a channel pair,",
        f"agreed on by: formula, {ran}.",
        "",
        "| predictor | τ | R² | τ, permuted | R², permuted | predictions changed by | R² of the learning rate |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Permuting the neurons changes the held-out networks' logits by {change:.1e} of the largest: it is the same",
        "networks, written in another order.",
        "",
        "![predicted against true](scatter.png)",
        "",
        "![validation](curves.png)",
        "",
        "![the whole map: within a block, entries of one colour share a parameter](block_matrix.png)",
        "",
        f"{seconds:.0f} s on {machine}.",
    ]
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(path)
