"""Random maps of a layer in coordinates: their coefficients in the diagrams, and the span of these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from layergen.testing.coupling import Seen
from layergen.testing.linearity import EXACT
from layergen.testing.reach import Reach
from symmetry import SCALAR
from symmetry.maps.diagrams import Diagram
from symmetry.maps.projection import DenseProjection, Projection

__all__ = ["Sample"]

ROUNDED = 1e-12
"""A difference of less than this, relative to what it is a difference of, is rounding."""

Floats = NDArray[np.float64]


class Sample:
    """Maps in coordinates: for each draw the coefficients of all blocks, and how much was not equivariant.

    Coordinates are ordered by block, then by pair of channels, then by diagram. `groups` are maps that share no
    parameter with those of other groups; without them all maps are one group.
    """

    def __init__(
        self,
        projections: Sequence[Projection | DenseProjection],
        pairs: int,
        groups: Sequence[Sequence[Seen]] | None,
    ) -> None:
        self.pairs = pairs
        self.projections = {(one.block.source.name, one.block.target.name): one for one in projections}
        if all(source == SCALAR.names[0] for source, _ in self.projections):
            self.projections = {("", target): one for (_, target), one in self.projections.items()}
        self.found: dict[tuple[str, str], list[Floats]] = {key: [] for key in self.projections}
        self.stray: dict[tuple[str, str], float] = {}
        whole = [Seen(*key, pair) for key in self.projections for pair in range(pairs) if self.length(*key)]
        known = set(whole)
        kept = [whole] if groups is None else [[one for one in group if one in known] for group in groups]
        self.groups = [group for group in kept if group]

    @property
    def largest(self) -> int:
        """The dimension of the largest group: so many draws, and a few more, show all that it reaches."""
        return max((sum(self.length(one.source, one.target) for one in group) for group in self.groups), default=0)

    def length(self, source: str, target: str) -> int:
        """How many diagrams the maps of a block are made of."""
        return len(self.projections[source, target].diagrams)

    def add(
        self, outputs: Mapping[tuple[str, str], Tensor], sizes: Mapping[tuple[str, str], float] | None = None
    ) -> None:
        """Project the outputs `(probes, *target axes, channels)` from one source tensor, by (source, target).

        `sizes` are the norms of what they are differences of: what is small beside those is rounding.
        """
        for key, value in outputs.items():
            block = self.projections[key].block
            rows, columns = math.prod(block.target.shape), math.prod(block.source.shape)
            # (source entries, in, target entries, out) to (in · out, target entries, source entries)
            dense = value.reshape(columns, -1, rows, value.shape[-1]).permute(1, 3, 2, 0).reshape(-1, rows, columns)
            coefficients, rest = self.projections[key](dense.numpy())
            draws, count = len(coefficients) // self.pairs, coefficients.shape[-1]
            self.found[key] += list(coefficients.reshape(draws, self.pairs, count))
            whole = float(torch.linalg.vector_norm(dense))
            astray = float(np.linalg.norm(rest))
            if astray > EXACT * whole and astray > ROUNDED * (sizes or {}).get(key, 0.0):
                share = astray / whole
                self.stray[key[::-1]] = max(self.stray.get(key[::-1], 0.0), share)

    def reach(self, parameters: int | None) -> Reach:
        """Rank, and the diagrams that are not reached by themselves."""
        found = {key: np.array(draws) for key, draws in self.found.items()}  # (draws, pairs, diagrams)
        # Means over large sets make small coefficients, so all are brought to one scale; blocks differ much in size.
        scales = {key: np.abs(table).max(axis=0) for key, table in found.items()}
        absent = {key: scale <= EXACT * scale.max(initial=0.0) for key, scale in scales.items()}
        scaled = {key: table / np.where(absent[key], np.inf, scales[key]) for key, table in found.items()}
        reached = {key: np.zeros_like(flags) for key, flags in absent.items()}
        rank = 0
        for group, basis in zip(self.groups, self.spans(scaled), strict=True):
            rank += len(basis)
            ends = np.cumsum([self.length(one.source, one.target) for one in group])
            whole = np.square(basis).sum(axis=0) > 1 - 1e-6
            for one, flags in zip(group, np.split(whole, ends[:-1]), strict=True):
                reached[one.source, one.target][one.pair] = flags
        gone, tied = list[Diagram](), list[Diagram]()
        for key, projection in self.projections.items():
            missing = absent[key].all(axis=0)
            gone += [projection.diagrams[number] for number in np.flatnonzero(missing)]
            tied += [projection.diagrams[number] for number in np.flatnonzero(~missing & ~reached[key].all(axis=0))]
        dimension = self.pairs * sum(len(projection.diagrams) for projection in self.projections.values())
        return Reach(dimension, rank, parameters, tuple(gone), tuple(tied))

    def spans(self, scaled: Mapping[tuple[str, str], Floats]) -> list[Floats]:
        """An orthonormal basis `(rank, coordinates)` of what the maps of each group span."""
        found = []
        for group in self.groups:
            rows = np.concatenate([scaled[one.source, one.target][:, one.pair] for one in group], axis=1)
            found.append(np.linalg.svd(rows, full_matrices=False)[1:])
        most = max((values.max(initial=0.0) for values, _ in found), default=0.0)
        return [basis[values > EXACT * most] for values, basis in found]
