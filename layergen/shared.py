"""A layer whose parameters are shared by the like blocks of a network: one for chains of any depth and any widths."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from layergen.compiled import Compiled, compiled
from layergen.features import Features
from layergen.plan.lowering import lower
from layergen.plan.parameters import name_weights
from layergen.plan.passes import optimised
from layergen.plan.steps import Plan
from layergen.plan.terms import Term, bias_diagrams, terms
from symmetry.language.errors import SpecificationError
from symmetry.maps.diagrams import Diagram
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps
from symmetry.maps.sharing import Likeness, likeness
from symmetry.space.weight_space import SCALAR, WeightSpace

__all__ = ["SharedLinear"]


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """A matrix of the emitted layer, from shared parameters: entry (row, column), a pair of channels each.

    Parameters
    ----------
    name
        Name of the emitted layer's parameter.
    kinds
        The number of the shared parameter that an entry has, axes `(row, column)`.
    scales
        What it is multiplied by, axes `(row, column)`.
    """

    name: str
    kinds: Tensor
    scales: Tensor

    def of(self, weight: Tensor) -> Tensor:
        """The matrix `(row · in_channels, column · out_channels)` of parameters `(kind, in_channels, out_channels)`."""
        entries = weight[self.kinds.to(weight.device)] * self.scales.to(weight)[..., None, None]
        return entries.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """The shared parameters in their places in the emitted layer of a space: its matrices, the kind of each bias."""

    emitted: Compiled
    matrices: tuple[Matrix, ...]
    biases: Tensor


class SharedLinear(nn.Module):
    """A linear layer on the weights of networks of any depth: blocks that are alike share their parameters.

    Of a network that is spelled out, with a set for each hidden layer, two pairs of tensors are alike if the names of
    their tensors differ in numbers only, and the same axes of the two are over one set: a weight matrix and itself, a
    weight matrix and the next, any two others. Every layer of a perceptron then has the same parameters, and one layer
    reads perceptrons of any depth and widths that have no more kinds of pairs than the space that it is made from: of
    two hidden layers or more if that has four. The layer of each space is derived and emitted at its first use.

    A sum over several tensors of a kind counts as their mean, as pools over neurons do.

    Parameters
    ----------
    space
        A weight space with all kinds of pairs: of a chain, one with four hidden layers or more.
    in_channels, out_channels
        The numbers of channels of the features taken and given.
    bias
        Whether the layer adds equivariant biases.
    invariant
        Whether the layer gives a tensor `(batch, out_channels)` of invariants, not features.
    limit
        The most diagrams that the maps may have before parameters are shared.
    device, dtype
        Those of the parameters; torch's defaults if None.

    Raises
    ------
    SpecificationError
        If the maps have more diagrams than `limit`; when called, if the space has pairs of a kind that the layer's own
        space has not.
    ValueError
        When called with features of other names or shapes.

    References
    ----------
    Navon et al. (2023), "Equivariant Architectures for Learning in Deep Weight Spaces", ICML: the blocks of a
    perceptron by how many layers are between them, each with parameters of its own there.

    Examples
    --------
    >>> def perceptron(depth, width):
    ...     axes = {"0.weight": "h0 x", f"{2 * depth}.weight": f"y h{depth - 1}"}
    ...     axes |= {f"{2 * n}.weight": f"h{n} h{n - 1}" for n in range(1, depth)}
    ...     return WeightSpace(axes, sets={f"h{n}": width for n in range(depth)}, free={"x": 2, "y": 1})
    >>> layer = SharedLinear(perceptron(5, 8), 1, 4, bias=False)
    >>> layer.DIMENSION, sum(p.numel() for p in layer.parameters())
    (41, 164)
    >>> deep = perceptron(9, 32)
    >>> x = {tensor.name: torch.randn(3, *tensor.shape, 1) for tensor in deep}
    >>> layer(x, space=deep)["8.weight"].shape
    torch.Size([3, 32, 32, 4])
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        *,
        invariant: bool = False,
        limit: int = LIMIT,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.space, self.invariant, self.limit = space, invariant, limit
        self.in_channels, self.out_channels = in_channels, out_channels
        plan = self._plan(space)
        self.kinds = numbered(likeness(term.diagram) for term in terms(plan))
        self.bias_kinds = numbered(map(likeness, bias_diagrams(plan)))
        self.DIMENSION, self.BIAS_DIMENSION = len(self.kinds), len(self.bias_kinds)
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(self.DIMENSION, in_channels, out_channels, **options))
        shifts = nn.Parameter(torch.empty(self.BIAS_DIMENSION, out_channels, **options)) if bias else None
        self.register_parameter("bias", shifts)
        self._placements: dict[WeightSpace, Placement] = {}
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights with which independent inputs of unit variance give such outputs, about; set biases to zero."""
        found = by_kind(self._plan(self.space), self.kinds)
        fan_in: defaultdict[str, float] = defaultdict(float)
        for same in found:
            for target, part in {term.diagram.target.name: reach(term.diagram) for term in same}.items():
                fan_in[target] += part
        variances = []
        for same in found:
            targets = {term.diagram.target.name for term in same}
            fan = sum(fan_in[name] for name in targets) / len(targets)
            variances.append(sum(term.averaged for term in same) / len(targets) / fan / self.in_channels)
        with torch.no_grad():
            self.weight.normal_().mul_(torch.tensor(variances).sqrt().to(self.weight)[:, None, None])
            if self.bias is not None:
                self.bias.zero_()

    def forward(self, x: Features, space: WeightSpace | None = None) -> Any:
        """Apply the layer.

        Parameters
        ----------
        x
            Features, `{tensor: (batch, *axes, in_channels)}`.
        space
            The weight space of the features, by default the layer's own; its sets may have other sizes still.

        Returns
        -------
        dict of Tensor, or Tensor
            Features of the same tensors, `{tensor: (batch, *axes, out_channels)}`; of an invariant layer
            `(batch, out_channels)`.
        """
        placed = self._placed(self.space if space is None else space)
        names: dict[str, Any] = {matrix.name: matrix.of(self.weight) for matrix in placed.matrices}
        bias = None if self.bias is None else self.bias[placed.biases.to(self.bias.device)].flatten()
        layer = placed.emitted.layer
        counts = {"in_channels": self.in_channels, "out_channels": self.out_channels}
        return layer.forward(SimpleNamespace(AXES=layer.AXES, bias=bias, **counts, **names), x)

    def extra_repr(self) -> str:
        size = f"{self.in_channels}, {self.out_channels}, dimension={self.DIMENSION}"
        return f"{size}, bias={self.bias is not None}, invariant={self.invariant}"

    def _maps(self, space: WeightSpace) -> EquivariantMaps:
        """The maps of a space, each with a parameter of its own."""
        return EquivariantMaps(space, SCALAR if self.invariant else None)

    def _plan(self, space: WeightSpace) -> Plan:
        """The plan of the emitted layer of a space."""
        return optimised(lower(self._maps(space), limit=self.limit))

    def _placed(self, space: WeightSpace) -> Placement:
        """The parameters in their places in the layer of a space, made at the first call."""
        if space not in self._placements:
            maps, plan = self._maps(space), self._plan(space)
            self._placements[space] = place(maps, plan, self.kinds, self.bias_kinds, self.limit)
        return self._placements[space]


def numbered(found: Iterable[Likeness]) -> dict[Likeness, int]:
    """The kinds of some diagrams, each with a number that does not depend on the order in which they are found."""
    return {kind: number for number, kind in enumerate(sorted(set(found), key=repr))}


def by_kind(plan: Plan, kinds: dict[Likeness, int]) -> list[list[Term]]:
    """The terms of a plan, for each kind by its number; a kind may have none. Raises for a kind that is not known."""
    found: list[list[Term]] = [[] for _ in kinds]
    for term in terms(plan):
        found[kind_of(term.diagram, kinds)].append(term)
    return found


def kind_of(diagram: Diagram, kinds: dict[Likeness, int]) -> int:
    """The number of a diagram's kind. Raises `SpecificationError` for a kind that is not among them."""
    if (kind := kinds.get(likeness(diagram))) is None:
        raise SpecificationError(
            f"no parameter is shared with {diagram}: the layer's own space has no such pair of tensors",
            remedy="make the layer from a space that has; chains of four hidden layers or more have all the same kinds",
        )
    return kind


def place(
    maps: EquivariantMaps, plan: Plan, kinds: dict[Likeness, int], bias_kinds: dict[Likeness, int], limit: int
) -> Placement:
    """The shared parameters in their places in the emitted layer of some maps."""
    found = by_kind(plan, kinds)
    numbers = [torch.zeros(mix.rows, mix.columns, dtype=torch.long) for mix in plan.mixes]
    scales = [torch.zeros(mix.rows, mix.columns, dtype=torch.float64) for mix in plan.mixes]
    for kind, same in enumerate(found):
        for term in same:
            numbers[term.mix][term.row, term.column] = kind
            scales[term.mix][term.row, term.column] = len({one.diagram.target.name for one in same}) / len(same)
    weights = name_weights(plan.mixes)
    matrices = (Matrix(w.name, n, s) for w, n, s in zip(weights, numbers, scales, strict=True) if w.factors)
    biases = torch.tensor([kind_of(diagram, bias_kinds) for diagram in bias_diagrams(plan)], dtype=torch.long)
    return Placement(compiled(maps, limit), tuple(matrices), biases)


def reach(diagram: Diagram) -> float:
    """The fraction of the entries of its target that a diagram reaches."""
    positions, split = diagram.positions, diagram.split
    blocks = math.prod(positions[block[0]].index.size for block in diagram.blocks if block[0] < split)
    return blocks / math.prod(positions[place].index.size for place in diagram.target_piece.joined)
