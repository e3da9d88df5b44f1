"""Random maps of a layer in coordinates: their coefficients in the diagrams, and the span of these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from layergen.testing.coupling import Seen
from layergen.testing.directions import Directions
from layergen.testing.linearity import EXACT
from layergen.testing.reach import Reach
from symmetry.maps.diagrams import Diagram
from symmetry.maps.projection import DenseProjection, Projection

__all__ = ["Sample"]

ROUNDED = 1e-12
"""A difference of less than this, relative to what it is a difference of, is rounding."""

Floats = NDArray[np.float64]


class Sample:
    """Maps and biases in coordinates: for each draw the coefficients of all blocks, and how much was not equivariant.

    Coordinates are ordered by block, then by pair of channels, then by diagram; a bias has the empty name for its
    source. `groups` are maps and biases that share no parameter with those of other groups; without them all are one.
    """

    def __init__(
        self,
        linear: Sequence[Projection | DenseProjection],
        biases: Sequence[Projection | DenseProjection],
        directions: Directions,
        groups: Sequence[Sequence[Seen]] | None,
    ) -> None:
        self.projections = {(one.block.source.name, one.block.target.name): one for one in linear}
        self.projections |= {("", one.block.target.name): one for one in biases}
        self.pairs = {key: directions.pairs if key[0] else directions.out_pairs for key in self.projections}
        self.found: dict[tuple[str, str], list[Floats]] = {key: [] for key in self.projections}
        self.stray: dict[tuple[str, str], float] = {}
        whole = [Seen(*key, pair) for key in self.projections for pair in range(self.pairs[key]) if self.length(*key)]
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
            # (source entries, in, target entries, out) to (source entries, target entries, in · out)
            dense = value.reshape(columns, -1, rows, value.shape[-1]).transpose(1, 2).reshape(columns, rows, -1)
            coefficients, rest = self.projections[key].by_columns(dense.numpy())
            draws, count = len(coefficients) // self.pairs[key], coefficients.shape[-1]
            self.found[key] += list(coefficients.reshape(draws, self.pairs[key], count))
            whole = float(torch.linalg.vector_norm(dense))
            astray = float(np.linalg.norm(rest))
            if astray > EXACT * whole and astray > ROUNDED * (sizes or {}).get(key, 0.0):
                share = astray / whole
                self.stray[key[::-1]] = max(self.stray.get(key[::-1], 0.0), share)

    def reaches(self, parameters: tuple[int | None, int | None]) -> tuple[Reach, Reach, int]:
        """What is reached of the linear maps and of the biases, and the rank of both together.

        A diagram that comes only with others is tied, be it that one is of a map and the other of a bias.
        """
        found = {key: np.array(draws) for key, draws in self.found.items()}  # (draws, pairs, diagrams)
        # Means over large sets make small coefficients, so all are brought to one scale; blocks differ much in size.
        scales = {key: np.abs(table).max(axis=0) for key, table in found.items()}
        absent = {key: scale <= EXACT * scale.max(initial=0.0) for key, scale in scales.items()}
        scaled = {key: table / np.where(absent[key], np.inf, scales[key]) for key, table in found.items()}
        alone = {key: np.zeros_like(flags) for key, flags in absent.items()}
        together, ranks = 0, {True: 0, False: 0}
        for group, basis in zip(self.groups, self.spans(scaled), strict=True):
            together += len(basis)
            lengths = [self.length(one.source, one.target) for one in group]
            of_maps = np.repeat([bool(one.source) for one in group], lengths)
            for kind in ranks:
                ranks[kind] += len(basis) if (of_maps == kind).all() else rank_of(basis[:, of_maps == kind])
            whole = np.square(basis).sum(axis=0) > 1 - 1e-6
            for one, flags in zip(group, np.split(whole, np.cumsum(lengths)[:-1]), strict=True):
                alone[one.source, one.target][one.pair] = flags
        tied = {key: ~absent[key].all(axis=0) & ~alone[key].all(axis=0) for key in absent}
        missing = {key: absent[key].all(axis=0) for key in absent}
        linear, biases = (
            Reach(
                sum(self.pairs[key] * self.length(*key) for key in self.projections if bool(key[0]) == kind),
                ranks[kind],
                count,
                self.named(missing, kind),
                self.named(tied, kind),
            )
            for kind, count in zip((True, False), parameters, strict=True)
        )
        return linear, biases, together

    def named(self, flags: Mapping[tuple[str, str], NDArray[np.bool_]], linear: bool) -> tuple[Diagram, ...]:
        """The diagrams of the maps or of the biases that have a flag."""
        return tuple(
            projection.diagrams[number]
            for key, projection in self.projections.items()
            for number in np.flatnonzero(flags[key])
            if bool(key[0]) == linear
        )

    def spans(self, scaled: Mapping[tuple[str, str], Floats]) -> list[Floats]:
        """An orthonormal basis `(rank, coordinates)` of what the maps of each group span."""
        found = []
        for group in self.groups:
            rows = np.concatenate([scaled[one.source, one.target][:, one.pair] for one in group], axis=1)
            found.append(np.linalg.svd(rows, full_matrices=False)[1:])
        most = max((values.max(initial=0.0) for values, _ in found), default=0.0)
        return [basis[values > EXACT * most] for values, basis in found]


def rank_of(rows: Floats) -> int:
    """The rank of some columns of an orthonormal basis."""
    return int((np.linalg.svd(rows, compute_uv=False) > EXACT).sum())
