"""Following a module's graph: every axis of every value gets a name, and operators say which names are one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import GraphModule, Node

from layergen.tracing.differing import note_differences
from layergen.tracing.lengths import moving_nodes
from layergen.tracing.nesting import company_of, nesting, with_two_parents
from layergen.tracing.operators import RULES
from layergen.tracing.operators.table import CHOOSING, CONSTANT, SAME_NUMBERS
from layergen.tracing.pairing import scattered
from layergen.tracing.reached import CUTS, freeze_unseen, unseen_entries
from layergen.tracing.unknowns import Atom, Axis, atoms, chosen, collapse, factors, freeze, join
from layergen.tracing.values import Context, Step, Value, leaves_of
from symmetry.language.axes import Sum, concatenation

__all__ = ["Followed", "follow"]


@dataclass(frozen=True, slots=True)
class Followed:
    """The axes of a module's floating-point tensors, every value that there was, and what was not understood."""

    tensors: Mapping[str, Value]
    stored: Mapping[str, Value]
    """The tensors as the steps read them; their families are written out in `tensors`."""
    steps: tuple[Step, ...]
    constants: tuple[Value, ...]
    """Values that are the same number everywhere, into which nothing is written."""
    values: tuple[Value, ...]
    warnings: tuple[str, ...]
    assumed: tuple[str, ...]
    """Buffers whose values were taken to be the same in all networks."""
    unseen: Mapping[str, NDArray[np.bool_]]
    """For the tensors of which no example reaches some entries: which."""
    nodes: Mapping[Node, Any]
    """What each node of the graphs gives: a value, several, or what is no tensor."""
    data: frozenset[Value]
    """The values that depend on the inputs."""
    parents: Mapping[Atom, Atom]
    """The index that each nested one is within."""
    beside: Mapping[Atom, Sequence[Atom]]
    """For indices that could be nested within others as well: those others."""


MOVING = CUTS | {"select"}
"""Operators that freeze what they cut where inputs of other lengths have it cut in another place."""
PASSING = {*SAME_NUMBERS.split(), "getitem"}
NOT_SEEN = "frozen, wholly or in part, because no example reaches it (further examples with also= may)"


def follow(programs: Sequence[ExportedProgram], ties: Mapping[str, str]) -> Followed:
    """Run graphs of one module on axes instead of numbers. Inputs and outputs are frozen, and what no graph reads.

    `ties` gives tied tensors one name. Views whose parts are taken out one by one are known at the end only: with such,
    the graphs are run again.
    """
    moving = moving_nodes(programs)
    context, tensors = run(programs, ties, Context(moving=moving))
    if context.selected:
        context, tensors = run(programs, ties, Context(moving=moving, apart=frozenset(context.selected)))
    values = settled(context.values)
    freeze_unseen(tensors.values(), context.steps, context.outputs)
    stored = tensors
    tensors = {name: Value(tuple(map(spelled, value.axes))) for name, value in stored.items()}
    unseen = {name: mask for name, value in tensors.items() if (mask := unseen_entries(value)).any()}
    own = {atom for value in tensors.values() for axis in value.axes for atom in atoms(axis)}
    company = {atom: others for atom, others in company_of(values).items() if atom in own}
    parents = nesting(company)
    warnings = [*context.warnings, *([f"{NOT_SEEN}: {', '.join(map(repr, unseen))}"] if unseen else [])]
    return Followed(
        tensors,
        stored,
        tuple(context.steps),
        tuple(context.constants),
        tuple(values),
        tuple(dict.fromkeys(warnings)),
        tuple(dict.fromkeys(context.assumed)),
        unseen,
        context.nodes,
        frozenset(context.data),
        parents,
        with_two_parents(company, parents),
    )


def settled(values: Sequence[Value]) -> list[Value]:
    """The variants of all values, once no family is left to collapse: two that become one may leave more to do."""
    families = set[Atom]()
    while True:
        found = [variant for value in values for variant in variants(value)]
        left = {atom for value in values for axis in value.axes for atom in atoms(axis) if atom.members}
        if left == families:
            return found
        families = left


def variants(value: Value) -> Iterator[Value]:
    """A value with families: one for each index of what they are over. Scattered ones are collapsed."""
    for family in scattered(value.axes):
        collapse(family)
    families = [atom for axis in value.axes for atom in atoms(axis) if atom.members]
    overs = dict.fromkeys(family.over for family in families if family.over is not None)
    if not overs:
        yield value
        return
    over = next(iter(overs))
    for index in range(over.size):
        yield from variants(Value(tuple(chosen(axis, over, index) for axis in value.axes)))


def spelled(axis: Axis) -> Axis:
    """An axis with families written out as concatenations; where what they are over is elsewhere, collapsed."""
    found = factors(axis)
    for place, factor in enumerate(found):
        if isinstance(factor, Sum):
            found[place] = concatenation(map(spelled, factor.terms))
        if isinstance(factor, Atom) and any(isinstance(one, Atom) and one.over is factor for one in found[place + 1 :]):
            rest = join(found[place + 1 :])
            return join([*found[:place], concatenation(spelled(chosen(rest, factor, i)) for i in range(factor.size))])
    for factor in found:
        if isinstance(factor, Atom) and factor.members:
            collapse(factor)
    return join(found)


def run(
    programs: Sequence[ExportedProgram], ties: Mapping[str, str], context: Context
) -> tuple[Context, dict[str, Value]]:
    """One run over the graphs."""
    tensors: dict[str, Value] = {}
    for number, program in enumerate(programs):
        context.program = f"{number} "
        nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
        specs = program.graph_signature.input_specs
        values = [
            entering(context, program, node, spec, ties, tensors) for node, spec in zip(nodes, specs, strict=True)
        ]
        context.outputs += leaves_of(walk(context, program.graph_module, values))
    freeze_numbers(context, context.outputs)
    for value in context.outputs:
        for axis in value.axes:
            freeze(axis, "an axis of the output")
    return context, tensors


def walk(context: Context, module: GraphModule, arguments: Sequence[Any]) -> Any:
    """The result of a graph for some arguments."""
    found: dict[Node, Any] = {}
    given = iter(arguments)
    for node in module.graph.nodes:
        if node.op == "placeholder":
            found[node] = next(given)
        elif node.op == "get_attr":
            constant = getattr(module, str(node.target))
            found[node] = fixed_value(context, constant, "a constant")
        elif node.op == "call_function":
            found[node] = called(context, node, found) if node.users or writes(node) else None
        elif node.op == "output":
            return looked_up(node.args[0], found)
        context.nodes[node] = found[node]
    return None


def entering(
    context: Context,
    program: ExportedProgram,
    node: Node,
    spec: Any,
    ties: Mapping[str, str],
    tensors: dict[str, Value],
) -> Any:
    """What comes into the graph: a parameter or buffer (tied ones are one), a constant, an input."""
    like = node.meta.get("val")
    if not isinstance(like, Tensor):
        return like
    stored = spec.kind == InputKind.PARAMETER or (spec.kind == InputKind.BUFFER and bool(spec.persistent))
    if stored and like.is_floating_point() and like.numel():
        name = ties.get(spec.target, spec.target)
        if name not in tensors:
            tensors[name] = context.value([context.fresh(int(size)) for size in like.shape])
            if spec.kind == InputKind.PARAMETER:
                context.weights.add(tensors[name])
        return tensors[name]
    if spec.kind == InputKind.USER_INPUT:
        made = context.value([context.fixed(int(size), "an axis of the input") for size in like.shape])
        context.data.add(made)
        context.alive.add(made)
        return made
    if stored and (like.is_complex() or spec.kind == InputKind.PARAMETER):
        why = "it is complex" if like.is_complex() else "it has no entries"
        context.warnings.append(f"{spec.target!r} is not declared: {why}; what it meets is frozen")
    elif spec.kind == InputKind.BUFFER and node.users:
        context.assumed.append(spec.target)
    constants: dict[str, Any] = {**program.state_dict, **program.constants}
    # What another network may have otherwise is alike along an axis by chance.
    return fixed_value(context, constants.get(spec.target, like), f"the constant {spec.target!r}", chance=stored)


def fixed_value(context: Context, tensor: Any, why: str, *, chance: bool = False) -> Any:
    """A constant: frozen along each axis but those along which it is the same, where that is not by chance."""
    if not isinstance(tensor, Tensor):
        return tensor
    axes = []
    for place, size in enumerate(tensor.shape):
        plain = not chance and (type(tensor) is Tensor or isinstance(tensor, nn.Parameter))
        same = plain and size > 1 and tensor.numel() and bool((tensor == tensor.narrow(place, 0, 1)).all())
        axes.append(context.fresh(int(size)) if same else context.fixed(int(size), why))
    return context.value(axes)


def called(context: Context, node: Node, found: Mapping[Node, Any]) -> Any:
    """The result of one operator, with a step on record."""
    arguments, options = looked_up(node.args, found), looked_up(node.kwargs, found)
    named = by_name(node, arguments, options)
    result = applied(context, node, arguments, options)
    context.batched = {}
    read, given = leaves_of((arguments, options)), leaves_of(result)
    if context.data.intersection(read):
        context.data.update(given)
    if not operator_name(node).startswith("wrap_with"):  # those have the steps of what they wrap
        context.steps.append(Step(operator_name(node), read, given, writes(node), named))
    return result


def applied(context: Context, node: Node, arguments: Any, options: Any) -> Any:
    """The result of one operator by its rule; one without a rule, or whose rule fails, freezes what it touches."""
    name = operator_name(node)
    context.node, context.place = context.program + node.name, f"{name} in {module_path(node)}"
    context.named = by_name(node, arguments, options)
    result = node.meta.get("val")
    values = leaves_of((arguments, options))
    if not values and isinstance(result, (Tensor, list, tuple)) and name not in RULES:
        return context.opaque([], result)
    inner = next((place for place, one in enumerate(arguments) if isinstance(one, GraphModule)), None)
    if inner is not None and name.startswith("wrap_with"):
        return walk(context, arguments[inner], arguments[inner + 1 :])
    batch(context, values)
    numbers = values if name in PASSING else leaves_of(context.named.get(CHOOSING.get(name, "")))
    freeze_numbers(context, [value for value in values if value not in numbers])
    if name in MOVING and context.node in context.moving:
        context.freeze(arguments[0].axes[context.named.get("dim", 0)], "cut where the length of an input says")
    if name in RULES:
        try:
            return checked(context, name, RULES[name](context, result, *arguments, **options), result, node)
        except (TypeError, ValueError, IndexError, AttributeError, KeyError, ArithmeticError, RuntimeError) as error:
            context.place += f" (its rule does not fit: {error})"
            return context.opaque(values, result)
    context.place += " (there is no rule for this operator)"
    return context.opaque(values, result)


def batch(context: Context, values: Sequence[Value]) -> None:
    """The axes that `vmap` hides from the operator at work: at each level those of all its arguments are one."""
    context.batched = {}
    for value in values:
        for level, axis in context.hidden.get(value, {}).items():
            context.batched[level] = context.unify(context.batched.get(level, axis), axis)


def freeze_numbers(context: Context, values: Iterable[Value]) -> None:
    """Numbers of places, to whoever reads them as anything else, tell the places apart."""
    for value in values:
        if value in context.numbers:
            context.freeze(context.numbers[value], "numbers of its places are read")


def checked(context: Context, name: str, found: Any, result: Any, node: Node) -> Any:
    """What a rule gives, of the shape that the operator has. Raises `ValueError` for another."""
    several = isinstance(found, list)
    if several != isinstance(result, (list, tuple)):
        raise ValueError("it gives one result for several" if several else "it gives several results for one")
    for one, like in zip(found, result, strict=True) if several else [(found, result)]:
        if isinstance(one, Value) and one.shape != tuple(int(size) for size in like.shape):
            raise ValueError(f"it gives {one.shape}, not {tuple(like.shape)}")
    if isinstance(found, Value):
        pass_numbers(context, name, found)
        if not written_into(node):
            note_differences(context, name, found)
            if name in CONSTANT.split():
                context.constants.append(found)
    return found


def pass_numbers(context: Context, name: str, found: Value) -> None:
    """A view of numbers of places holds such numbers."""
    read = leaves_of(list(context.named.values())) if name in SAME_NUMBERS.split() else []
    if read and read[0] in context.numbers and found not in context.numbers:
        context.numbers[found] = context.numbers[read[0]]
        context.value([*found.axes, context.numbers[found]])


def by_name(node: Node, arguments: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operator by name, the defaults included."""
    schema = getattr(node.target, "_schema", None)
    given = [] if schema is None else schema.arguments
    defaults = {one.name: one.default_value for one in given if one.has_default_value()}
    return defaults | dict(zip((one.name for one in given), arguments, strict=False)) | dict(options)


def written_into(node: Node) -> bool:
    """Whether a value, or a view of it, is changed in place later."""
    return any(writes(user) or (is_view(user) and written_into(user)) for user in node.users)


def is_view(node: Node) -> bool:
    """Whether the result of an operator may share memory with an argument."""
    schema = getattr(node.target, "_schema", None)
    return schema is None or any(one.alias_info is not None for one in schema.returns)


def writes(node: Node) -> bool:
    """Whether an operator changes an argument in place: that counts though nobody uses its result."""
    schema = getattr(node.target, "_schema", None)
    return bool(schema is not None and schema.is_mutable)


def operator_name(node: Node) -> str:
    """`conv2d` for `aten.conv2d.default`, `getitem` for Python's."""
    target: Any = node.target
    packet = getattr(target, "overloadpacket", None)
    return str(packet.__name__ if packet is not None else getattr(target, "__name__", target))


def module_path(node: Node) -> str:
    """The module that called an operator, as far as the graph remembers."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return paths[-1] or "the module itself" if paths else "the module itself"


def looked_up(arguments: Any, found: Mapping[Node, Any]) -> Any:
    """Arguments with values in place of nodes."""
    if isinstance(arguments, Node):
        return found[arguments]
    if isinstance(arguments, dict):
        return {name: looked_up(value, found) for name, value in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return [looked_up(value, found) for value in arguments]
    return arguments
