"""From a declared symmetry to a metanetwork on really trained networks, in one run: `python -m demo`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import layergen
import symmetry
from demo.figures import save_curves, save_scatter
from demo.network import DigitsCNN
from demo.permuting import largest_change, permuted
from demo.predictors import (
    BoostingPredictor,
    Learner,
    Row,
    metanet_predictor,
    perceptron_predictor,
    probed_predictor,
    probes_predictor,
    take,
)
from demo.report import write_report
from demo.zoo import digits, load_or_train
from layergen import Features
from layergen.drawing import block_matrix
from layergen.testing import assert_equivariant, assert_invariant, by_emitted_rank

HERE = Path(__file__).parent
OUT = HERE / "out"
VALIDATION, HELD_OUT = 100, 300
"""How many networks choose the best epoch, and how many are only ever predicted."""


@dataclass(frozen=True, slots=True)
class Data:
    """Features and targets of the zoo, split; `moved` are the held-out networks with their neurons permuted.

    Targets `(network, target)` are the test accuracy, and the logarithm of the learning rate, standardised.
    """

    train: Features
    train_targets: torch.Tensor
    validation: Features
    validation_targets: torch.Tensor
    held_out: Features
    moved: Features
    held_out_targets: NDArray[np.float64]


def main(arguments: list[str] | None = None) -> None:
    """Run the demonstration; the seed is that of the predictors, the zoo and its split stay."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the seed of the predictors' initial weights")
    seed = parser.parse_args(arguments).seed
    console, start = Console(), time.perf_counter()
    torch.manual_seed(seed)
    OUT.mkdir(exist_ok=True)
    console.rule("1  A zoo of trained networks")
    zoo = load_or_train()
    console.print(f"{len(zoo)} CNNs, trained on scikit-learn's digits; test accuracy {spread(zoo.test_accuracy)}")
    console.rule("2  Declare, derive, prove")
    space = traced_space(console)
    console.print(str(space), highlight=False, markup=False)
    maps = symmetry.EquivariantMaps(space)
    report = symmetry.verify(maps, proofs=(*symmetry.PROOFS, by_emitted_rank))
    console.print(proof_table(report))
    block_matrix(maps).savefig(OUT / "block_matrix.png", dpi=150)
    console.rule("3  Write the layer, test it")
    test_layer(space, console)
    console.rule("4  Predict accuracy and learning rate from weights")
    rates = zoo.hyperparameters["learning_rate"].float().log()
    targets = torch.stack([zoo.test_accuracy.float(), (rates - rates.mean()) / rates.std()], 1)
    data = split(layergen.stack(zoo.state_dicts, space), targets, space)
    change = largest_change(
        take(data.held_out, slice(20)), take(data.moved, slice(20)), digits().test_images[:50, None]
    )
    console.print(f"permuting their neurons changes the held-out networks' logits by {change:.1e} of the largest")
    predictions, learners = predict(data, space, console)
    rows = {label: Row.of(plain, moved, data.held_out_targets) for label, (plain, moved) in predictions.items()}
    console.print(score_table(rows))
    console.print("perm.: the same networks, neurons permuted; change: mean |difference| of the predicted accuracies")
    accuracies = {label: (plain[:, 0], moved[:, 0]) for label, (plain, moved) in predictions.items()}
    save_scatter(OUT / "scatter.png", data.held_out_targets[:, 0], accuracies, rows)
    save_curves(OUT / "curves.png", learners)
    seconds = time.perf_counter() - start
    write_report(OUT / "report.md", maps, report, rows, change, (len(zoo), len(data.train_targets)), machine(), seconds)
    console.print(f"\nreport, figures and the emitted layer: {OUT}")
    console.print(f"{seconds:.0f} s on {machine()}")


def traced_space(console: Console) -> symmetry.WeightSpace:
    """The weight space of a network of the zoo, derived from its graph; it is to be the one declared by hand."""
    traced = layergen.trace(DigitsCNN(), [digits().test_images[:5, None]])
    declared = symmetry.load(HERE / "digits_cnn.toml")
    if symmetry.canonical(traced.space) != symmetry.canonical(declared):
        raise SystemExit(f"the traced specification is not the declared one:\n{traced.space}")
    console.print("traced from the module, proved by function preservation, and equal to digits_cnn.toml up to names:")
    return traced.space


def spread(accuracy: torch.Tensor) -> str:
    """Lowest, median and highest."""
    low, middle, high = accuracy.double().quantile(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)).tolist()
    return f"from {low:.2f} over {middle:.2f} to {high:.2f}"


def machine() -> str:
    """Processor, cores and threads, for the record."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, torch {torch.__version__} with {torch.get_num_threads()} threads"


def proof_table(report: symmetry.Report) -> Table:
    """Dimensions by target tensor, and what each proof found."""
    table = Table(title="dimension of all maps into each tensor (weights + biases), by formula and by each proof")
    for heading in ("tensor", "formula", *report.proofs):
        table.add_column(heading, justify="left" if heading == "tensor" else "right")
    findings = report.findings
    for tensor in report.maps.target:
        own = [finding for finding in findings if finding.block.target == tensor]
        formula = sum(finding.block.dimension for finding in own if finding.proof == report.proofs[0])
        sums = [sum(f.found or 0 for f in own if f.proof == proof) for proof in report.proofs]
        table.add_row(tensor.name, str(formula), *map(str, sums))
    total = [sum(f.found or 0 for f in findings if f.proof == proof) for proof in report.proofs]
    table.add_section()
    table.add_row("all", str(report.maps.dimension + report.maps.bias_dimension), *map(str, total))
    return table


def test_layer(space: symmetry.WeightSpace, console: Console) -> None:
    """Write the layer to a file, import the file, and test what was imported."""
    path = OUT / "digits_layer.py"
    path.write_text(layergen.generate(space, name="DigitsLayer"))
    layer = imported(path).DigitsLayer(4, 4, dtype=torch.float64)
    console.print(f"wrote {path}: {len(path.read_text().splitlines())} lines, {type(layer).DIMENSION} weights and")
    console.print(f"{type(layer).BIAS_DIMENSION} biases a channel pair")
    assert_equivariant(layer, space)
    assert_invariant(layergen.InvariantLinear(space, 4, 3, dtype=torch.float64), space)
    console.print("equivariant under hypothesis' permutations to 1e-10")


def imported(path: Path) -> ModuleType:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def split(x: Features, targets: torch.Tensor, space: symmetry.WeightSpace) -> Data:
    """Training, validation and held-out networks, in the zoo's own random order."""
    held = slice(len(targets) - HELD_OUT, len(targets))
    validation = slice(held.start - VALIDATION, held.start)
    train = slice(0, validation.start)
    held_out = take(x, held)
    return Data(
        take(x, train),
        targets[train],
        take(x, validation),
        targets[validation],
        held_out,
        permuted(held_out, space),
        targets[held].double().numpy(),
    )


Predictions = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


def predict(data: Data, space: symmetry.WeightSpace, console: Console) -> tuple[Predictions, dict[str, Learner]]:
    """Train the predictors; their predictions on the held-out networks, as they are and permuted."""
    made = (
        metanet_predictor(space, data.train),
        perceptron_predictor(data.train),
        probes_predictor(space, data.train),
        probed_predictor(space, data.train),
    )
    learners: dict[str, Learner] = {learner.label: learner for learner in made}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        for learner in learners.values():
            learner.fit(data.train, data.train_targets, data.validation, data.validation_targets, bar)
    boosting = BoostingPredictor()
    boosting.fit(data.train, data.train_targets)
    metanet, perceptron, outputs, probed = learners.values()
    for learner in (metanet, probed):
        assert_invariant(learner.network.eval(), space, tolerance=1e-4)
    several = (metanet, boosting, perceptron, outputs, probed)
    predictors = {predictor.label: predictor for predictor in several}
    return {label: (p.predict(data.held_out), p.predict(data.moved)) for label, p in predictors.items()}, learners


def score_table(rows: dict[str, Row]) -> Table:
    """τ and R² of each predictor, τ after permuting neurons, how far that moves a prediction; R² of the rate."""
    table = Table(title=f"{HELD_OUT} held-out networks: predicted against true test accuracy, and learning rate")
    for heading in ("predictor", "τ", "R²", "τ perm.", "change", "rate R²"):
        table.add_column(heading, justify="left" if heading == "predictor" else "right", no_wrap=True)
    for label, row in rows.items():
        numbers = row.plain.tau, row.plain.r2, row.moved.tau, row.change, row.rate.r2
        table.add_row(label, *(f"{value:.3f}" for value in numbers))
    return table


if __name__ == "__main__":
    main()
