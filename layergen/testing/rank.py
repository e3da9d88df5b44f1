"""The rank of the emitted layer's own maps, block by block: the third proof of a dimension.

With random weights the layer's block is a random element of the space of its maps; as many of them as the
dimension and a few more span a space of exactly that dimension, if the layer has every map and no map twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from layergen.linear import EquivariantLinear
from layergen.plan.widths import orders, readings
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import LIMIT, Block, EquivariantMaps
from symmetry.space.weight_space import WeightSpace
from symmetry.verification.report import Finding

__all__ = ["by_emitted_rank", "probe", "smallest"]

SPARE = 4
"""How many more random layers are drawn than the dimension: a rank beyond it would show."""
WORK = 200_000_000
"""The most numbers that one source tensor's probes may produce."""


def by_emitted_rank(maps: EquivariantMaps, blocks: Sequence[Block], *, limit: int = LIMIT) -> list[Finding]:
    """For each block the rank of the maps of the emitted layer, at the smallest widths that show all of them."""
    try:
        layer = EquivariantLinear(
            maps.source, 1, 1, target=maps.target, terms=maps.terms, limit=limit, dtype=torch.float64
        )
    except SpecificationError as error:
        return [Finding("emitted rank", block, None, block.dimension, error.fault) for block in blocks]
    source, target, note = smallest(maps)
    by_source: dict[str, list[Block]] = {}
    for block in blocks:
        by_source.setdefault(block.source.name if block.source in maps.source.tensors else "", []).append(block)
    findings = {}
    for name, group in by_source.items():
        for block, rank in zip(group, ranks(layer, source, target, name, group), strict=True):
            why = note if rank is not None else "too many diagrams to probe"
            findings[block] = Finding("emitted rank", block, rank, block.dimension, why)
    return [findings[block] for block in blocks]


def smallest(maps: EquivariantMaps) -> tuple[WeightSpace, WeightSpace, str]:
    """Both spaces with every set that the layer reads from its input at its order, and a note on which these are."""
    order, (_, fixed) = orders(maps), readings(maps)
    sizes = maps.sizes
    cut = {name: max(1, least) for name, least in order.items() if name not in fixed and least < sizes[name]}
    cut = {name: size for name, size in cut.items() if name in {index.name for index in maps.source.indices}}
    note = "at " + ", ".join(f"{name}={size}" for name, size in cut.items()) if cut else ""
    target_cut = {name: size for name, size in cut.items() if name in {index.name for index in maps.target.indices}}
    return maps.source.resized(cut), maps.target.resized(target_cut), note


def ranks(
    layer: nn.Module, source: WeightSpace, target: WeightSpace, name: str, group: Sequence[Block]
) -> list[int | None]:
    """The rank of each block from source tensor `name` (the biases where that is empty); None if it is too large."""
    entries_of = range(math.prod(source[name].shape) if name else 1)
    x = probe(source, name, torch.eye(1, dtype=torch.float64), entries_of)
    probe_count = next(iter(x.values())).shape[0]
    draws = max(block.dimension for block in group) + SPARE
    entries = sum(math.prod(target[block.target.name].shape) for block in group)
    if draws * (entries + draws) * probe_count > WORK:
        return [None] * len(group)
    generator = torch.Generator().manual_seed(0)
    maps: dict[str, list[Tensor]] = {block.target.name: [] for block in group}
    with torch.no_grad():
        for _ in range(draws):
            for parameter in layer.parameters():
                parameter.normal_(generator=generator)
            if name:
                layer.bias.zero_()  # type: ignore[operator]
            out = layer(x)
            out = out if isinstance(out, dict) else {target.names[0]: out}
            for key, found in maps.items():
                found.append(out[key].flatten())
    return [rank(torch.stack(maps[block.target.name])) for block in group]


def probe(space: WeightSpace, name: str, incoming: Tensor, entries: range) -> dict[str, Tensor]:
    """Some of a basis of one tensor's features as a batch, zero in the others; one zero input where the name is empty.

    Entries in order, and for each of them the input directions.
    """
    count, channels = incoming.shape
    batch = len(entries) * count if name else 1
    x = {t.name: torch.zeros(batch, *t.shape, channels, dtype=torch.float64) for t in space}
    if name:
        rows = x[name].view(len(entries), count, -1, channels)
        for number, entry in enumerate(entries):
            rows[number, :, entry] = incoming
    return x


def rank(maps: Tensor) -> int:
    """The rank of some rows, found on as many random combinations of their columns as there are rows."""
    generator = torch.Generator().manual_seed(1)
    if maps.shape[1] > maps.shape[0]:
        maps = maps @ torch.randn(maps.shape[1], maps.shape[0], generator=generator, dtype=maps.dtype)
    return int(torch.linalg.matrix_rank(maps, rtol=1e-9)) if maps.numel() else 0
