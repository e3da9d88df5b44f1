"""Does a linear layer reach every equivariant linear map? Its maps, projected on the diagrams.

Random parameters give random maps of the layer; as many of them as there could be span all that it reaches. Each is
read off as a dense matrix, block by block, and written in diagrams and a rest that is not equivariant.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from layergen.testing.checking import channels_of
from layergen.testing.forms import Form, find_form
from layergen.testing.rank import probe, smallest
from layergen.testing.reach import EXACT, Coverage, Reach
from layergen.testing.subject import Subject, affine_error, check_finite, random_features, sane_output, with_noise
from layergen.testing.verdict import Fault
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace
from symmetry.maps.equivariant_maps import readable
from symmetry.maps.projection import DenseProjection, Projection, project

__all__ = ["coverage"]

SPARE = 8
"""How many more maps are drawn than could be independent."""
ROUNDED = 1e-12
"""A difference of less than this, relative to what it is a difference of, is rounding."""
OUTPUTS = 48
"""From how many directions of the output channels a map is seen where channels are many."""
ENTRIES = 50_000_000
"""The most entries that the dense maps may have together."""
AT_ONCE = 2**24
"""The most numbers that one call of the layer is given or gives."""
MOST = 5_000
"""The most dimensions, channels counted, whose maps are compared channel by channel."""

Floats = NDArray[np.float64]


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
    `shrink` the smallest sizes that show every diagram are used: a module has to take them, and a class or function is
    asked to make one from a weight space (and a target, where one is given). `channels`, the layer's input channels,
    is best 1: with more than 5,000 dimensions, channels counted, maps are seen from one random direction of them only.
    `form` as in `assert_equivariant`. `progress` wraps the iteration over maps, given their number, as a progress bar.

    Raises `AssertionError` for a layer that cannot be judged (random, not finite, wrong shapes …), and
    `SpecificationError` where there are more than 5,000 dimensions for one pair of channels.

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
        declared = space.sizes | into.sizes
        sizes = {
            index.name: index.size
            for index in (*small.indices, *small_target.indices)
            if index.size != declared[index.name]
        }
        if not isinstance(layer, nn.Module):
            layer = layer(small) if target is None else layer(small, small_target)
        maps = EquivariantMaps(small, into if invariant else small if target is None else small_target)
    layer = copy.deepcopy(layer).double() if isinstance(layer, nn.Module) else layer
    count = channels_of(layer, channels)
    features = random_features(maps.source, count, seed=seed, dtype=torch.float64)
    subject = Subject(layer, maps.source, None if invariant else maps.target, find_form(form), features)
    try:
        sane = sane_output(subject)
        output = named_output(with_noise(subject, sane), sane)
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
    return {SCALAR.names[0]: value.reshape(len(value), -1)}


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
    if maps.dimension > MOST:
        raise SpecificationError(
            f"the space of maps has {readable(maps.dimension)} dimensions, more than the {MOST:,} that are compared",
            remedy="declare fewer tensors, or smaller free indices",
        )
    parameters = trainable(subject.function)
    total = sum(parameter.numel() for parameter in parameters)
    contracted = maps.dimension * channels * out > MOST
    directions = Directions.of(channels, out, contracted)
    generator = torch.Generator().manual_seed(seed)
    simple = adds_up(subject, parameters, generator)
    whole = maps.dimension * directions.pairs + maps.bias_dimension * directions.out_pairs
    draws = (min(whole, total) if simple else whole) + SPARE if total else 1
    if contracted:
        draws = max(2, math.ceil((whole + SPARE) / min(OUTPUTS, out)))
    check_size(maps)
    linear = Sample([project(block) for block in maps.blocks], directions.pairs)
    bias = Sample([project(block) for block in maps.bias_blocks], directions.out_pairs)
    numbers = iter(range(draws))
    for _ in numbers if progress is None else progress(numbers, draws):
        randomise(parameters, generator)
        if contracted:
            directions = Directions.drawn(channels, out, generator)
        constant = directions.seen(subject, maps.source, "")
        bias.add({("", name): value for name, value in constant.items()})
        for tensor in maps.source:
            found = directions.seen(subject, maps.source, tensor.name)
            sizes_of = {(tensor.name, name): float(torch.linalg.vector_norm(value)) for name, value in found.items()}
            linear.add({(tensor.name, name): value - constant[name] for name, value in found.items()}, sizes_of)
    playing = active(subject) if total else (0, 0)
    coverage = Coverage(
        linear.reach(playing[0]),
        bias.reach(playing[1]),
        total,
        linear.stray | bias.stray,
        affine_error(subject),
        simple,
        (channels, out),
        contracted,
        sizes,
    )
    # What is not linear takes a basis to no map; only permutations take a basis to itself all the same.
    return replace(coverage, stray={}) if maps.source.groups and not coverage.is_linear else coverage


def trainable(f: Any) -> list[nn.Parameter]:
    """The parameters of a module that training would change."""
    parameters = f.parameters() if isinstance(f, nn.Module) else ()
    return [one for one in parameters if one.requires_grad and one.is_floating_point()]


def check_size(maps: EquivariantMaps) -> None:
    """Raise `SpecificationError` if the dense maps would not fit into memory."""
    entries = sum(math.prod(block.target.shape) * math.prod(block.source.shape) for block in maps.blocks)
    if entries > ENTRIES:
        raise SpecificationError(
            f"the maps have {entries:,} entries, more than {ENTRIES:,}",
            remedy="diagrams do not depend on sizes: give shrink=True (--shrink), or smaller sets",
        )


def randomise(parameters: Iterable[Tensor], generator: torch.Generator) -> None:
    """Normal parameters, in place."""
    with torch.no_grad():
        for parameter in parameters:
            parameter.normal_(generator=generator)


def adds_up(subject: Subject, parameters: Sequence[Tensor], generator: torch.Generator) -> bool:
    """Whether the layer of the sum of two sets of parameters is the sum of their layers."""
    outputs, values = [], []
    for _ in range(2):
        randomise(parameters, generator)
        values.append([parameter.detach().clone() for parameter in parameters])
        outputs.append(subject.output(subject.features))
    with torch.no_grad():
        for parameter, first, second in zip(parameters, *values, strict=True):
            parameter.copy_(first + second)
    return all(
        float((value - outputs[0][name] - outputs[1][name]).abs().max()) <= EXACT * float(value.abs().max())
        for name, value in subject.output(subject.features).items()
        if value.numel()
    )


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The directions of input and output channels between which maps are seen, rows of two matrices.

    Contracted, one direction of input channels and some of output channels, each of which gives a map of its own.
    """

    incoming: Tensor
    outgoing: Tensor
    contracted: bool

    @classmethod
    def of(cls, channels: int, out: int, contracted: bool) -> Directions:
        """All channels, or random directions."""
        if contracted:
            return cls.drawn(channels, out, torch.Generator().manual_seed(2))
        return cls(torch.eye(channels, dtype=torch.float64), torch.eye(out, dtype=torch.float64), False)

    @classmethod
    def drawn(cls, channels: int, out: int, generator: torch.Generator) -> Directions:
        """One random direction of the input's channels, some of the output's."""
        incoming = torch.randn(1, channels, generator=generator, dtype=torch.float64)
        return cls(incoming, torch.randn(min(OUTPUTS, out), out, generator=generator, dtype=torch.float64), True)

    @property
    def pairs(self) -> int:
        """How many maps of a draw belong together."""
        return 1 if self.contracted else len(self.incoming) * len(self.outgoing)

    @property
    def out_pairs(self) -> int:
        """How many biases of a draw belong together."""
        return 1 if self.contracted else len(self.outgoing)

    def seen(self, subject: Subject, space: WeightSpace, name: str) -> dict[str, Tensor]:
        """The outputs on a basis of one tensor, `(entries · input directions, *axes, channels)`; on zero if no name.

        A few of the basis at a time, so that memory stays bounded.
        """
        size = math.prod(space[name].shape) if name else 1
        entries = sum(math.prod(shape) for shape in (subject.target or space).shapes.values())
        entries = max(entries, sum(math.prod(shape) for shape in space.shapes.values()))
        step = max(1, AT_ONCE // (entries * self.incoming.numel() if name else entries))
        parts = [
            self.contract(subject, probe(space, name, self.incoming, range(size)[start : start + step]))
            for start in range(0, size, step)
        ]
        return {key: torch.cat([part.pop(key) for part in parts]) for key in list(parts[0])}

    def contract(self, subject: Subject, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """The output on some features, in the output directions."""
        found = named_output(subject, subject.output(x))
        check_finite(found, " on an input of zeros" if not any(value.any() for value in x.values()) else "")
        return {name: value.double() @ self.outgoing.T for name, value in found.items()}


class Sample:
    """Maps in coordinates: for each draw the coefficients of all blocks, and how much was not equivariant."""

    def __init__(self, projections: Sequence[Projection | DenseProjection], pairs: int) -> None:
        self.pairs = pairs
        self.projections = {(one.block.source.name, one.block.target.name): one for one in projections}
        if all(source == SCALAR.names[0] for source, _ in self.projections):
            self.projections = {("", target): one for (_, target), one in self.projections.items()}
        self.found: dict[tuple[str, str], list[Floats]] = {key: [] for key in self.projections}
        self.stray: dict[tuple[str, str], float] = {}

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

    def rows(self) -> Floats:
        """All maps drawn, `(maps, diagrams · channel pairs)`."""
        table = np.concatenate([np.array(found) for found in self.found.values()], axis=2)
        return table.transpose(0, 2, 1).reshape(len(table), -1)

    def tops(self, scale: Floats) -> Floats:
        """For each coordinate the largest of its block: blocks may differ much in size."""
        lengths = [len(one.diagrams) * self.pairs for one in self.projections.values()]
        parts = np.split(scale, np.cumsum(lengths)[:-1])
        return np.concatenate([np.full(part.shape, part.max(initial=0.0)) for part in parts])

    def reach(self, parameters: int | None) -> Reach:
        """Rank, and the diagrams that are not reached by themselves."""
        diagrams = [diagram for one in self.projections.values() for diagram in one.diagrams]
        rows, count, pairs = self.rows(), len(diagrams), self.pairs
        # Means over large sets make small coefficients, so all are brought to one scale.
        scale = np.abs(rows).max(axis=0, initial=0.0)
        absent = scale <= EXACT * self.tops(scale)
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
            gradients: tuple[Any, ...] = torch.autograd.grad(total, leaves, allow_unused=True)
        except RuntimeError:
            counts.append(None)
            continue
        counts.append(sum(int((one.abs() > 1e-12).sum()) for one in gradients if one is not None))
    return counts[0], counts[1]
