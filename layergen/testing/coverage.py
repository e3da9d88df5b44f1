"""Does a linear layer reach every equivariant linear map? Its maps, projected on the diagrams.

Random parameters give random maps of the layer; as many of them as there could be span all that it reaches. Each is
read off as a dense matrix, block by block, and written in diagrams and a rest that is not equivariant.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen.testing.checking import channels_of
from layergen.testing.forms import Form, find_form
from layergen.testing.rank import smallest
from layergen.testing.subject import Subject, affine_error, random_features, sane_output
from layergen.testing.verdict import Fault
from symmetry import SCALAR, EquivariantMaps, WeightSpace
from symmetry.diagrams import Diagram
from symmetry.maps import check_limit
from symmetry.projection import Projection, project

__all__ = ["Coverage", "Reach", "coverage"]

SPARE = 8
"""How many more maps are drawn than could be independent."""
EXACT = 1e-8
"""What is smaller than this, relative to the whole, is rounding."""
MOST = 5_000
"""The most dimensions, channels counted, whose maps are compared."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a space of maps a layer reaches: its linear part, or its biases.

    Numbers count pairs of channels (for biases, output channels). `missing` are the diagrams that none of its maps has,
    `tied` those that come only in fixed combinations with others. `parameters` is the number of those that play a
    part, None where that cannot be told.
    """

    dimension: int
    rank: int
    parameters: int | None
    missing: tuple[Diagram, ...]
    tied: tuple[Diagram, ...]

    @property
    def redundancy(self) -> int | None:
        """How many parameters there are beyond the rank."""
        return None if self.parameters is None else self.parameters - self.rank

    def to_json(self) -> dict[str, Any]:
        """The numbers, and the diagrams in index notation."""
        return {
            "dimension": self.dimension,
            "rank": self.rank,
            "parameters": self.parameters,
            "redundancy": self.redundancy,
            "missing": [str(diagram) for diagram in self.missing],
            "tied": [str(diagram) for diagram in self.tied],
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a linear layer reaches of the equivariant linear maps and biases, and what it does besides.

    `stray` gives, for each block in which there is any, the largest norm of the part of a map that is not equivariant,
    over the norm of the map; the source of a bias is the empty name. `nonlinearity` is the error of the layer on a sum
    of two inputs; where it is not zero, all else is about its differences from zero input. `sizes` are those of the
    sets that were made smaller.
    """

    linear: Reach
    bias: Reach
    parameters: int
    stray: Mapping[tuple[str, str], float]
    nonlinearity: float
    channels: tuple[int, int]
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_linear(self) -> bool:
        """Whether the layer is linear in its input, up to a constant."""
        return self.nonlinearity <= EXACT

    @property
    def is_equivariant(self) -> bool:
        """Whether all its maps and biases are equivariant."""
        return not self.stray

    @property
    def is_complete(self) -> bool:
        """Whether it reaches every equivariant linear map and bias."""
        return self.linear.rank == self.linear.dimension and self.bias.rank == self.bias.dimension

    @property
    def passed(self) -> bool:
        """Linear, equivariant and complete."""
        return self.is_linear and self.is_equivariant and self.is_complete

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "passed": self.passed,
            "linear": self.linear.to_json(),
            "bias": self.bias.to_json(),
            "parameters": self.parameters,
            "not_equivariant": [
                {"target": target, "source": source or None, "norm": norm}
                for (target, source), norm in self.stray.items()
            ],
            "nonlinearity": self.nonlinearity,
            "channels": list(self.channels),
            "sizes": dict(self.sizes),
        }

    def __str__(self) -> str:
        """A few lines: the numbers, what is missing, what is not equivariant."""
        lines = [f"{reach_text('linear maps', self.linear)}", f"{reach_text('biases', self.bias)}"]
        for kind, diagrams in (("missing", "missing"), ("only in combination", "tied")):
            lines += [f"  {kind}: {one}" for reach in (self.linear, self.bias) for one in getattr(reach, diagrams)]
        for (target, source), norm in self.stray.items():
            lines.append(f"  not equivariant: {target} <- {source or '(bias)'}, {norm:.3g} of its norm")
        if not self.is_linear:
            lines.append(f"  not linear: off by {self.nonlinearity:.3g} on a sum of two inputs")
        return "\n".join(lines)


def reach_text(what: str, reach: Reach) -> str:
    """A line of numbers."""
    count = "" if reach.parameters is None else f" by {reach.parameters} parameters"
    return f"{what}: {reach.rank} of {reach.dimension} dimensions reached{count}"


def coverage(
    layer: Any,
    space: WeightSpace,
    *,
    target: WeightSpace | None = None,
    invariant: bool = False,
    form: str | Form = "features",
    channels: int | None = None,
    shrink: bool = False,
    progress: Callable[[Iterator[int], int], Iterator[int]] | None = None,
    seed: int = 0,
) -> Coverage:
    """What an affine layer reaches of the equivariant linear maps from `space` to `target`.

    `layer` is a module (a copy of it is given random parameters, in float64), or a function, which has one map. With
    `shrink` it is a class or function that makes one from a weight space (and a target, where one is given): it is
    asked for one at the smallest sizes that show every diagram. `channels`, the layer's input channels, is best 1;
    `form` as in `assert_equivariant`. `progress` wraps the iteration over maps, given their number, as a progress bar.

    Raises `AssertionError` for a layer that cannot be judged (random, not finite, wrong shapes …), and
    `SpecificationError` where there are more than 5,000 dimensions.

    >>> from layergen import EquivariantLinear
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
    >>> print(coverage(EquivariantLinear(space, 1, 1), space))
    linear maps: 18 of 18 dimensions reached by 18 parameters
    biases: 3 of 3 dimensions reached by 3 parameters
    >>> class Mean(nn.Linear):
    ...     def forward(self, x):
    ...         return {"w": x["w"], "b": super().forward(x["b"].mean(1, keepdim=True).expand(x["b"].shape))}
    >>> print(str(coverage(Mean(1, 1, bias=False), space))[:68])
    linear maps: 2 of 18 dimensions reached by 1 parameters
    biases: 0 of
    """
    into = SCALAR if invariant else target or space
    maps, sizes = EquivariantMaps(space, into), {}
    if shrink:
        small, small_target, _ = smallest(maps)
        declared = {index.name: index.size for index in (*space.indices, *into.indices)}
        sizes = {
            index.name: index.size
            for index in (*small.indices, *small_target.indices)
            if index.size != declared[index.name]
        }
        layer = layer(small) if target is None else layer(small, small_target)
        maps = EquivariantMaps(small, into if invariant else small if target is None else small_target)
    layer = copy.deepcopy(layer).double() if isinstance(layer, nn.Module) else layer
    count = channels_of(layer, channels)
    features = random_features(maps.source, count, seed=seed, dtype=torch.float64)
    subject = Subject(layer, maps.source, None if invariant else maps.target, find_form(form), features)
    try:
        output = named_output(subject, sane_output(subject))
        return measure(subject, maps, count, output, sizes, progress, seed)
    except Fault as fault:
        raise AssertionError(fault.verdict.message) from None


def named_output(subject: Subject, output: dict[str, Tensor]) -> dict[str, Tensor]:
    """An output as features of the target: that of an invariant function, `(batch, channels)`, under its name."""
    if subject.target is not None:
        return output
    if len(output) != 1:
        raise AssertionError(f"an invariant layer gives one tensor; this one gave {sorted(output)}")
    (value,) = output.values()
    return {SCALAR.names[0]: value.flatten(1)}


def measure(
    subject: Subject,
    maps: EquivariantMaps,
    channels: int,
    output: dict[str, Tensor],
    sizes: Mapping[str, int],
    progress: Callable[[Iterator[int], int], Iterator[int]] | None,
    seed: int,
) -> Coverage:
    """Draw maps, project them, and count."""
    out = next(iter(output.values())).shape[-1]
    dimension = maps.dimension * channels * out
    check_limit(dimension, MOST, f"the space of maps with {channels} × {out} channels")
    parameters = list(subject.function.parameters()) if isinstance(subject.function, nn.Module) else []
    total = sum(parameter.numel() for parameter in parameters)
    draws = min(dimension + maps.bias_dimension * out, total) + SPARE if total else 1
    linear = Sample([project(block) for block in maps.blocks], channels * out)
    bias = Sample([project(block) for block in maps.bias_blocks], out)
    generator = torch.Generator().manual_seed(seed)
    numbers = iter(range(draws))
    for _ in numbers if progress is None else progress(numbers, draws):
        with torch.no_grad():
            for parameter in parameters:
                parameter.normal_(generator=generator)
        constant = named_output(subject, subject.output(probe(maps.source, "", channels)))
        bias.add({("", name): value for name, value in constant.items()})
        for tensor in maps.source:
            found = named_output(subject, subject.output(probe(maps.source, tensor.name, channels)))
            linear.add({(tensor.name, name): value - constant[name] for name, value in found.items()})
    playing = active(subject) if total else (0, 0)
    return Coverage(
        linear.reach(playing[0]),
        bias.reach(playing[1]),
        total,
        linear.stray | bias.stray,
        affine_error(subject),
        (channels, out),
        sizes,
    )


def probe(space: WeightSpace, name: str, channels: int) -> dict[str, Tensor]:
    """A basis of one tensor's features as a batch, zero in the others; one zero input where the name is empty."""
    size = math.prod(space[name].shape) * channels if name else 1
    x = {t.name: torch.zeros(size, *t.shape, channels, dtype=torch.float64) for t in space}
    if name:
        x[name] = torch.eye(size, dtype=torch.float64).reshape(size, *space[name].shape, channels)
    return x


class Sample:
    """Maps in coordinates: for each draw the coefficients of all blocks, and how much was not equivariant."""

    def __init__(self, projections: list[Projection], pairs: int) -> None:
        self.pairs = pairs
        self.projections = {(one.block.source.name, one.block.target.name): one for one in projections}
        if all(source == SCALAR.names[0] for source, _ in self.projections):
            self.projections = {("", target): one for (_, target), one in self.projections.items()}
        self.found: dict[tuple[str, str], list[Floats]] = {key: [] for key in self.projections}
        self.stray: dict[tuple[str, str], float] = {}

    def add(self, outputs: Mapping[tuple[str, str], Tensor]) -> None:
        """Project the outputs `(probes, *target axes, channels)` from one source tensor, by (source, target)."""
        for key, value in outputs.items():
            block = self.projections[key].block
            rows, columns = math.prod(block.target.shape), math.prod(block.source.shape)
            # (source entries, in, target entries, out) to (in · out, target entries, source entries)
            dense = value.reshape(columns, -1, rows, value.shape[-1]).permute(1, 3, 2, 0).reshape(-1, rows, columns)
            coefficients, rest = self.projections[key](dense.numpy())
            self.found[key].append(coefficients)
            whole = float(torch.linalg.vector_norm(dense))
            if whole and (share := float(np.linalg.norm(rest)) / whole) > EXACT:
                self.stray[key[::-1]] = max(self.stray.get(key[::-1], 0.0), share)

    def reach(self, parameters: int | None) -> Reach:
        """Rank, and the diagrams that are not reached by themselves."""
        diagrams = [diagram for one in self.projections.values() for diagram in one.diagrams]
        table = np.concatenate([np.array(found) for found in self.found.values()], axis=2)
        draws, pairs, count = table.shape
        # Each coordinate is (diagram, channel pair); means over large sets are small, so all are brought to one scale.
        rows = table.transpose(0, 2, 1).reshape(draws, count * pairs)
        scale = np.abs(rows).max(axis=0, initial=0.0)
        absent = scale <= EXACT * scale.max(initial=0.0)
        rows = rows / np.where(absent, 1.0, scale) * ~absent
        _, values, basis = np.linalg.svd(rows, full_matrices=False)
        rank = int((values > EXACT * values.max(initial=0.0)).sum())
        reached = np.square(basis[:rank]).sum(axis=0) > 1 - 1e-6
        missing, whole = (flags.reshape(count, pairs).all(axis=1) for flags in (absent, reached))
        gone = tuple(diagrams[number] for number in np.flatnonzero(missing))
        tied = tuple(diagrams[number] for number in np.flatnonzero(~missing & ~whole))
        return Reach(count * pairs, rank, parameters, gone, tied)


def active(subject: Subject) -> tuple[int | None, int | None]:
    """How many parameters play a part in the linear maps, and how many in the biases: those with a gradient."""
    module: nn.Module = subject.function  # type: ignore[assignment]
    counts: list[int | None] = []
    zero = {name: torch.zeros_like(value) for name, value in subject.features.items()}
    for linear in (True, False):
        try:
            out = subject.traced(subject.features if linear else zero)
            base = subject.traced(zero) if linear else dict.fromkeys(out, 0.0)
            weights = torch.Generator().manual_seed(3)
            total = torch.zeros((), dtype=torch.float64)
            for name, value in out.items():
                mark = torch.randn(value.shape, generator=weights, dtype=value.dtype)
                total = total + ((value - base[name]) * mark).sum()
            leaves = [parameter for parameter in module.parameters() if parameter.requires_grad]
            gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        except RuntimeError:
            counts.append(None)
            continue
        counts.append(sum(int((one.abs() > 1e-12).sum()) for one in gradients if one is not None))
    return counts[0], counts[1]
