"""Rules for convolutions and what else works on the positions of images."""

from __future__ import annotations

from typing import Any

from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import cut, join, regroup, size_of
from layergen.tracing.values import Context, Value

__all__: list[str] = []


@rule("conv1d", "conv2d", "conv3d", "convolution")
def convolution(
    context: Context,
    result: Any,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    *rest: Any,
) -> Value:
    """x[n, (g i), …], weight[(g o), i, …]: groups and what is in each; kernel positions stay."""
    transposed = bool(rest[0]) if len(rest) > 1 else False
    groups = rest[-1] if rest else 1
    if transposed:
        return convolved(context, result, x, weight, bias, groups, transposed=True)
    return convolved(context, result, x, weight, bias, groups, transposed=False)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(
    context: Context,
    result: Any,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    """x[n, (g i), …], weight[(g i), o, …]."""
    return convolved(context, result, x, weight, bias, groups, transposed=True)


def convolved(
    context: Context, result: Any, x: Value, weight: Value, bias: Value | None, groups: int, *, transposed: bool
) -> Value:
    """The channels of a convolution in groups."""
    spatial = len(weight.axes) - 2
    for axis in weight.axes[2:]:
        context.freeze(axis, "the positions of a kernel")
    channels = x.axes[-spatial - 1]
    if groups == 1:
        inner, out = (weight.axes[0], weight.axes[1]) if transposed else (weight.axes[1], weight.axes[0])
        context.unify(channels, inner)
        context.value([inner])
    else:
        first = regroup([weight.axes[0]], [groups, size_of(weight.axes[0]) // groups], context.place)
        coming = regroup([channels], [groups, size_of(channels) // groups], context.place)
        context.unify(coming[0], first[0])
        context.unify(coming[1], first[1] if transposed else weight.axes[1])
        context.value(coming)
        out = join([first[0], weight.axes[1]]) if transposed else join(first)
    if bias is not None:
        context.unify(out, bias.axes[0])
    for axis in x.axes[len(x.axes) - spatial :]:
        context.freeze(axis, "the positions of an image")
    after = [context.fixed(int(size), "the positions of an image") for size in result.shape[-spatial:]]
    return context.value([*x.axes[: -spatial - 1], out, *after])


def images(names: str, dimensions: int) -> None:
    """Rules for operators that work on the last few dimensions alone, each position with its neighbours."""

    def positions(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
        for axis in x.axes[-dimensions:]:
            context.freeze(axis, "the positions of an image")
        context.apart_in(x, range(-dimensions, 0))
        several = isinstance(result, (tuple, list))
        shapes = [one.shape for one in result] if several else [result.shape]
        found = [
            context.value(
                [
                    *x.axes[:-dimensions],
                    *(context.fixed(int(s), "the positions of an image") for s in shape[-dimensions:]),
                ]
            )
            for shape in shapes
        ]
        return found if several else found[0]

    rule(*(name.format(dimensions) for name in names.split()))(positions)


for count in (1, 2, 3):
    images("avg_pool{}d max_pool{}d adaptive_avg_pool{}d adaptive_max_pool{}d max_pool{}d_with_indices", count)
images("upsample_linear1d upsample_nearest1d reflection_pad1d replication_pad1d", 1)
images("upsample_bilinear2d upsample_nearest2d upsample_bicubic2d reflection_pad2d replication_pad2d", 2)
images("upsample_trilinear3d upsample_nearest3d", 3)


@rule("pixel_shuffle")
def pixel_shuffle(context: Context, result: Any, x: Value, factor: int) -> Value:
    """Channels (c r r) spread over positions."""
    channels, *inner = regroup([x.axes[-3]], [size_of(x.axes[-3]) // factor**2, factor, factor], context.place)
    for axis in (*inner, *x.axes[-2:]):
        context.freeze(axis, "the positions of an image")
    context.value([channels])
    spread = [context.fixed(int(size), "the positions of an image") for size in result.shape[-2:]]
    return context.value([*x.axes[:-3], channels, *spread])


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(context: Context, result: Any, x: Value, groups: int) -> Value:
    """Channels (g c) dealt out as (c g)."""
    parts = regroup([x.axes[1]], [groups, size_of(x.axes[1]) // groups], context.place)
    return context.value([x.axes[0], join(parts[::-1]), *x.axes[2:]])


@rule("prelu")
def prelu(context: Context, result: Any, x: Value, slope: Value) -> Value:
    """A slope for each channel, or one."""
    if slope.axes and size_of(slope.axes[0]) != 1:
        context.unify(x.axes[min(1, len(x.axes) - 1)], slope.axes[0])
    return context.value(x.axes)


@rule("glu")
def glu(context: Context, result: Any, x: Value, dim: int = -1) -> Value:
    """The first half of a dimension, gated by the second."""
    dim %= len(x.axes)
    half = size_of(x.axes[dim]) // 2
    axes = list(x.axes)
    axes[dim] = context.unify(*cut(x.axes[dim], [half, half], context.place))
    return context.value(axes)
