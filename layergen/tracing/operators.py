"""The operator table: what each ATen operator demands of the axes of its arguments, and the axes of its result.

A rule takes the context, what the operator returns in the traced run (for its shapes), and the operator's own
arguments with values in place of tensors. What has no rule is opaque: it freezes what it touches, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from layergen.tracing.unknowns import ONE, Atom, Axis, Sum, chosen, cut, join, regroup
from layergen.tracing.values import Context, Value, leaves_of

__all__ = ["RULES"]

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule into the table under the names of operators."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


POINTWISE = """
    abs acos add add_ addcdiv addcmul alias and asin atan atan2 bitwise_and bitwise_not bitwise_or bitwise_xor bool ceil
    celu clamp clamp_max clamp_min clip clone contiguous copy cos cosh detach detach_ div div_ dropout dropout_ elu elu_
    eq erf exp expm1 feature_dropout fill float floor floor_divide fmod ge gelu gt half hardshrink hardsigmoid
    hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ int isfinite isinf isnan le leaky_relu leaky_relu_ lerp
    lift_fresh lift_fresh_copy log log10 log1p log2 log_sigmoid logical_and logical_not logical_or logical_xor long lt
    masked_fill masked_fill_ maximum minimum mish mul mul_ nan_to_num native_dropout ne neg pow reciprocal relu relu6
    relu6_ relu_ remainder round rsqrt rsub selu selu_ sigmoid sigmoid_ sign silu silu_ sin sinh softplus softsign sqrt
    square copy_ softshrink rrelu alpha_dropout feature_alpha_dropout _weight_norm
    sub sub_ tan tanh tanh_ threshold to true_divide type_as where xlogy _to_copy __and__ __or__ __xor__
"""
CONSTANT = """
    zeros ones full empty new_full new_empty scalar_tensor zeros_like ones_like full_like empty_like new_zeros new_ones
"""


@rule(*POINTWISE.split())
def pointwise(context: Context, result: Any, *arguments: Any, **options: Any) -> Value:
    """Entries in the same place."""
    return context.pointwise(leaves_of((arguments, options)))


@rule(*CONSTANT.split())
def constant(context: Context, result: Any, *arguments: Any, **options: Any) -> Value:
    """The same number everywhere."""
    made = context.value([context.fresh(int(size)) for size in result.shape])
    context.constants.append(made)
    return made


# Products


@rule("linear")
def linear(context: Context, result: Any, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x[…, in], weight[out, in], bias[out]."""
    context.unify(x.axes[-1], weight.axes[-1])
    out = list(weight.axes[:-1])
    if bias is not None:
        context.unify(out[0], bias.axes[0])
    return context.value([*x.axes[:-1], *out])


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def matmul(context: Context, result: Any, left: Value, right: Value) -> Value:
    """Dimensions before the last two are aligned, the last and the last but one are summed over."""
    rows = list(left.axes[-2:-1]) if len(left.axes) > 1 else []
    columns = list(right.axes[-1:]) if len(right.axes) > 1 else []
    context.unify(left.axes[-1], right.axes[-2] if len(right.axes) > 1 else right.axes[-1])
    batch = context.pointwise([context.value(left.axes[:-2]), context.value(right.axes[:-2])])
    return context.value([*batch.axes, *rows, *columns])


@rule("addmm", "baddbmm", "addbmm")
def addmm(context: Context, result: Any, added: Value, left: Value, right: Value, **options: Any) -> Value:
    """added + left @ right."""
    return context.pointwise([matmul(context, result, left, right), added])


@rule("einsum")
def einsum(context: Context, result: Any, equation: str, operands: Sequence[Value], **options: Any) -> Any:
    """Every letter is one axis."""
    equation = equation.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    if not arrow:
        plain = inputs.replace(",", "").replace("...", "")
        output = "..." * ("..." in inputs) + "".join(sorted(one for one in set(plain) if plain.count(one) == 1))
    letters: dict[str, Axis] = {}
    batches = []
    for term, operand in zip(inputs.split(","), operands, strict=True):
        before, dots, after = term.partition("...")
        count = len(operand.axes) - len(before) - len(after)
        named = [*operand.axes[: len(before)], *operand.axes[len(before) + count :]]
        if dots:
            batches.append(context.value(operand.axes[len(before) : len(before) + count]))
        for letter, axis in zip(before + after, named, strict=True):
            letters[letter] = context.unify(letters[letter], axis) if letter in letters else axis
    before, dots, after = output.partition("...")
    middle = context.pointwise(batches).axes if dots else ()
    return context.value([*(letters[one] for one in before), *middle, *(letters[one] for one in after)])


@rule("outer")
def outer(context: Context, result: Any, left: Value, right: Value) -> Value:
    """Every entry with every entry."""
    return context.value([*left.axes, *right.axes])


@rule("scaled_dot_product_attention")
def attention(
    context: Context,
    result: Any,
    query: Value,
    key: Value,
    value: Value,
    mask: Value | None = None,
    dropout: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Value:
    """query[…, l, e], key[…, s, e], value[…, s, v]."""
    context.unify(query.axes[-1], key.axes[-1])
    context.unify(key.axes[-2], value.axes[-2])
    if options.get("enable_gqa") and query.axes[-3].size != key.axes[-3].size:
        groups, _ = regroup(
            [query.axes[-3]], [key.axes[-3].size, query.axes[-3].size // key.axes[-3].size], context.place
        )
        context.unify(key.axes[-3], groups)
        context.unify(value.axes[-3], groups)
        batch = context.value(query.axes[:-2])
    else:
        batch = context.pointwise([context.value(one.axes[:-2]) for one in (query, key, value)])
    if is_causal:
        context.freeze(query.axes[-2], "causal attention")
        context.freeze(key.axes[-2], "causal attention")
    scores = context.value([*batch.axes, query.axes[-2], key.axes[-2]])
    if mask is not None:
        context.pointwise([scores, mask])
    return context.value([*batch.axes, query.axes[-2], value.axes[-1]])


# Convolution and what goes with images


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
    else:
        first = regroup([weight.axes[0]], [groups, weight.axes[0].size // groups], context.place)
        coming = regroup([channels], [groups, channels.size // groups], context.place)
        context.unify(coming[0], first[0])
        context.unify(coming[1], first[1] if transposed else weight.axes[1])
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
    channels, *inner = regroup([x.axes[-3]], [x.axes[-3].size // factor**2, factor, factor], context.place)
    for axis in (*inner, *x.axes[-2:]):
        context.freeze(axis, "the positions of an image")
    spread = [context.fixed(int(size), "the positions of an image") for size in result.shape[-2:]]
    return context.value([*x.axes[:-3], channels, *spread])


@rule("prelu")
def prelu(context: Context, result: Any, x: Value, slope: Value) -> Value:
    """A slope for each channel, or one."""
    if slope.axes and slope.axes[0].size != 1:
        context.unify(x.axes[min(1, len(x.axes) - 1)], slope.axes[0])
    return context.value(x.axes)


@rule("glu")
def glu(context: Context, result: Any, x: Value, dim: int = -1) -> Value:
    """The first half of a dimension, gated by the second."""
    dim %= len(x.axes)
    half = x.axes[dim].size // 2
    axes = list(x.axes)
    axes[dim] = context.unify(*cut(x.axes[dim], [half, half], context.place))
    return context.value(axes)


# Norms


@rule("batch_norm", "instance_norm")
def batch_norm(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """Statistics and parameters of the channels, dimension 1."""
    for value in leaves_of((arguments, options)):
        context.unify(x.axes[1], value.axes[0])
    return context.value(x.axes)


@rule("layer_norm", "rms_norm")
def layer_norm(context: Context, result: Any, x: Value, shape: Any, *arguments: Any, **options: Any) -> Value:
    """Statistics over the last dimensions, parameters along them."""
    for value in leaves_of((arguments, options)):
        for axis, other in zip(x.axes[len(x.axes) - len(value.axes) :], value.axes, strict=True):
            context.unify(axis, other)
    return context.value(x.axes)


@rule("group_norm")
def group_norm(context: Context, result: Any, x: Value, groups: int, *arguments: Any, **options: Any) -> Value:
    """Statistics of groups of channels: the groups permute, and the channels within each."""
    for value in leaves_of((arguments, options)):
        context.unify(x.axes[1], value.axes[0])
    parts = regroup([x.axes[1]], [groups, x.axes[1].size // groups], context.place)
    context.value([x.axes[0], parts[0]])
    return context.value(x.axes)


@rule("softmax", "log_softmax", "_softmax", "_log_softmax", "logsumexp_keep")
def softmax(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """Entries against the others along one dimension, all alike."""
    return context.value(x.axes)


# Reductions


@rule("mean", "sum", "amax", "amin", "prod", "var", "std", "logsumexp", "linalg_vector_norm", "norm", "any", "all")
def reduction(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """All entries along some dimensions alike: what is left are the others."""
    if not hasattr(result, "shape"):
        return context.opaque([x], result)
    candidates = [*arguments, *options.values()]
    chosen: Any = next((one for one in candidates if isinstance(one, (list, tuple)) or type(one) is int), None)
    places = [chosen] if isinstance(chosen, int) else chosen or range(len(x.axes))
    gone = {place % max(len(x.axes), 1) for place in places}
    if len(result.shape) == len(x.axes):
        return context.value([ONE if place in gone else axis for place, axis in enumerate(x.axes)])
    return context.value([axis for place, axis in enumerate(x.axes) if place not in gone])


@rule("linalg_vector_norm", "norm")
def norm(context: Context, result: Any, x: Value, order: Any = 2, *arguments: Any, **options: Any) -> Any:
    """As a reduction; the first argument is no dimension."""
    return reduction(context, result, x, *arguments, **options)


@rule("max", "min")
def extreme(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """The largest entry of all or along a dimension, with its place; or of two aligned values."""
    if leaves_of(arguments):
        return context.pointwise([x, *leaves_of(arguments)])
    if not isinstance(result, (tuple, list)):
        return context.value([])
    return with_places(context, result, x, int([*arguments, *options.values()][0]))


@rule("sort", "topk", "kthvalue", "median", "mode", "cummax", "cummin")
def by_size(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """Entries along a dimension by their size, with their places."""
    if not isinstance(result, (tuple, list)):
        return context.opaque([x], result)
    default = {"topk": [0, -1], "sort": [-1], "kthvalue": [0, -1]}.get(context.place.split(" ")[0], [-1])
    numbers = [one for one in arguments if type(one) is int]
    dim = options.get("dim", (numbers + default[len(numbers) :])[-1] if numbers or default else -1)
    if context.place.startswith("cum"):
        context.freeze(x.axes[dim])
    return with_places(context, result, x, dim)


def with_places(context: Context, result: Any, x: Value, dim: int) -> list[Any]:
    """Values that do not depend on the order along a dimension; their places, where those are used, do."""
    dim %= max(len(x.axes), 1)
    same = len(result[0].shape) == len(x.axes)
    length = int(result[0].shape[dim]) if same and x.axes else 0
    middle = [context.fixed(length)] if same else []
    axes = [*x.axes[:dim], *middle, *x.axes[dim + 1 :]]

    def places() -> Value:
        if x.axes:
            context.freeze(x.axes[dim])
        return context.value(axes)

    return [context.value(axes), places]


@rule("argmax", "argmin")
def place_of_extreme(context: Context, result: Any, x: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """The place of the largest entry along a dimension."""
    if dim is None:
        return context.opaque([x], result)
    dim %= len(x.axes)
    context.freeze(x.axes[dim])
    return context.value([*x.axes[:dim], *([ONE] if keepdim else []), *x.axes[dim + 1 :]])


@rule("cumsum", "cumprod", "flip", "roll", "argsort", "logcumsumexp")
def ordered(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Any:
    """Places count along some dimensions: the last argument that names them."""
    named = [one for one in (*arguments, *options.values()) if isinstance(one, (int, list, tuple)) and one is not False]
    if not named or (context.place.startswith("roll") and len(named) < 2):
        return context.opaque([x], result)
    dims = named[-1] if isinstance(named[-1], (list, tuple)) else [named[-1] if named[-1] is not True else -1]
    for dim in dims:
        context.freeze(x.axes[dim])
    return context.value(x.axes)


@rule("tril", "triu")
def triangle(context: Context, result: Any, x: Value, *arguments: Any) -> Value:
    """Places count along the last two dimensions."""
    for axis in x.axes[-2:]:
        context.freeze(axis)
    return context.value(x.axes)


# Views


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_copy", "_reshape_alias")
def view(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """The same entries in the same order."""
    shape = [int(size) for size in result.shape]
    family = context.node in context.apart
    return context.value(regroup(x.axes, shape, context.place, context.node, family=family))


@rule("permute", "movedim")
def permute(context: Context, result: Any, x: Value, places: Sequence[int], *to: Any) -> Any:
    """Dimensions in another order."""
    if to:
        return context.opaque([x], result)
    return context.value([x.axes[place] for place in places])


@rule("transpose", "swapaxes")
def transpose(context: Context, result: Any, x: Value, first: int, second: int) -> Value:
    """Two dimensions exchanged."""
    axes = list(x.axes)
    axes[first], axes[second] = axes[second], axes[first]
    return context.value(axes)


@rule("t", "numpy_T", "mT", "adjoint")
def turned(context: Context, result: Any, x: Value) -> Value:
    """A matrix turned."""
    return context.value([*x.axes[:-2], *x.axes[-2:][::-1]])


@rule("expand", "expand_as", "broadcast_to")
def expand(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """Repeated along new dimensions and those of size 1."""
    shape = [int(size) for size in result.shape]
    old: list[Axis | None] = [*[None] * (len(shape) - len(x.axes)), *x.axes]
    return context.value(
        [
            axis if axis is not None and axis.size == size else context.fresh(size)
            for axis, size in zip(old, shape, strict=True)
        ]
    )


@rule("repeat")
def repeat(context: Context, result: Any, x: Value, repeats: Sequence[int]) -> Value:
    """Whole copies, one after the other."""
    old = [*[ONE] * (len(repeats) - len(x.axes)), *x.axes]
    return context.value(
        [axis if count == 1 else join([context.fresh(count), axis]) for axis, count in zip(old, repeats, strict=True)]
    )


@rule("repeat_interleave")
def repeat_interleave(
    context: Context, result: Any, x: Value, repeats: Any, dim: int | None = None, **options: Any
) -> Any:
    """Each entry so many times in a row."""
    if not isinstance(repeats, int) or dim is None:
        return context.opaque([x, *leaves_of(repeats)], result)
    axes = list(x.axes)
    axes[dim] = join([axes[dim], context.fresh(repeats)])
    return context.value(axes)


# Putting together and taking apart


@rule("cat", "concat", "concatenate")
def cat(context: Context, result: Any, values: Sequence[Value], dim: int = 0) -> Value:
    """One after the other along a dimension, aligned in the others."""
    values = [value for value in values if value.axes and 0 not in value.shape]
    dim %= len(values[0].axes)
    axes: list[Axis] = [
        context.unify(*(value.axes[place] for value in values)) for place in range(len(values[0].axes)) if place != dim
    ]
    axes.insert(dim, join([Sum(tuple(value.axes[dim] for value in values))]))
    return context.value(axes)


@rule("stack")
def stack(context: Context, result: Any, values: Sequence[Value], dim: int = 0) -> Value:
    """Values along a new dimension, the axes of each its own: families over that dimension."""
    over = Atom(len(values), why="what is stacked")
    axes = [
        side_by_side(context, over, [value.axes[place] for value in values]) for place in range(len(values[0].axes))
    ]
    axes.insert(dim % (len(axes) + 1), over if len(values) > 1 else ONE)
    return context.value(axes)


def side_by_side(context: Context, over: Atom, axes: Sequence[Axis]) -> Axis:
    """One axis for several: the same where they are, else a family over what tells them apart, else made one."""
    alone = [join([axis]) for axis in axes]
    members = tuple(axis for axis in alone if isinstance(axis, Atom) and not axis.members and not axis.why)
    if all(axis is alone[0] for axis in alone) or len(members) < len(alone):
        return context.unify(*axes)
    return Atom(alone[0].size, over=over, members=members)


@rule("split", "split_with_sizes", "chunk", "tensor_split")
def parts(context: Context, result: Any, x: Value, sizes: Any, dim: int = 0) -> list[Value]:
    """Cut along a dimension."""
    dim %= len(x.axes)
    lengths = [int(one.shape[dim]) for one in result]
    found = cut(x.axes[dim], lengths, context.place)
    return [context.value([*x.axes[:dim], part, *x.axes[dim + 1 :]]) for part in found]


@rule("slice", "narrow")
def part(context: Context, result: Any, x: Value, dim: int = 0, start: Any = None, *rest: Any) -> Value:
    """A piece along a dimension; with steps, places count."""
    dim %= len(x.axes)
    size, length = x.axes[dim].size, int(result.shape[dim])
    if size == length:
        return context.value(x.axes)
    step = rest[1] if len(rest) > 1 else 1
    if length == 0:
        return context.value([*x.axes[:dim], Atom(0, why=context.place), *x.axes[dim + 1 :]])
    begin = 0 if start is None else int(start)
    begin = min(max(begin + size if begin < 0 else begin, 0), size)
    if step != 1:
        context.freeze(x.axes[dim])
        piece = context.fixed(length)
    else:
        lengths = [begin, length, size - begin - length]
        found = cut(x.axes[dim], [one for one in lengths if one], context.place)
        piece = found[1 if begin else 0]
    return context.value([*x.axes[:dim], piece, *x.axes[dim + 1 :]])


@rule("select")
def select(context: Context, result: Any, x: Value, dim: int, index: Any) -> Value:
    """One entry along a dimension."""
    dim %= len(x.axes)
    taken = join([x.axes[dim]])
    if isinstance(taken, Atom) and not taken.why and taken.origin:
        context.selected.add(taken.origin)
    context.freeze(taken, "one entry is taken out of it")
    number = index % taken.size if isinstance(index, int) and taken.size else 0
    left = [*x.axes[:dim], *x.axes[dim + 1 :]]
    return context.value([chosen(axis, taken, number) for axis in left])


@rule("unbind")
def unbind(context: Context, result: Any, x: Value, dim: int = 0) -> list[Value]:
    """Every entry along a dimension."""
    return [select(context, one, x, dim, number) for number, one in enumerate(result)]


@rule("getitem")
def getitem(context: Context, result: Any, values: Any, index: Any) -> Any:
    """One of several results."""
    found = values[index]
    return found() if callable(found) else found


@rule("pad", "constant_pad_nd")
def pad(context: Context, result: Any, x: Value, *arguments: Any, **options: Any) -> Value:
    """Longer dimensions: places count along those."""
    axes = []
    for axis, size in zip(x.axes, result.shape, strict=True):
        if axis.size != size:
            context.freeze(axis)
        axes.append(axis if axis.size == size else context.fixed(int(size)))
    return context.value(axes)


@rule("embedding")
def embedding(context: Context, result: Any, weight: Value, indices: Value, *arguments: Any, **options: Any) -> Value:
    """A row for each index."""
    context.freeze(weight.axes[0], "an index from the data counts along it")
    return context.value([*indices.axes, weight.axes[1]])


@rule(
    "_assert_tensor_metadata",
    "_assert_async",
    "_assert_scalar",
    "sym_size",
    "sym_constrain_range_for_size",
    "_set_grad_enabled",
)
def nothing(context: Context, result: Any, *arguments: Any, **options: Any) -> Any:
    """What looks at shapes and numbers, and gives no tensor."""
    return result


@rule("diff")
def diff(context: Context, result: Any, x: Value, n: int = 1, dim: int = -1, *arguments: Any) -> Value:
    """Each entry against its neighbour: places count along that dimension."""
    context.freeze(x.axes[dim])
    axes = list(x.axes)
    axes[dim] = context.fixed(int(result.shape[dim]))
    return context.value(axes)


@rule("gather")
def gather(context: Context, result: Any, x: Value, dim: int, indices: Value, **options: Any) -> Value:
    """Entries along a dimension by number, aligned in the others where those are whole."""
    dim %= max(len(x.axes), 1)
    for place, (axis, other) in enumerate(zip(x.axes, indices.axes, strict=True)):
        if place == dim:
            context.freeze(axis, "entries are taken out of it by number")
        elif axis.size != 1 or other.size != 1:
            context.unify(other, axis)
    return context.value(indices.axes)


@rule("index_select")
def index_select(context: Context, result: Any, x: Value, dim: int, indices: Value) -> Value:
    """Entries along a dimension by number."""
    dim %= len(x.axes)
    context.freeze(x.axes[dim], "entries are taken out of it by number")
    return context.value([*x.axes[:dim], indices.axes[0], *x.axes[dim + 1 :]])


@rule("index")
def index(context: Context, result: Any, x: Value, indices: Sequence[Value | None]) -> Any:
    """Entries by numbers along the first dimensions; the others stay."""
    used = [place for place, one in enumerate(indices) if one is not None]
    if used != list(range(len(used))):
        return context.opaque([x, *leaves_of(list(indices))], result)
    for place in used:
        context.freeze(x.axes[place], "entries are taken out of it by number")
    chosen = context.pointwise([one for one in indices if one is not None])
    axes = [*chosen.axes, *x.axes[len(used) :]]
    if [axis.size for axis in axes] != [int(size) for size in result.shape]:
        return context.opaque([x], result)
    return context.value(axes)


# Recurrent layers


@rule("lstm")
def lstm(context: Context, result: Any, x: Value, state: Sequence[Value], weights: Sequence[Value], *flags: Any) -> Any:
    """Four gates over the hidden units."""
    return recurrent(context, result, x, list(state), weights, flags, gates=4)


@rule("gru")
def gru(context: Context, result: Any, x: Value, state: Value, weights: Sequence[Value], *flags: Any) -> Any:
    """Three gates over the hidden units."""
    return recurrent(context, result, x, [state], weights, flags, gates=3)


@rule("rnn_tanh", "rnn_relu")
def rnn(context: Context, result: Any, x: Value, state: Value, weights: Sequence[Value], *flags: Any) -> Any:
    """The hidden units alone."""
    return recurrent(context, result, x, [state], weights, flags, gates=1)


def unify_state(context: Context, axis: Axis, units: list[Axis]) -> None:
    """The units of each layer and direction with those of a state: one set for each, or one for all."""
    given = join([axis])
    if isinstance(given, Atom) and len(given.members) == len(units):
        for member, unit in zip(given.members, units, strict=True):
            context.unify(member, unit)
    else:
        context.unify(axis, *units)


@rule("lstm_cell")
def lstm_cell(context: Context, result: Any, x: Value, state: Sequence[Value], *weights: Any) -> Any:
    """One step of an LSTM."""
    hidden = cell(context, x, list(state), weights, gates=4)
    return [context.value([*x.axes[:-1], hidden]) for _ in result]


@rule("gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def plain_cell(context: Context, result: Any, x: Value, state: Value, *weights: Any) -> Value:
    """One step of a GRU or an RNN."""
    gates = 3 if context.place.startswith("gru") else 1
    return context.value([*x.axes[:-1], cell(context, x, [state], weights, gates=gates)])


def cell(context: Context, x: Value, states: list[Value], weights: Sequence[Any], *, gates: int) -> Axis:
    """weight_ih[(g h), x], weight_hh[(g h), h], biases; returns the units."""
    ih, hh, *biases = weights
    hidden = hh.axes[1]
    context.unify(ih.axes[1], x.axes[-1])
    for value in (ih, hh, *leaves_of(biases)):
        for part_ in cut(value.axes[0], [hidden.size] * gates, context.place):
            context.unify(hidden, part_)
    for state in states:
        context.unify(hidden, state.axes[-1])
    return hidden


def recurrent(
    context: Context, result: Any, x: Value, states: list[Value], weights: Sequence[Value], flags: Any, *, gates: int
) -> Any:
    """Layers of weight_ih[(g h), x], weight_hh[(g h), h], biases; both directions where there are two.

    A state has one set of units a layer and direction in one tensor: a family.
    """
    biased, layers, _, _, both, _ = flags
    each = (4 if biased else 2) * (2 if both else 1)
    coming, units = x.axes[-1], []
    if len(weights) != each * layers:
        return context.opaque([x, *states, *weights], result)
    for layer in range(layers):
        outs = []
        mine = weights[layer * each : (layer + 1) * each]
        for direction in range(2 if both else 1):
            ih, hh, *biases = mine[
                direction * each // (2 if both else 1) : (direction + 1) * each // (2 if both else 1)
            ]
            hidden = hh.axes[1]
            context.unify(ih.axes[1], coming)
            for value in (ih, hh, *biases):
                parts_ = cut(value.axes[0], [hidden.size] * gates, context.place)
                for part_ in parts_:
                    context.unify(hidden, part_)
            outs.append(hidden)
        units += outs
        coming = join([Sum(tuple(outs))]) if both else outs[0]
    for state in states:
        if state not in context.constants:
            unify_state(context, state.axes[-1], units)

    def final() -> Value:
        over = Atom(len(units), why="layers and directions")
        first = over if len(units) > 1 else ONE
        return context.value([first, *states[0].axes[1:-1], side_by_side(context, over, units)])

    return [context.value([*x.axes[:-1], coming]), *(final for _ in states)]
