"""How many multiplications a layer makes, counted from its plan: what no way of running it can change."""

from __future__ import annotations

import math
from collections.abc import Iterable

from layergen.plan.steps import Mix

__all__ = ["products"]


def products(mixes: Iterable[Mix]) -> int:
    """Multiplications for one network and one pair of an input and an output channel.

    A mix multiplies every entry of its core by a matrix. Mixing the channels of each tensor alone takes one
    multiplication for every entry of the tensors.
    """
    return sum(core_entries(mix) * mix.rows * mix.columns for mix in mixes)


def core_entries(mix: Mix) -> int:
    """The number of values of a mix's core."""
    if not mix.pools:
        return 0
    side = mix.pools[0]
    return math.prod(side.piece.positions[side.blocks[number][0]].index.size for number in side.kept)
