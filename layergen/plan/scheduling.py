"""From a plan to a program: names, sizes, slices and scales are given, steps become operations."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, times
from layergen.plan.mixing import mix_pools
from layergen.plan.parameters import OUT_CHANNELS, name_weights, parameters
from layergen.plan.reading import read_pools
from layergen.plan.steps import Plan
from layergen.plan.widths import readings
from layergen.plan.writing import write_tensors

__all__ = ["schedule"]


def schedule(plan: Plan, reserved: Collection[str] = ()) -> ops.Program:
    """The program of a plan; its variables have none of the names reserved."""
    draft = Draft.blank(plan, reserved)
    weights = name_weights(plan.mixes)
    pooled = read_pools(draft, [weight.label for weight in weights])
    mixed = mix_pools(draft, weights, pooled)
    before = len(draft.statements)
    results = tuple(write_tensors(draft, mixed))
    if len(draft.statements) > before:
        text = "Spreads: repeated over what the core leaves out, added on the diagonals of the target."
        draft.statements.insert(before, ops.Heading((text,)))
    shapes = tuple(
        (tensor.name, (draft.batch, *(draft.size(axis) for axis in tensor.axes), draft.incoming))
        for tensor in plan.maps.source
    )
    return ops.Program(
        plan,
        draft.features,
        (draft.batch, draft.incoming, draft.outgoing),
        tuple(set_sizes(draft)),
        shapes,
        tuple(draft.bases),
        tuple(parameters(plan, weights, draft.incoming, draft.outgoing)),
        times(plan.bias_dimension, OUT_CHANNELS),
        tuple(draft.statements),
        results,
    )


def set_sizes(draft: Draft) -> Iterator[ops.Fixed | ops.ReadSize]:
    """The variables of the sets, those first that stay at their declared sizes."""
    found, fixed = readings(draft.plan.maps)
    declared = {i.name: i.size for space in (draft.plan.maps.source, draft.plan.maps.target) for i in space.indices}
    for name in fixed:
        yield ops.Fixed(name, draft.sizes[name], declared[name])
    for reading in found:
        variable, feature = draft.sizes[reading.name], draft.feature(reading.tensor)
        factor, rest = draft.size(reading.factor), tuple(draft.size(term) for term in reading.rest)
        yield ops.ReadSize(reading.name, variable, feature, reading.axis, factor, rest)
