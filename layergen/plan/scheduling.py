"""From a plan to a program: names, sizes, slices and scales are given, steps become operations."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from layergen.plan import operations as ops
from layergen.plan.draft import Draft, times
from layergen.plan.mixing import mix_pools
from layergen.plan.parameters import OUT_CHANNELS, bounded_ranks, name_weights, parameters, target_labels
from layergen.plan.reading import read_pools
from layergen.plan.scaling import fan_in
from layergen.plan.steps import Plan
from layergen.plan.writing import write_tensors
from symmetry.language.axes import Atom, Expression, Product
from symmetry.space.reading import readings

__all__ = ["schedule"]

ONE: tuple[Expression, ...] = (Product(()), Atom("", 1))


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
    labels, fans = target_labels(plan), fan_in(plan)
    ranks = tuple(bounded_ranks(draft, weights))
    return ops.Program(
        plan=plan,
        features=draft.features,
        counts=(draft.batch, draft.incoming, draft.outgoing),
        sizes=tuple(set_sizes(draft)),
        shapes=shapes,
        bases=tuple(draft.bases),
        ranks=ranks,
        parameters=tuple(parameters(draft, weights, ranks, labels)),
        bias=times(plan.bias_dimension, OUT_CHANNELS),
        declared=tuple((draft.sizes[name], size) for name, size in draft.declared.items()),
        fan_in=draft.fan_in,
        fan_ins=tuple((labels[piece], tuple(fans[piece])) for piece in labels if piece in fans),
        statements=tuple(draft.statements),
        results=results,
    )


def set_sizes(draft: Draft) -> Iterator[ops.Fixed | ops.ReadSize]:
    """The variables of the sets, those first that stay at their declared sizes."""
    found, stay = readings(draft.plan.maps.source, draft.plan.maps.target)
    for name, why in stay.items():
        yield ops.Fixed(name, draft.sizes[name], draft.declared[name], why)
    for reading in found:
        variable, feature = draft.sizes[reading.name], draft.feature(reading.tensor)
        factor = None if reading.factor in ONE else draft.size(reading.factor)
        rest = tuple(draft.size(term) for term in reading.rest)
        yield ops.ReadSize(reading.name, variable, feature, reading.axis, factor, rest)
