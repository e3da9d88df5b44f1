"""Which values of a traced graph live on the indices of a weight space, and on which of their axes.

The axes of the declared tensors are unified with those that the graph was followed with. What they then have in common
tells for every other value which of its axes are declared indices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.fx import Node

from layergen.tracing.propagation import Followed, operator_name, written_into
from layergen.tracing.unknowns import Atom, Axis, atoms, factors, join, known, size_of, unify
from layergen.tracing.values import Value, leaves_of
from symmetry import WeightSpace
from symmetry.kinds.index import Index
from symmetry.language import axes
from symmetry.language.axes import Expression, print_axes, substitute
from symmetry.language.names import fresh_name
from symmetry.space.weight_space import Tensor as Declared

__all__ = ["OwnAxes", "Recorded", "matched", "recorded_values"]

SAME_ENTRIES = {
    *("_reshape_alias", "_to_copy", "_unsafe_view", "alias", "clone", "contiguous", "detach", "dropout", "expand"),
    *("feature_dropout", "flatten", "lift_fresh", "mT", "movedim", "numpy_T", "permute", "reshape", "squeeze"),
    *("swapaxes", "t", "to", "transpose", "type_as", "unflatten", "unsqueeze", "view", "view_copy"),
}
"""Operators whose result has the entries of their first argument, in evaluation mode, in some other shape."""


Reduction = Callable[[Tensor, tuple[int, ...]], Tensor]
"""What is done to the axes of a value that are no indices: a function of a tensor and the places of these axes."""


@dataclass(frozen=True, slots=True)
class OwnAxes:
    """The axes of a value, taken apart into factors, and what each of them is.

    Parameters
    ----------
    sizes
        The sizes of the factors.
    probe
        The place of the factor along which probes are stacked; None where there is one probe.
    kept
        The places of the factors that are declared indices.
    declared
        The axis string of the factors kept.
    """

    sizes: tuple[int, ...]
    probe: int | None
    kept: tuple[int, ...]
    declared: str

    def of(self, value: Tensor, reduce: Reduction) -> Tensor:
        """The value on the declared indices, the probes last, and the other factors taken together by `reduce`."""
        first = self.kept if self.probe is None else (*self.kept, self.probe)
        others = [place for place in range(len(self.sizes)) if place not in first]
        value = value.reshape(self.sizes).permute(*first, *others)
        value = reduce(value, tuple(range(len(first), value.ndim))) if others else value
        return value.unsqueeze(-1) if self.probe is None else value


@dataclass(frozen=True, slots=True)
class Recorded:
    """A value of a graph that lives on declared indices.

    Parameters
    ----------
    name
        A name for it: the path of the module that makes it, or its node where that is the module itself.
    node
        The name of its node.
    axes
        Its axes.
    written
        Whether the value is changed in place later.
    """

    name: str
    node: str
    axes: OwnAxes
    written: bool

    def of(self, value: Tensor, reduce: Reduction) -> Tensor:
        """The value on its own axes, which stays as it is when the graph goes on."""
        found = self.axes.of(value, reduce)
        return found.clone() if self.written else found


def matched(
    followed: Followed, space: WeightSpace, ties: Mapping[str, str], numbering: Collection[str] = ()
) -> dict[Atom, str]:
    """The index of a weight space that each axis of a followed module is, where it is one.

    Parameters
    ----------
    followed
        The followed module. Its axes become finer where the space's are.
    space
        A weight space of the module, or a part of one.
    ties
        For each name of a tensor the name that its value has in `followed`.
    numbering
        Names of indices that number blocks of the module, such as experts: that these may be permuted together with
        axes that an operator is not known to let be permuted shows in no graph.

    Returns
    -------
    dict
        Names of indices by the axes that they were found to be.

    Raises
    ------
    ValueError
        If a tensor is not the module's, or declares indices where the module has other ones.
    """
    declared = {index.name: Atom(index.size, why="" if moves(index) else "declared free") for index in space.indices}
    values = {tensor.name: followed.tensors.get(ties.get(tensor.name, tensor.name)) for tensor in space}
    for tensor in space:
        value = values[tensor.name]
        if value is None or math.prod(value.shape) != math.prod(tensor.shape):
            shape = "there is no such tensor" if value is None else f"it has shape {value.shape}"
            raise ValueError(f"{NOT_ITS}: {tensor.name!r} is declared with shape {tensor.shape}, in the module {shape}")
        for at, theirs, ours in pairs(tensor, value):
            unify(theirs, substitute(ours, lambda atom: leaf(atom, declared)), f"{tensor.name!r} declares another axis")
            for name in dict.fromkeys(atom.name for atom in axes.atoms(ours) if atom.name):
                if fault := unlike(declared, name, space, numbering):
                    raise ValueError(f"{NOT_ITS}: tensor {tensor.name!r}, {at}: {fault}")
    found = {atom: name for name, one in reversed(declared.items()) if isinstance(atom := known(one), Atom)}
    for name, value in followed.tensors.items():
        for atom in (atom for axis in value.axes for atom in atoms(axis) if value not in values.values()):
            if atom in found and moves(space.index(found[atom])):
                raise ValueError(f"{NOT_ITS}: {name!r} has the axis of {found[atom]!r}, and is not in the space")
    return found


NOT_ITS = "the space is not the module's"


def pairs(tensor: Declared, value: Value) -> Iterator[tuple[str, Axis, Expression]]:
    """Each axis of a tensor: where it is, as the module has it, and as it is declared.

    The rows and columns of pixels are one axis of what is declared: there the axes are one product.
    """
    if value.shape == tensor.shape:
        for place, (theirs, ours) in enumerate(zip(value.axes, tensor.axes, strict=True)):
            yield f"axis {place} ({ours})", theirs, ours
    else:
        yield f"axes {print_axes(tensor.axes)}", join(value.axes), axes.product(tensor.axes)


def leaf(atom: axes.Atom, declared: Mapping[str, Atom]) -> Axis:
    """A leaf of a declared axis, as one of the trace."""
    return declared[atom.name] if atom.name else Atom(atom.size, why="declared free")


def moves(index: Index) -> bool:
    """Whether a group moves the values of an index; a learned embedding tells those of a positional one apart."""
    return index.action is not None and not index.embedded


def unlike(declared: Mapping[str, Atom], name: str, space: WeightSpace, numbering: Collection[str]) -> str:
    """What keeps a declared index from being one of the module's; empty if nothing does."""
    if not moves(space.index(name)) or declared[name].size == 1:
        return ""
    own = known(declared[name])
    if not isinstance(own, Atom):
        sizes = " × ".join(str(size_of(factor)) for factor in factors(own))
        return f"the module treats the {declared[name].size} values of {name!r} as {sizes}"
    if own.why and name not in numbering:
        return f"the module does not let {name!r} be permuted: {own.why}"
    other = next((other for other, atom in declared.items() if other != name and known(atom) is own), None)
    return f"{name!r} and {other!r} are one set in the module" if other else ""


def recorded_values(
    followed: Followed, space: WeightSpace, names: Mapping[Atom, str], probes: Collection[Atom], graph: Sequence[Node]
) -> list[Recorded]:
    """The values that live on declared sets, which meet weights or are made of them.

    Views, copies and the like of a value count as that value. A value that depends on no input is none.

    Parameters
    ----------
    followed
        The followed module.
    space
        The weight space.
    names
        Names of indices by axis, as `matched` gives them.
    probes
        The axes along which inputs are stacked.
    graph
        The nodes of the graph.

    Returns
    -------
    list of Recorded
        In the order of the graph.
    """
    data = {node for node in graph if not followed.data.isdisjoint(leaves_of(followed.nodes.get(node)))}
    given = {node: value for node in data if isinstance(value := followed.nodes.get(node), Value)}
    placed = {node: own for node, value in given.items() if (own := own_axes(value, space, names, probes)) is not None}
    weights, chosen = weight_nodes(graph, data), set[Node]()
    for node in graph:
        if node in data and not weights.isdisjoint(node.all_input_nodes):
            results = [node, *(user for user in node.users if operator_name(user) == "getitem")]
            chosen |= {source(one, placed) for one in (*node.all_input_nodes, *results) if one in placed}
    found: list[Recorded] = []
    for node in graph:
        if node in chosen and node.op == "call_function":
            name = fresh_name(named_after(node), {one.name for one in found})
            found.append(Recorded(name, node.name, placed[node], written_into(node)))
    return found


def weight_nodes(graph: Sequence[Node], data: Collection[Node]) -> set[Node]:
    """The nodes of tensors of the module, and of what is made of these alone; those of `data` are made of inputs."""
    found = set[Node]()
    for node in graph:
        if node not in data and (node.op == "placeholder" or not found.isdisjoint(node.all_input_nodes)):
            found.add(node)
    return found


def source(node: Node, placed: Collection[Node]) -> Node:
    """The first of those nodes that has the entries of this one."""
    while operator_name(node) in SAME_ENTRIES and isinstance(before := node.args[0], Node) and before in placed:
        node = before
    return node


def named_after(node: Node) -> str:
    """The path of the module that makes a value, or the name of its node where that is the module itself."""
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return paths[-1] or node.name if paths else node.name


def own_axes(value: Value, space: WeightSpace, names: Mapping[Atom, str], probes: Collection[Atom]) -> OwnAxes | None:
    """The axes of a value; None if it does not live on declared sets, has no probes, or mixes sets with what is none.

    This is the place where a value gets its axes.
    """
    found = [factor for axis in value.axes for factor in factors(axis)]
    places = [place for place, factor in enumerate(found) if factor in probes]
    kept = {place: spelling for place, factor in enumerate(found) if (spelling := spelled(factor, names)) is not None}
    present = {atom.name for expression in kept.values() for atom in axes.atoms(expression)} - {""}
    others = {atom for place, factor in enumerate(found) if place not in kept for atom in atoms(factor)}
    lives = any(moves(space.index(name)) for name in present)
    if not lives or len(places) != bool(probes) or not others.isdisjoint(names):
        return None
    sizes = tuple(size_of(factor) for factor in found)
    return OwnAxes(sizes, places[0] if places else None, tuple(kept), print_axes(kept.values()))


def spelled(factor: Axis, names: Mapping[Atom, str]) -> Expression | None:
    """A factor as an expression over declared indices; None if it has none, or others that are not free."""
    inside = list(atoms(factor))
    if names.keys().isdisjoint(inside) or any(atom not in names and not atom.why for atom in inside):
        return None

    def named(atom: Atom) -> Expression:
        return axes.Atom(names[atom]) if atom in names else axes.Atom("", atom.size)

    return substitute(factor, named)
