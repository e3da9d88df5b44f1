"""The parameter graph of a module: every parameter entry and every neuron a node, from the operators themselves.

Graph Metanetworks (Lim et al. 2023) draw neurons as nodes and parameters as edges. Here an edge is a node as well, a
product of a parameter and what it is multiplied with: a permutation of the parameters that extends to an automorphism
of this graph, inputs and outputs staying where they are, leaves the function as it is. The graph is made by running
the network on numbers of nodes instead of values, and knows nothing of the axes that `trace` follows.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.nn import functional

from layergen.tracing.copying import own_copy
from layergen.tracing.exporting import exported
from symmetry.graphs.automorphisms import automorphism_count
from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    import networkx

__all__ = ["automorphisms", "parameter_graph"]

ATEN = torch.ops.aten
NODES = 50_000
"""The largest parameter graph that is made."""
ZERO = 0
"""The number that stands for the constant nought; it is no node, and a product with it is left out."""

MOVES_ENTRIES = {
    *("_unsafe_view", "alias", "cat", "clone", "constant_pad_nd", "detach", "expand", "flip", "index", "permute"),
    *("repeat", "reshape", "select", "slice", "split_with_sizes", "squeeze", "t", "transpose", "unsqueeze", "view"),
    *("_to_copy", "lift_fresh_copy", "stack"),
}
"""Operators that put entries in other places and leave them as they are: they run on node numbers unchanged."""
COMMUTATIVE = {"add", "mul", "maximum", "minimum"}
CONSTANTS = {"arange", "full", "full_like", "scalar_tensor"}


class Builder:
    """The graph so far, and the operator that is adding to it."""

    def __init__(self) -> None:
        import networkx

        self.graph: networkx.Graph = networkx.Graph()
        self.node = ""

    def fresh(self, colours: Sequence[Any]) -> list[int]:
        """New nodes of the given colours."""
        first = self.graph.number_of_nodes() + 1  # nought is no node
        if first + len(colours) > NODES:
            raise SpecificationError(
                f"the parameter graph has more than {NODES:,} nodes", remedy="make the network narrower"
            )
        self.graph.add_nodes_from((first + place, {"colour": colour}) for place, colour in enumerate(colours))
        return list(range(first, first + len(colours)))

    def told_apart(self, like: Tensor) -> Tensor:
        """Nodes no two of which are alike: the entries of an input or of a constant."""
        nodes = self.fresh([(self.node, place) for place in range(like.numel())])
        return torch.tensor(nodes, dtype=torch.long).reshape(like.shape)

    def alike(self, shape: Sequence[int], colour: str = "") -> Tensor:
        """Nodes of one colour."""
        count = int(torch.Size(shape).numel())
        return torch.tensor(self.fresh([(self.node, colour)] * count), dtype=torch.long).reshape(tuple(shape))

    def constant(self, values: Tensor) -> Tensor:
        """A node for each value of a constant."""
        _, place = values.unique(return_inverse=True)
        return self.told_apart(values.unique())[place]

    def pointwise(self, *arguments: Tensor, ordered: bool = True) -> Tensor:
        """Entries made of the entries that meet in broadcasting; with `ordered`, each argument has its part."""
        arguments = torch.broadcast_tensors(*arguments)
        made = self.alike(arguments[0].shape)
        for place, argument in enumerate(arguments):
            ends = made
            if ordered and len(arguments) > 1:
                ends = self.alike(made.shape, f"argument {place}")
                self.join(ends, made)
            self.join(ends, argument)
        return made

    def reduced(self, entries: Tensor, colour: str = "") -> Tensor:
        """Entries each made, in no order, of the last dimension of `entries`."""
        made = self.alike(entries.shape[:-1], colour)
        self.join(made[..., None].expand_as(entries), entries)
        return made

    def join(self, ends: Tensor, others: Tensor) -> None:
        """Edges between the entries of two arrays."""
        pairs = zip(ends.flatten().tolist(), others.flatten().tolist(), strict=True)
        self.graph.add_edges_from(pair for pair in pairs if ZERO not in pair)

    def contracted(self, left: Tensor, right: Tensor) -> Tensor:
        """Sums over the last dimension of products of two arrays that are broadcast."""
        left, right = torch.broadcast_tensors(left, right)
        products = torch.full_like(left, ZERO)
        there = (left != ZERO) & (right != ZERO)
        products[there] = self.alike([int(there.sum())], "product")
        self.join(products, left)
        self.join(products, right)
        return self.reduced(products, "sum")


Rule = Callable[..., Any]


def mm(build: Builder, left: Tensor, right: Tensor) -> Tensor:
    return build.contracted(left[..., :, None, :], right.transpose(-1, -2)[..., None, :, :])


def addmm(build: Builder, bias: Tensor, left: Tensor, right: Tensor) -> Tensor:
    return build.pointwise(bias, mm(build, left, right))


def convolution(
    build: Builder,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    """Each output entry is a sum of products of the entries beneath the kernel with those of the kernel."""
    channels, kernel = x.shape[1], weight.shape[2:]
    places = kernel.numel()
    one = torch.eye(channels * places, dtype=torch.double).reshape(channels * places, channels, *kernel)
    one = one.transpose(0, 1) if transposed else one  # channel c place r of the patches reads channel c at place r
    options = (stride, padding, dilation, transposed, output_padding, 1)
    patches = ATEN.convolution(x.double(), one, None, *options).long()
    patches = patches.unflatten(1, (groups, -1)).flatten(3).transpose(-1, -2)[:, :, None]  # n g 1 p (c r)
    if transposed:
        weight = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(2)
    else:
        weight = weight.unflatten(0, (groups, -1)).flatten(2)
    sums = build.contracted(patches, weight[None, :, :, None]).flatten(1, 2)
    spatial = ATEN.convolution(x.double(), one, None, *options).shape[2:]
    sums = sums.unflatten(-1, spatial)
    return sums if bias is None else build.pointwise(sums, bias.reshape(-1, *[1] * len(kernel)))


def softmax(build: Builder, x: Tensor, dim: int, _half: bool = False) -> Tensor:
    total = build.reduced(x.movedim(dim, -1), "total").unsqueeze(-1).movedim(-1, dim)
    return build.pointwise(x, total)


def standardised(build: Builder, x: Tensor, dims: int) -> Tensor:
    """Entries less their mean over the last `dims` dimensions and by their spread."""
    moments = build.reduced(x.flatten(-dims), "moments")
    return build.pointwise(x, moments.reshape(*moments.shape, *[1] * dims))


def native_layer_norm(
    build: Builder, x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, _eps: float
) -> tuple[Tensor]:
    return (scaled(build, standardised(build, x, len(shape)), weight, bias),)


def native_group_norm(
    build: Builder,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    n: int,
    c: int,
    _area: int,
    groups: int,
    _eps: float,
) -> tuple[Tensor]:
    normal = standardised(build, x.reshape(n, groups, -1), 1).reshape(x.shape)
    return (scaled(build, normal, *(one if one is None else along_channels(one, x) for one in (weight, bias))),)


def batch_norm(
    build: Builder, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, *_: Any
) -> tuple[Tensor]:
    given = [one for one in (weight, bias, mean, variance) if one is not None]
    return (build.pointwise(x, *(along_channels(one, x) for one in given)),)


def instance_norm(build: Builder, x: Tensor, weight: Tensor | None, bias: Tensor | None, *_: Any) -> tuple[Tensor]:
    """Batch norm without running statistics, as instance norm is written."""
    normal = standardised(build, x.transpose(0, 1).flatten(1), 1).unflatten(1, (x.shape[0], -1)).transpose(0, 1)
    return (
        scaled(build, normal.reshape(x.shape), *(v if v is None else along_channels(v, x) for v in (weight, bias))),
    )


def embedding(build: Builder, weight: Tensor, tokens: Tensor, *_: Any) -> Tensor:
    """Each row is a sum over the vocabulary, told apart, of whether a token is that one."""
    chosen = build.told_apart(torch.empty(*tokens.shape, 1, weight.shape[0]))
    return build.contracted(chosen, weight.T)


def along_channels(vector: Tensor, x: Tensor) -> Tensor:
    return vector.reshape(-1, *[1] * (x.ndim - 2))


def scaled(build: Builder, x: Tensor, *vectors: Tensor | None) -> Tensor:
    given = [vector for vector in vectors if vector is not None]
    return build.pointwise(x, *given) if given else x


def pooled(build: Builder, x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, *_: Any) -> tuple[Tensor]:
    """Pooling over windows, as max_pool2d_with_indices gives it: first the values."""
    windows = functional.unfold(x.double().flatten(0, 1)[:, None], kernel, padding=padding, stride=stride or kernel)
    like = functional.max_pool2d(x.double(), kernel, stride or kernel, padding)
    return (build.reduced(windows.long().transpose(-1, -2)).reshape(like.shape),)


def average(build: Builder, x: Tensor, *window: Any) -> Tensor:
    return pooled(build, x, *window)[0]


def adaptive_average(build: Builder, x: Tensor, size: Sequence[int]) -> Tensor:
    return pooled(build, x, [there // wanted for there, wanted in zip(x.shape[-2:], size, strict=True)])[0]


RULES: dict[str, Rule] = {
    "mm": mm,
    "bmm": mm,
    "addmm": addmm,
    "convolution": convolution,
    "_softmax": softmax,
    "native_layer_norm": native_layer_norm,
    "native_group_norm": native_group_norm,
    "_native_batch_norm_legit_no_training": batch_norm,
    "_native_batch_norm_legit": instance_norm,
    "embedding": embedding,
    "max_pool2d_with_indices": pooled,
    "avg_pool2d": average,
    "_adaptive_avg_pool2d": adaptive_average,
}


def reduction(build: Builder, x: Tensor, dims: Any = None, keep: bool = False, **_: Any) -> Tensor:
    """sum, mean, amax and the like: over some dimensions, or over all."""
    dims = list(range(x.ndim)) if dims in (None, []) else [dims] if isinstance(dims, int) else list(dims)
    dims = sorted(dim % x.ndim for dim in dims)
    made = build.reduced(x.permute(*(d for d in range(x.ndim) if d not in dims), *dims).flatten(x.ndim - len(dims)))
    return made.reshape([1 if d in dims else size for d, size in enumerate(x.shape)]) if keep else made


def applied(build: Builder, node: Node, arguments: Any, options: Any) -> Any:
    """What an operator makes of node numbers. Raises `SpecificationError` for one without a rule."""
    if node.target is operator.getitem:
        return arguments[0][arguments[1]]
    name = node.target._schema.name.removeprefix("aten::")  # type: ignore[union-attr]
    tags = node.target.tags  # type: ignore[union-attr]
    if name in RULES:
        return RULES[name](build, *arguments)
    if name in MOVES_ENTRIES:
        options = {key: value for key, value in options.items() if key not in ("dtype", "memory_format")}
        if name in ("view", "_unsafe_view"):
            return arguments[0].reshape(arguments[1])
        return node.target(*arguments, **options)  # type: ignore[operator]
    if name in CONSTANTS:
        return build.constant(node.target(*arguments, **options))  # type: ignore[operator]
    values = [one for one in arguments if isinstance(one, Tensor)]
    if torch.Tag.pointwise in tags and values:
        return build.pointwise(*values, ordered=name not in COMMUTATIVE)
    if torch.Tag.reduction in tags and name not in ("argmax", "argmin"):
        return reduction(build, *arguments)
    raise SpecificationError(
        f"the operator {name!r} has no rule for the parameter graph", remedy="the trace itself may know it"
    )


def parameter_graph(
    module: nn.Module, inputs: Sequence[Any], options: Mapping[str, Any] | None = None
) -> tuple[networkx.Graph, dict[str, Tensor]]:
    """The graph of a module in evaluation mode, and for each tensor of the `state_dict` the nodes of its entries.

    Parameters
    ----------
    module
        The module; it is not changed.
    inputs
        Its positional arguments.
    options
        Its arguments by name.

    Returns
    -------
    networkx.Graph
        A node for each entry, product and sum, whose `colour` tells apart what the module tells apart.
    dict of str to Tensor
        For each tensor of the `state_dict` the nodes of its entries, in the tensor's shape.

    Raises
    ------
    SpecificationError
        If the module cannot be exported, uses an operator without a rule, or its graph has more than 50,000 nodes.

    References
    ----------
    Lim et al., "Graph metanetworks for processing diverse neural architectures", ICLR 2024 (parameter graphs).

    Examples
    --------
    >>> graph, tensors = parameter_graph(nn.Linear(2, 3), [torch.randn(1, 2)])
    >>> {name: nodes.shape for name, nodes in tensors.items()}
    {'weight': torch.Size([3, 2]), 'bias': torch.Size([3])}
    >>> graph.number_of_nodes()  # 9 entries, 2 inputs, 6 products, 3 sums; 3 with a bias, of 2 parts each; 3 outputs
    32
    """
    program = exported(own_copy(module), tuple(inputs), options or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own
        program = program.run_decompositions()
    build, found, tensors = Builder(), dict[Node, Any](), dict[str, Tensor]()
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    for node in program.graph.nodes:
        build.node = node.name
        like = node.meta.get("val")
        if node.op == "placeholder" and isinstance(like, Tensor):
            spec = specs[node.name]
            if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and like.is_floating_point():
                found[node] = tensors[str(spec.target)] = build.alike(like.shape)
            else:
                found[node] = build.told_apart(like)
        elif node.op == "call_function":
            arguments, options = torch.fx.node.map_arg((node.args, node.kwargs), lambda one: found[one])
            found[node] = applied(build, node, arguments, options)
        elif node.op == "output":
            for number, result in enumerate(found[one] for one in node.all_input_nodes):
                build.node = f"output {number}"
                build.join(build.told_apart(result), result)
    return build.graph, tensors


def automorphisms(module: nn.Module, inputs: Sequence[Any], options: Mapping[str, Any] | None = None) -> int:
    """How many permutations of a module's parameter entries extend to automorphisms of its parameter graph.

    A specification whose group has this order misses no symmetry that shows in the operators.

    Parameters
    ----------
    module
        The module; it is not changed.
    inputs
        Its positional arguments.
    options
        Its arguments by name.

    Returns
    -------
    int
        The order of the group that the automorphisms make on the entries.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> automorphisms(network, [torch.randn(1, 1)])       # 4! 3!
    144
    """
    graph, tensors = parameter_graph(module, inputs, options)
    return automorphism_count(graph, [node for nodes in tensors.values() for node in nodes.flatten().tolist()])
