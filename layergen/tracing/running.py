"""A traced graph as a list of calls that run on tensors, one batch of networks or many, and can be watched.

`torch.fx.Interpreter` would do, but that graphs of operators cannot be pickled, and that some operators have no rule
for `torch.vmap`: those are run as what they are made of.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.node import map_aggregate
from torch.nn.attention import SDPBackend, sdpa_kernel

from layergen.tracing.propagation import operator_name, writes

__all__ = ["Call", "Program", "Ref", "program_of"]

COMPOSED = {"gru", "lstm", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"}
"""Operators without a batching rule that are made of others."""
MIXTURE = "mixture of rows"
"""The name of the operator that stands for `embedding` where there are weights of rows instead of numbers of rows."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value in the arguments of a call, by the name of the call or of the entering value."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """One operator: the name of its value, the operator by its name, its arguments with `Ref`s for values."""

    name: str
    operator: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the values that the call reads."""
        return tuple(refs((self.arguments, dict(self.options))))

    def run(self, values: Mapping[str, Any], like: Tensor) -> Any:
        """The value of the call. What it makes of nothing is on the device of `like`, and of its floating type."""

        def given(argument: Any) -> Any:
            return values[argument.name] if isinstance(argument, Ref) else argument

        arguments, options = replaced(self.arguments, given), dict(replaced(dict(self.options), given))
        made = function(self.operator)(*arguments, **options)
        if self.reads or not isinstance(made, Tensor):
            return made
        return made.to(like.device, like.dtype if made.is_floating_point() else made.dtype)


@dataclass(frozen=True, slots=True)
class Program:
    """A graph as a list of calls.

    Parameters
    ----------
    entering
        The names of the values that come into the graph, in its order.
    constants
        Tensors that belong to the graph, by name.
    calls
        The calls, in order; each value is forgotten after the last of them that reads it.
    result
        What the graph gives, with `Ref`s for values.
    names
        The names of the values, by those of the nodes of the graph.
    """

    entering: tuple[str, ...]
    constants: Mapping[str, Tensor]
    calls: tuple[Call, ...]
    result: Any
    names: Mapping[str, str]

    def run(self, values: Mapping[str, Any], like: Tensor, watch: Callable[[str, Any], None]) -> Any:
        """What the graph gives for the values that enter, and the constants; each other value is shown to `watch`."""
        found, last = dict(values), {name: call.name for call in self.calls for name in call.reads}
        kept = {*refs(self.result)}
        with sdpa_kernel(SDPBackend.MATH):  # the others have no batching rule
            for call in self.calls:
                found[call.name] = call.run(found, like)
                watch(call.name, found[call.name])
                for name in call.reads:
                    if last[name] == call.name and name not in kept:
                        found.pop(name, None)
        return replaced(self.result, lambda one: found[one.name] if isinstance(one, Ref) else one)

    def readers(self, name: str) -> list[Call]:
        """The calls that read a value."""
        return [call for call in self.calls if name in call.reads]

    def with_mixtures(self, name: str) -> Program:
        """The program in which embeddings read weights of all their rows, for each token, and not numbers of rows."""
        mixed = (replace(c, operator=MIXTURE, options={}) if name in c.reads else c for c in self.calls)
        return replace(self, calls=tuple(mixed))


def replaced(arguments: Any, by: Callable[[Any], Any]) -> Any:
    """Arguments with a function of each leaf in its place."""
    return map_aggregate(arguments, by)


def refs(arguments: Any) -> Iterator[str]:
    """The names of the values in some arguments."""
    found: list[str] = []
    replaced(arguments, lambda one: found.append(one.name) if isinstance(one, Ref) else None)
    return iter(found)


def function(name: str) -> Callable[..., Any]:
    """The function of an operator."""
    if name == "getitem":
        return operator.getitem
    if name == MIXTURE:
        return lambda weight, mixture, *_: mixture @ weight
    if name == "aten::linear":
        return affine
    space, _, rest = name.partition("::")
    packet, _, overload = rest.partition(".")
    found = getattr(getattr(getattr(torch.ops, space), packet), overload or "default")
    return found.decompose if packet in COMPOSED else found


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer as product and sum: the batching rule of `linear` multiplies both by one as well."""
    product = x @ weight.mT if weight.ndim > 1 else x @ weight
    return product if bias is None else product + bias


def program_of(module: GraphModule) -> Program:
    """The calls of an exported graph.

    Parameters
    ----------
    module
        The graph; the graphs that it wraps, to set gradients or autocast, are written out.

    Returns
    -------
    Program
        The calls, named after the nodes.

    Raises
    ------
    ValueError
        For an operator that is neither ATen's nor wraps others.
    """
    entering = [node for node in module.graph.nodes if node.op == "placeholder"]
    constants: dict[str, Tensor] = {}
    calls: list[Call] = []
    bound: dict[Node, Any] = {node: Ref(node.name) for node in entering}
    result = written_out(module, bound, "", calls, constants)
    needed, kept = {*refs(result)}, list[Call]()
    for call in reversed(calls):
        if call.name in needed or call.operator.split(".")[0].endswith("_"):  # what is written in place may be a view
            kept.insert(0, call)
            needed |= {*call.reads}
    made = {call.name for call in kept}
    names = {node.name: ref.name for node, ref in bound.items() if isinstance(ref, Ref) and ref.name in made}
    return Program(tuple(node.name for node in entering), constants, tuple(kept), result, names)


def written_out(
    module: GraphModule, bound: dict[Node, Any], prefix: str, calls: list[Call], constants: dict[str, Tensor]
) -> Any:
    """What a graph gives, its calls added to `calls`; `bound` holds what stands for each node."""

    def stands(argument: Any) -> Any:
        return bound[argument] if isinstance(argument, Node) else argument

    for node in module.graph.nodes:
        if node.op == "get_attr":
            held = getattr(module, str(node.target))
            bound[node] = Ref(prefix + node.name) if isinstance(held, Tensor) else held
            constants |= {prefix + node.name: held} if isinstance(held, Tensor) else {}
        elif node.op == "call_function":
            arguments, options = replaced((node.args, dict(node.kwargs)), stands)
            bound[node] = called(node, prefix, arguments, options, calls, constants)
        elif node.op == "output":
            return replaced(node.args[0], stands)
    return None


def called(
    node: Node, prefix: str, arguments: Any, options: Any, calls: list[Call], constants: dict[str, Tensor]
) -> Any:
    """What stands for the value of a node: a `Ref`, or the results of a graph that it wraps."""
    name = operator_name(node)
    inner = next((place for place, one in enumerate(arguments) if isinstance(one, GraphModule)), None)
    if inner is not None and name.startswith("wrap_with"):
        graph = arguments[inner]
        places = [one for one in graph.graph.nodes if one.op == "placeholder"]
        bound = dict(zip(places, arguments[inner + 1 :], strict=True))
        return written_out(graph, bound, f"{prefix}{node.name}.", calls, constants)
    if name == "getitem" and isinstance(arguments[0], (list, tuple)):
        return arguments[0][arguments[1]]
    if not node.users and not writes(node):
        return None
    whole = "getitem" if node.target is operator.getitem else str(getattr(node.target, "name", lambda: name)())
    calls.append(Call(prefix + node.name, whole, tuple(arguments), options))
    return Ref(prefix + node.name)
