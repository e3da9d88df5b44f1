"""The rank of the emitted layer's own maps, block by block: a proof of a dimension that also tests the emitted code.

A block of the layer with random weights is a random element of the space of the block's maps. As many such elements
as the dimension, and a few more, span a space of exactly that dimension if the layer has every map and no map twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from layergen.linear import EquivariantLinear
from layergen.verification.probing import probe, smallest
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import LIMIT, Block, EquivariantMaps
from symmetry.space.weight_space import WeightSpace
from symmetry.verification.report import Finding

__all__ = ["by_emitted_rank"]

PROOF = "emitted rank"
SPARE = 4
"""The number of random layers that are drawn beyond the dimension, so that a larger rank would show."""
WORK = 200_000_000
"""The most numbers that the probes of one source tensor may produce; a layer has at most a tenth as many parameters."""
WIDEST = 2**20
"""Larger sets are cut to this size before the layer is made, because the sizes of torch's tensors are bounded. A layer
has the same maps at every size that is no less than the order of the set."""


def by_emitted_rank(maps: EquivariantMaps, blocks: Sequence[Block], *, limit: int = LIMIT) -> list[Finding]:
    """For each block the rank of the emitted layer's own maps, at the smallest widths that show all of them.

    The layer has the `terms` of the maps and full rank: bounds on the rank of a core are left out.

    Parameters
    ----------
    maps
        The maps that the layer is emitted for.
    blocks
        Some of the maps' `blocks` and `bias_blocks`.
    limit
        The most diagrams that the layer may have.

    Returns
    -------
    list of Finding
        One for each block, in order. Where a layer would have too many diagrams to emit, or a block too many to probe,
        the finding has no rank and its note says why.

    Examples
    --------
    >>> from symmetry import EquivariantMaps, WeightSpace
    >>> maps = EquivariantMaps(WeightSpace({"w": "h h"}, sets={"h": 32}))
    >>> [(finding.found, finding.expected, finding.note) for finding in by_emitted_rank(maps, list(maps.blocks))]
    [(15, 15, 'at h=4')]
    """
    if maps.dimension > WORK // 10:
        return [Finding(PROOF, block, None, block.dimension, "too many parameters to probe") for block in blocks]
    source, target = (
        space.resized({index.name: WIDEST for index in space.indices if index.joined and index.size > WIDEST})
        for space in (maps.source, maps.target)
    )
    try:
        layer = EquivariantLinear(source, 1, 1, target=target, terms=maps.terms, limit=limit, dtype=torch.float64)
    except SpecificationError as error:
        return [Finding(PROOF, block, None, block.dimension, error.fault) for block in blocks]
    source, target, note = smallest(maps)
    by_source: dict[str, list[Block]] = {}
    for block in blocks:
        by_source.setdefault(block.source.name if block.source in maps.source.tensors else "", []).append(block)
    findings = {}
    for name, group in by_source.items():
        for block, rank in zip(group, ranks(layer, source, target, name, group), strict=True):
            why = note if rank is not None else "too many diagrams to probe"
            findings[block] = Finding(PROOF, block, rank, block.dimension, why)
    return [findings[block] for block in blocks]


def ranks(
    layer: nn.Module, source: WeightSpace, target: WeightSpace, name: str, group: Sequence[Block]
) -> list[int | None]:
    """The rank of each block from source tensor `name`, or of the biases where that is empty; None if too large."""
    x = probe(source, name, torch.eye(1, dtype=torch.float64), range(math.prod(source[name].shape) if name else 1))
    probes = next(iter(x.values())).shape[0]
    draws = max(block.dimension for block in group) + SPARE
    entries = sum(math.prod(target[block.target.name].shape) for block in group)
    if draws * (entries + draws) * probes > WORK:
        return [None] * len(group)
    generator, bias = torch.Generator().manual_seed(0), dict(layer.named_parameters()).get("bias")
    maps: dict[str, list[Tensor]] = {block.target.name: [] for block in group}
    with torch.no_grad():
        for _ in range(draws):
            for parameter in layer.parameters():
                parameter.normal_(generator=generator)
            if name and bias is not None:
                bias.zero_()
            out = layer(x)
            out = out if isinstance(out, dict) else {target.names[0]: out}
            for key, found in maps.items():
                found.append(out[key].flatten())
    return [rank(torch.stack(maps[block.target.name])) for block in group]


def rank(maps: Tensor) -> int:
    """The rank of a matrix `(maps, entries)`.

    Where there are more columns than rows, as many random combinations of the columns as there are rows take their
    place, which keeps the rank with probability one.

    References
    ----------
    Halko, Martinsson and Tropp (2011), "Finding Structure with Randomness: Probabilistic Algorithms for Constructing
    Approximate Matrix Decompositions", SIAM Review 53.
    """
    generator = torch.Generator().manual_seed(1)
    if maps.shape[1] > maps.shape[0]:
        maps = maps @ torch.randn(maps.shape[1], maps.shape[0], generator=generator, dtype=maps.dtype)
    return int(torch.linalg.matrix_rank(maps, rtol=1e-9)) if maps.numel() else 0
