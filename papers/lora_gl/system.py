"""The page of learning on LoRAs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from layergen import Features
from layergen.nn import Metanet
from layergen.testing import check, sensitivity
from papers.page import DASH, Setting, System, Table, further, holds
from symmetry import SCALAR, EquivariantMaps, WeightSpace, verify
from symmetry.language.errors import SpecificationError

__all__ = ["SYSTEM", "lora", "singular_values"]


def lora(rank: int, group: str, inputs: int = 3, outputs: int = 2) -> WeightSpace:
    """A low-rank update BA of a weight, between whose factors a matrix of the group may be moved."""
    return WeightSpace(
        {"lora_A": "r i", "lora_B": "o r^-1"},
        vectors={"r": {"size": rank, "group": group}},
        free={"i": inputs, "o": outputs},
    )


def dimensions(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Linear maps of the two factors, proved, at several ranks."""
    for group in ("O", "GL"):
        for rank in (1, 2, 4):
            space = lora(rank, group)
            maps = EquivariantMaps(space)
            proofs = verify(maps).proofs
            invariants = EquivariantMaps(space, SCALAR).dimension
            yield group, str(rank), str(maps.dimension), str(invariants), ", ".join(proofs)


def tensors(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Invariants of a tensor with m upper and m lower axes: m! for GL, (2m)! / (2^m m!) for O."""
    for pairs in (1, 2, 3):
        cells = [str(pairs)]
        for group in ("GL", "O"):
            for rank in (1, 2, 3, 6):
                axes = " ".join(["r"] * pairs + ["r^-1"] * pairs)
                space = WeightSpace({"t": axes}, vectors={"r": {"size": rank, "group": group}})
                try:
                    cells.append(str(EquivariantMaps(space, SCALAR).dimension))
                except SpecificationError:  # diagrams are no basis at this size
                    cells.append(DASH)
        yield tuple(cells)


def singular_values(x: Features) -> Tensor:
    """The singular values of BA: a candidate of the paper that is invariant, and reads nothing else."""
    product = x["lora_B"][..., 0] @ x["lora_A"][..., 0]
    return torch.linalg.svdvals(product)


def flat(x: Features) -> Tensor:
    """Both factors in one row: the paper's baseline, which is not invariant."""
    return torch.cat([value.flatten(1) for value in x.values()], 1)


def product_of_factors(x: Features) -> Tensor:
    """BA itself."""
    return (x["lora_B"][..., 0] @ x["lora_A"][..., 0]).flatten(1)


def judged(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The paper's kinds of function, ours in the place of its GL network."""
    space = lora(2, "GL")
    torch.manual_seed(0)
    network = Metanet(space, out_features=5).double().eval()
    candidates: dict[str, Any] = {
        "both factors in a row": flat,
        "the product BA": product_of_factors,
        "singular values of BA": singular_values,
        "`Metanet`": network,
    }
    options: dict[str, Any] = {"invariant": True, "channels": 1, "dtype": torch.float64}
    for name, answer in candidates.items():
        verdict = check(answer, space, **options)
        yield name, holds(verdict), further(sensitivity(answer, space, **options)) if verdict.passed else DASH


SYSTEM = System(
    'LoRA-GL (Putterman, Lim, Gelberg, Jegelka and Maron, 2024, "Learning on LoRAs: GL-Equivariant Processing of '
    'Low-Rank Weight Spaces for Large Finetuned Models")',
    (
        Table(
            "Linear maps of the factors of a 2 × 3 update",
            ("group", "rank", "equivariant", "invariant", "proved by"),
            dimensions,
        ),
        Table(
            "Invariants of a tensor with m upper and m lower axes; – where diagrams are no basis, which is refused",
            ("m", *(f"{group}({rank})" for group in ("GL", "O") for rank in (1, 2, 3, 6))),
            tensors,
        ),
        Table("Functions of a LoRA against GL(2)", ("function", "invariant", "further symmetry"), judged),
    ),
)
