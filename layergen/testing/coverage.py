"""Does a linear layer reach every equivariant linear map? Its maps, projected on the diagrams.

Random parameters give random maps of the layer; as many of them as there could be span all that it reaches. Each is
read off as a dense matrix, block by block, and written in diagrams and a rest that is not equivariant.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from layergen.testing.coupling import active, coupled
from layergen.testing.directions import OUTPUTS, Directions, named_output
from layergen.testing.fitting import fits
from layergen.testing.forms import Form, find_form
from layergen.testing.inputs import channels_of, random_features
from layergen.testing.linearity import EXACT, adds_up, affine_error, randomise
from layergen.testing.reach import Coverage
from layergen.testing.sample import Sample
from layergen.testing.sanity import sane_output, with_noise
from layergen.testing.subject import Subject
from layergen.testing.verdict import Fault
from layergen.verification.probing import smallest
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace
from symmetry.maps.equivariant_maps import readable
from symmetry.maps.projection import permutes_entries, project

__all__ = ["coverage"]

SPARE = 8
"""How many more maps are drawn than could be independent."""
ENTRIES = 50_000_000
"""The most entries that the dense maps may have together."""
MOST = 5_000
"""The most dimensions, channels counted, whose maps are compared channel by channel."""
TOGETHER = 1_500
"""The most dimensions that are compared channel by channel where they share parameters, so that none is looked at by
itself: finding the rank of 4,600 takes more than a minute."""


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

    Parameters
    ----------
    layer
        A module, of which a copy is given random parameters, in float64; or a function, which has one map. With
        `shrink` it may also be what makes a layer from a weight space (and a target, where one is given).
    space
        The weight space of the input.
    target
        That of the output; by default `space`.
    invariant
        Whether the layer returns a tensor `(batch, …)`, to be invariant.
    form
        What the layer takes and returns: "features", "weights" or "state_dict", "pairs", "nfn", "flat", or a `Form`.
    channels
        The layer's input channels, by default `layer.in_channels`, else one. With more than 5,000 dimensions,
        channels counted (1,500 if the maps of different channels share parameters), maps are seen from one random
        direction of the channels only.
    shrink
        Whether to use the smallest sizes that show every diagram: a module has to take them.
    progress
        Wraps the iteration over maps, given their number, as a progress bar does.
    seed
        The seed of the random parameters.

    Returns
    -------
    Coverage
        Dimension and rank of the maps and of the biases, the diagrams that are missing or tied, and what is not
        equivariant.

    Raises
    ------
    AssertionError
        For a layer that cannot be judged: it is random, its output is not finite or has other shapes, …
    SpecificationError
        If there are more than 5,000 dimensions for one pair of channels, or the maps do not fit into memory.

    Examples
    --------
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
    check_size(maps)
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
    parameters = trainable(subject.function)
    total = sum(parameter.numel() for parameter in parameters)
    generator = torch.Generator().manual_seed(seed)
    simple = adds_up(subject, parameters, generator)
    nonlinearity = affine_error(subject)
    splits = simple and total > 0 and nonlinearity <= EXACT
    linear = [project(block) for block in maps.blocks]
    biases = [project(block) for block in maps.bias_blocks]
    for contracted in (maps.dimension * channels * out > MOST, True):
        drawn = Directions.drawn(channels, out, generator) if contracted else Directions.of(channels, out)
        groups = coupled(subject, drawn, parameters) if splits else None
        sample = Sample(linear, biases, drawn, groups)
        if contracted or sample.largest <= TOGETHER:
            break
    draws = (min(sample.largest, total) if simple else sample.largest) + SPARE if total else 1
    if contracted:
        draws = max(2, math.ceil((maps.dimension + maps.bias_dimension + SPARE) / min(OUTPUTS, out)))
    numbers = iter(range(draws))
    for _ in numbers if progress is None else progress(numbers, draws):
        randomise(parameters, generator)
        directions = Directions.drawn(channels, out, generator) if contracted else drawn
        draw(subject, maps.source, directions, sample)
    reached = sample.reaches(active(subject, parameters) if total else (0, 0))
    coverage = Coverage(
        *reached,
        fits(subject, parameters, maps, generator) if contracted and splits else None,
        total,
        sample.stray,
        nonlinearity,
        simple,
        (channels, out),
        contracted,
        sizes,
    )
    # What is not linear takes a basis to no map; only permutations take a basis to itself all the same.
    permuted = all(map(permutes_entries, maps.source))
    return coverage if permuted or coverage.is_linear else replace(coverage, stray={})


def draw(subject: Subject, space: WeightSpace, directions: Directions, sample: Sample) -> None:
    """Read off the layer's maps and biases as its parameters are, and add them to the sample."""
    constant = directions.seen(subject, space, "")
    sample.add({("", name): value for name, value in constant.items()})
    for tensor in space:
        found = directions.seen(subject, space, tensor.name)
        norms = {(tensor.name, name): float(torch.linalg.vector_norm(value)) for name, value in found.items()}
        sample.add({(tensor.name, name): value.sub_(constant[name]) for name, value in found.items()}, norms)


def trainable(f: Any) -> list[nn.Parameter]:
    """The parameters of a module that training would change."""
    parameters = f.parameters() if isinstance(f, nn.Module) else ()
    return [one for one in parameters if one.requires_grad and one.is_floating_point()]


def check_size(maps: EquivariantMaps) -> None:
    """Raise `SpecificationError` if there are too many maps to compare, or too large ones to fit into memory."""
    entries = sum(math.prod(block.target.shape) * math.prod(block.source.shape) for block in maps.blocks)
    if entries > ENTRIES:
        raise SpecificationError(
            f"the maps have {entries:,} entries, more than {ENTRIES:,}",
            remedy="diagrams do not depend on sizes: give shrink=True (--shrink), or smaller sets",
        )
    if maps.dimension > MOST:
        raise SpecificationError(
            f"the space of maps has {readable(maps.dimension)} dimensions, more than the {MOST:,} that are compared",
            remedy="declare fewer tensors, or smaller free indices",
        )
