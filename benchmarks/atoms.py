"""Networks that nobody here has trained: the 64 perceptrons of the ANI potentials, for energies of atoms.

    pip download --no-deps torchani==1.2
    python -m benchmarks.atoms torchani-1.2-py3-none-any.whl

reads them from the wheel, which needs not be installed: for each of four elements the eight members of two ensembles,
of which ANI-1ccx (Smith et al. 2019, "Approaching coupled cluster accuracy with a general-purpose neural network
potential through transfer learning") was trained on from ANI-1x. Asked of each network, from the others, are its
element, its ensemble, and its member, with neurons as they are and permuted at random. Answers are those of the nearest
other network, by a row of numbers: all weights, or the statistics of a `Metanet`, which no permutation changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch
import typer
from torch import Tensor

import layergen
from layergen.nn import Metanet
from symmetry import WeightSpace

__all__ = ["Atom", "application", "nearest", "networks", "rows_of"]

ELEMENTS, ENSEMBLES, MEMBERS, LAYERS = "HCNO", ("ani-1x_8x", "ani-1ccx_8x"), 8, 4
INPUTS = 384
QUESTIONS = ("element", "ensemble", "member")
application = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Atom:
    """A network: the element whose energy it gives, its ensemble, its number there, and its weights."""

    element: str
    ensemble: str
    member: int
    state: dict[str, Tensor]


def networks(wheel: Path) -> list[Atom]:
    """The networks in a wheel of torchani 1.2.

    Parameters
    ----------
    wheel
        The file.

    Returns
    -------
    list of Atom
        64 perceptrons of four layers, `{"0.weight": (out, in), "0.bias": (out,), …}`.

    Raises
    ------
    ValueError
        If the file is no archive, or a network is not in it.
    """

    def read(archive: ZipFile, path: str) -> Tensor:
        return torch.from_numpy(np.frombuffer(archive.read(path), np.float32).copy())

    found = []
    try:
        with ZipFile(wheel) as archive:
            for ensemble in ENSEMBLES:
                for member in range(MEMBERS):
                    for element in ELEMENTS:
                        stem = f"torchani/resources/{ensemble}/train{member}/networks/ANN-{element}.nnf-l"
                        state = {}
                        for layer in range(LAYERS):
                            bias = read(archive, f"{stem}{layer + 1}.bparam")
                            state[f"{layer}.weight"] = read(archive, f"{stem}{layer + 1}.wparam").view(len(bias), -1)
                            state[f"{layer}.bias"] = bias
                        found.append(Atom(element, ensemble, member, state))
    except (KeyError, BadZipFile, OSError) as error:
        raise ValueError(f"{wheel}: not a wheel of torchani 1.2: {error}") from None
    return found


def space_of(state: dict[str, Tensor]) -> WeightSpace:
    """The weight space of one of the perceptrons."""
    axes = {}
    for layer, (before, after) in enumerate(pairwise(["x", "h1", "h2", "h3", "y"])):
        axes |= {f"{layer}.weight": f"{after} {before}", f"{layer}.bias": after}
    sets = {f"h{layer + 1}": len(state[f"{layer}.bias"]) for layer in range(LAYERS - 1)}
    return WeightSpace(axes, sets=sets, free={"y": 1}, positional={"x": INPUTS})


def permuted(atom: Atom, seed: int) -> Atom:
    """The same network, its hidden neurons in another order."""
    space = space_of(atom.state)
    moved = layergen.augment(layergen.stack([atom.state], space), space, seed)
    return Atom(atom.element, atom.ensemble, atom.member, layergen.unstack(moved, space)[0])


def rows_of(atoms: Iterable[Atom]) -> dict[str, list[Tensor]]:
    """For each network all weights in a row, and the statistics of a `Metanet`."""
    rows = defaultdict(list)
    for atom in atoms:
        space = space_of(atom.state)
        rows["all weights"].append(torch.cat([value.flatten() for value in atom.state.values()]))
        x = layergen.stack([atom.state], space)
        network = Metanet(space, out_features=1, hidden=1, layers=0, statistics=True)
        rows["statistics"].append(network.summary(x)[0])
    return rows


def nearest(atoms: list[Atom], rows: list[Tensor], question: str) -> float:
    """The share of networks that the nearest other one tells the answer of; rows of other lengths are far.

    A network's member is asked of the networks of its element only, of its element and ensemble of those of other
    members only, so that what is nearly a copy of it in the other ensemble does not answer.
    """
    right = 0
    for place, atom in enumerate(atoms):
        others = [
            (float((row - rows[place]).norm()) if row.shape == rows[place].shape else float("inf"), other)
            for other, row in zip(atoms, rows, strict=True)
            if other is not atom
            and (other.element == atom.element if question == "member" else other.member != atom.member)
        ]
        closest = min(others, key=lambda pair: pair[0])[1]
        right += getattr(closest, question) == getattr(atom, question)
    return right / len(atoms)


@application.command()
def main(wheel: Annotated[Path, typer.Argument(help="The wheel of torchani 1.2.")]) -> None:
    """Print the shares of right answers."""
    try:
        atoms = networks(wheel)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    print("| nearest by | " + " | ".join(QUESTIONS) + " |\n|---|" + "---|" * len(QUESTIONS))
    for order, given in {"": atoms, ", permuted": [permuted(atom, seed) for seed, atom in enumerate(atoms)]}.items():
        for label, rows in rows_of(given).items():
            if label == "statistics":
                table = torch.stack(rows)
                rows = list((table - table.mean(0)) / table.std(0).clamp_min(1e-6))
            shares = [nearest(given, rows, question) for question in QUESTIONS]
            print(f"| {label}{order} | " + " | ".join(f"{share:.2f}" for share in shares) + " |")


if __name__ == "__main__":
    application(prog_name="python -m benchmarks.atoms")
