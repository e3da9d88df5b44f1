"""Rules that are wrong on purpose, and whether random programs notice: `python -m tests.layergen.tracing.planted`."""

import contextlib
import io
import sys
from unittest import mock

from hypothesis import Phase, given, settings

import layergen
from layergen.tracing.operators import RULES, pieces, products
from layergen.tracing.unknowns import size_of
from layergen.tracing.values import Context
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.programs import PROGRAMS, examples

__all__ = ["PLANTED", "examples_until_noticed"]


def as_it_is(context, result, x, *arguments, **options):
    return context.value(x.axes)


def sorted_as_it_is(context, result, x, *arguments, **options):
    return [context.value(x.axes), context.value(x.axes)]


def normed_as_it_is(context, result, x, shape, *arguments, **options):
    return context.pointwise([x, *pieces.leaves_of((arguments, options))])


def longer_by_anything(context, result, x, *arguments, **options):
    pairs = zip(x.axes, result.shape, strict=True)
    return context.value([axis if size_of(axis) == size else context.fresh(size) for axis, size in pairs])


def rows_by_themselves(context, result, x, *arguments, **options):
    return context.value([context.fresh(size) for size in result.shape])


def by_number(context, result, x, indices):
    first = next(place for place, one in enumerate(indices) if one is not None)
    return context.value([context.fresh(size) for size in result.shape[: first + 1]] + [*x.axes[first + 1 :]])


def taken_as_it_is(context, result, x, dim, indices):
    return context.value([*x.axes[:dim], context.fresh(indices.shape[0]), *x.axes[dim + 1 :]])


def attention_without_tokens(context, result, query, key, value, *arguments, **options):
    left = context.unify(query.axes[-1], key.axes[-1])
    context.value([left])
    return context.value([*query.axes[:-1], value.axes[-1]])


def attention_without_softmax(*arguments, **options):
    with mock.patch.object(Context, "apart_in"):
        return products.attention(*arguments, **options)


def addbmm_without_added(context, result, added, left, right, **options):
    return context.value([left.axes[1], right.axes[2]])


def stacked_as_the_first(context, result, values, dim=0):
    axes = list(values[0].axes)
    axes.insert(dim % (len(axes) + 1), context.fixed(len(values)))
    return context.value(axes)


def first_member(context, result, x, dim, index):
    return pieces.select(context, result, x, dim, 0)


def unbound_alike(context, result, x, dim=0):
    return [pieces.select(context, one, x, dim, 0) for one in result]


def selected_without_freezing(context, result, x, dim, index):
    with mock.patch.object(Context, "freeze"):
        return pieces.select(context, result, x, dim, index)


PLANTED = {
    "softmax sees each entry alone": {"softmax": as_it_is},
    "cumsum counts no places": {"cumsum": as_it_is},
    "sort leaves entries where they are": {"sort": sorted_as_it_is, "argsort": as_it_is},
    "flip counts no places": {"flip": as_it_is},
    "pad counts no places": dict.fromkeys(["pad", "constant_pad_nd"], longer_by_anything),
    "roll counts no places": {"roll": as_it_is},
    "a norm sees each entry alone": {"layer_norm": normed_as_it_is},
    "a slice cuts nothing": {"slice": rows_by_themselves, "narrow": rows_by_themselves},
    "numbers choose any rows": {"index": by_number, "index_select": taken_as_it_is},
    "attention without its values": {"scaled_dot_product_attention": attention_without_tokens},
    "attention without its softmax": {"scaled_dot_product_attention": attention_without_softmax},
    "addbmm without what is added": {"addbmm": addbmm_without_added},
    "a stack is its first": {"stack": stacked_as_the_first},
    "select takes the first": {"select": first_member},
    "unbind gives the first each time": {"unbind": unbound_alike},
    "select leaves the rest alone": {"select": selected_without_freezing},
}
"""Rules to replace, by what is then wrong."""


def examples_until_noticed(rules, count):
    """How many programs were tried until one was not preserved under wrong rules; None where none of so many was."""
    tried = 0

    @settings(max_examples=count, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(PROGRAMS)
    def preserved(program):
        nonlocal tried
        tried += 1
        inputs = examples()
        space = layergen.trace(program, inputs[0], vary=program.vary, prove=False, families=False).space
        assert_preserved(program, space, inputs, elements=2)

    with mock.patch.dict(RULES, rules), contextlib.redirect_stdout(io.StringIO()):
        try:
            preserved()
        except AssertionError:
            return tried
    return None


def main():
    """Print for each planted mistake after how many programs it is noticed."""
    count = int(sys.argv[1]) if sys.argv[1:] else 60
    for name, rules in PLANTED.items():
        sys.stdout.write(f"{name}: {examples_until_noticed(rules, count) or 'not noticed'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
